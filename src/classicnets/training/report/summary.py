"""A run's report, gathered from its folder and from the last test of its network."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from classicnets import catalog
from classicnets.data.batches import Batches
from classicnets.evaluation.counting import Evaluation
from classicnets.papers import read_paper
from classicnets.training.recipe.reading import as_yaml
from classicnets.training.report.page import LastTest, Report, ShownImage, write_report
from classicnets.training.report.records import Record, read_record
from classicnets.weights.bundle import Bundle

REPORT = "report.html"

_SHOWN = 24  # images on each sheet


def write_summary(
    folder: Path, kept: Bundle, test: Batches, evaluation: Evaluation, *, page: Path | None = None
) -> Path:
    """Write the report of a run that has ended.

    Args:
        folder: of the run, with its ``metrics.csv``.
        kept: the run's bundle.
        test: the images that ``evaluation`` counted, in its order.
        evaluation: of the bundle.
        page: where to; None stands for ``report.html`` in the folder.

    Returns:
        The path of the page.
    """
    low, high = evaluation.interval
    right = evaluation.predicted == evaluation.labels
    tested = LastTest(
        classes=evaluation.classes,
        confusion=evaluation.confusion,
        right=_shown(np.flatnonzero(right), test, evaluation),
        wrong=_shown(np.flatnonzero(~right), test, evaluation),
    )
    record = read_record(folder)
    result = {
        "images": evaluation.images,
        "top1_error": evaluation.top1_error,
        "top5_error": evaluation.top5_error,
        "interval_low": low,
        "interval_high": high,
        "parameters": sum(parameter.numel() for parameter in kept.network.parameters()),
        "seconds": record.seconds,
    }
    path = page or folder / REPORT
    write_report(path, _report(record, result, tested))
    return path


def write_progress(record: Record, *, page: Path | None = None) -> Path:
    """Write the report of a run that has not ended: what is recorded so far; nothing is tested for it.

    Returns:
        The path of the page, which is ``report.html`` in the folder where none is given.
    """
    path = page or record.folder / REPORT
    write_report(path, _report(record, record.result(), None))
    return path


def _report(record: Record, result: dict[str, float | int], tested: LastTest | None) -> Report:
    of_steps = "" if record.of_steps is None else f" of {record.of_steps:,}"
    return Report(
        title=record.title,
        state="" if record.finished else f"Not finished: {record.done:,}{of_steps} steps are recorded.",
        history=record.epochs,
        steps=record.steps,
        gradients=record.gradients,
        interruptions=record.interruptions,
        result=result,
        reported=reported_lines(record.recipe.network),
        tested=tested,
        recipe=as_yaml(record.recipe),
        environment=record.starts[-1].environment if record.starts else {},
    )


def reported_lines(network: str) -> tuple[str, ...]:
    """What the network's paper reported, a line a result, with how it was tested."""
    facts = read_paper(catalog.find(network).family).facts(network)
    return tuple(
        f"{result.metric} {result.value:g}% on {result.data} ({result.protocol}), {result.certainty}"
        for result in facts.reported
    )


def _shown(candidates: npt.NDArray[np.int64], test: Batches, evaluation: Evaluation) -> tuple[ShownImage, ...]:
    # Evenly spread over the test set, so that a sorted set shows more than its first class.
    chosen = candidates[np.linspace(0, len(candidates) - 1, min(_SHOWN, len(candidates))).astype(np.int64)]
    if not len(chosen):
        return ()
    pixels = test.pixels(chosen).numpy()
    return tuple(
        ShownImage(
            pixels=image,
            label=int(evaluation.labels[index]),
            predicted=int(evaluation.predicted[index]),
            probability=float(evaluation.probability[index]),
        )
        for index, image in zip(chosen, pixels, strict=True)
    )
