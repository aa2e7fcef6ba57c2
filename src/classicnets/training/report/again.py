"""The report of a run that has ended, once more."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from classicnets.data.sets import open_data
from classicnets.data.unreadable import Skipped, readable
from classicnets.evaluation.counting import evaluate_network
from classicnets.training.parts import tested
from classicnets.training.report.records import Record
from classicnets.training.report.summary import write_summary
from classicnets.training.scale.world import ALONE
from classicnets.training.watch.names import UNREADABLE
from classicnets.weights import bundle


def write_again(
    record: Record,
    *,
    page: Path | None = None,
    data_dir: Path | None = None,
    progress: Callable[[int], None] = lambda images: None,
) -> Path:
    """Test the network of a run that has ended, and write the run's report.

    Args:
        record: of the run.
        page: where to; None stands for ``report.html`` in the run's folder.
        data_dir: where data sets lie.
        progress: told how many more images are tested.

    Returns:
        The path of the page.

    Raises:
        UsageError: the data is not there, or not what it was.
    """
    kept = bundle.load(record.folder / "bundle")
    data = open_data(record.recipe.data, data_dir=data_dir, seed=record.recipe.seed)
    skipped = Skipped(record.folder / UNREADABLE)
    # What the run has skipped, which may be nothing.
    test = tested(record.recipe, replace(data, test=readable(data.test, skipped)), ALONE)
    evaluation = evaluate_network(kept.network, test, kept.classes, progress=progress)
    return write_summary(record.folder, kept, test, evaluation, page=page)
