"""A training run from its recipe to its bundle and report."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from classicnets.data.images import DataSet
from classicnets.data.pipeline import batches
from classicnets.data.sets import open_data
from classicnets.evaluation.counting import Evaluation, evaluate_network
from classicnets.files import remove_unfinished
from classicnets.networks.chain import Chain
from classicnets.training.folder import must_be_free, new_run, newest_checkpoint, old_run
from classicnets.training.keeper import Keeper
from classicnets.training.module import TrainedNetwork
from classicnets.training.parts import (
    filled_in,
    network_of,
    preprocessing_of,
    quiet_lightning,
    stream_of,
    trainer_of,
)
from classicnets.training.processor import keep_freed_memory
from classicnets.training.progress import TrainingProgress
from classicnets.training.recipe import Recipe, complete
from classicnets.training.summary import write_summary
from classicnets.weights import bundle


@dataclass(frozen=True, kw_only=True)
class Run:
    """A finished run.

    Attributes:
        folder: everything the run left.
        bundle: the network with its weights.
        report: the page to open in a browser.
        evaluation: of the bundle, on the test images.
    """

    folder: Path
    bundle: Path
    report: Path
    evaluation: Evaluation


def train(
    fields: Mapping[str, Any],
    *,
    out: Path | None = None,
    data_dir: Path | None = None,
    console: Console | None = None,
) -> Run:
    """Train a network as a recipe says, and keep the run in a folder.

    Args:
        fields: of the recipe; see `Recipe`.
        out: the run's folder; None makes one under ``runs/``.
        data_dir: where data sets lie.
        console: where progress goes; None stands for standard error.

    Raises:
        UsageError: a mistake in the recipe, the data or the folder.
        Interrupted: Ctrl-C; the run can be resumed.
    """
    if out is not None:
        must_be_free(out)
    return _run(complete(dict(fields)), lambda recipe: new_run(out, recipe), data_dir, console)


def resume(
    folder: Path,
    *,
    wanted: Mapping[str, Any] | None = None,
    data_dir: Path | None = None,
    console: Console | None = None,
) -> Run:
    """Go on with a run where its last checkpoint stands; the result is the same, bit for bit, as if never stopped.

    Args:
        folder: of the run.
        wanted: fields of the recipe that the run must have been started with.
        data_dir: where data sets lie.
        console: where progress goes; None stands for standard error.

    Raises:
        UsageError: there is no such run, its checkpoints are damaged, or its data has changed.
        Interrupted: Ctrl-C; the run can be resumed again.
    """
    return _run(old_run(folder, wanted or {}), lambda recipe: folder, data_dir, console)


def _run(recipe: Recipe, folder_for: Callable[[Recipe], Path], data_dir: Path | None, console: Console | None) -> Run:
    console = console or Console(stderr=True)
    data = open_data(recipe.data, data_dir=data_dir, seed=recipe.seed)
    network = network_of(recipe, data)
    recipe = filled_in(recipe, network)
    folder = folder_for(recipe)
    _fit(recipe, data, network, folder, console)
    return _conclude(recipe, data, folder, console)


def _fit(recipe: Recipe, data: DataSet, network: Chain, folder: Path, console: Console) -> None:
    preprocessing = preprocessing_of(recipe)
    stream = stream_of(recipe, data)
    module = TrainedNetwork(network, recipe, len(stream))
    checkpoint = newest_checkpoint(folder)
    if checkpoint:
        module.must_have_written(checkpoint[1], checkpoint[0])
    done = checkpoint[1]["global_step"] if checkpoint else 0
    if done >= len(stream):
        console.print(f"[dim]{folder}: all {len(stream)} steps are done[/dim]")
        return
    if checkpoint:
        console.print(f"[dim]going on after step {done} of {len(stream)}[/dim]")
    for place in (folder, folder / "checkpoints", folder / "bundle"):
        remove_unfinished(place)
    keep_freed_memory()
    progress = TrainingProgress(recipe.epochs, len(stream), done, console)
    keeper = Keeper(
        folder=folder,
        recipe=recipe,
        stream=stream,
        test=batches(data.test, preprocessing, batch_size=256, workers=recipe.workers),
        classes=data.classes,
        preprocessing=preprocessing,
        progress=progress,
    )
    with progress, quiet_lightning(), keeper.heeding_interrupts():
        trainer = trainer_of(recipe, keeper)
        trainer.fit(module, stream, ckpt_path=checkpoint[0] if checkpoint else None, weights_only=True)


def _conclude(recipe: Recipe, data: DataSet, folder: Path, console: Console) -> Run:
    kept = bundle.load(folder / "bundle")
    test = batches(data.test, kept.preprocessing, batch_size=256, workers=recipe.workers)
    with console.status("testing and writing the report"):
        evaluation = evaluate_network(kept.network, test, kept.classes)
        report = write_summary(folder, recipe, kept, test, evaluation)
    return Run(folder=folder, bundle=folder / "bundle", report=report, evaluation=evaluation)
