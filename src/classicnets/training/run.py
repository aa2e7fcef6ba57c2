"""A training run from its recipe to its bundle and report."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from lightning.pytorch.loggers import Logger
from rich.console import Console

from classicnets.data.images import DataSet
from classicnets.data.sets import open_data
from classicnets.data.unreadable import Skipped, readable
from classicnets.evaluation.counting import Evaluation
from classicnets.files import remove_unfinished
from classicnets.networks.chain import Chain
from classicnets.training.checkpoints import checkpoints
from classicnets.training.folder import is_begun, must_be_free, new_run, newest_checkpoint, old_run
from classicnets.training.keeper import Keeper
from classicnets.training.module import TrainedNetwork
from classicnets.training.parts import (
    filled_in,
    network_of,
    preprocessing_of,
    quiet_lightning,
    stream_of,
    tested,
    trainer_of,
)
from classicnets.training.preparing import with_means
from classicnets.training.processor import keep_freed_memory
from classicnets.training.recipe.reading import complete
from classicnets.training.recipe.recipe import Recipe
from classicnets.training.recompute import recompute, said
from classicnets.training.report.summary import write_summary
from classicnets.training.scale.strategy import StrategyName, strategy_of
from classicnets.training.scale.testing import test_together
from classicnets.training.scale.world import World, as_the_first, joined, whole_world
from classicnets.training.step_watch import StepWatch
from classicnets.training.transfer.source import Source, begin_with, reopen
from classicnets.training.watch.loggers import loggers_of
from classicnets.training.watch.names import UNREADABLE, check_record
from classicnets.training.watch.progress import TrainingProgress
from classicnets.weights import bundle


class Surroundings:
    """What a run finds around it, which decides nothing of its result.

    Attributes:
        world: the processes that train together.
        strategy: how they share the network.
        data_dir: where data sets lie.
        console: where progress goes; only the first process has something to say.
        record: what is recorded on request, see `ON_REQUEST`.
        loggers: Lightning's, which are told, too.
    """

    def __init__(
        self,
        world: World,
        strategy: StrategyName,
        data_dir: Path | None,
        console: Console | None,
        record: Collection[str],
        loggers: Sequence[Logger],
    ) -> None:
        check_record(record)
        self.world = world
        self.strategy = strategy
        self.data_dir = data_dir
        self.record = record
        self.loggers = loggers
        self.console = (console or Console(stderr=True)) if world.leads else Console(quiet=True)

    @property
    def sharded(self) -> bool:
        """Whether each process holds only a part of the weights."""
        return self.strategy == "fsdp" and self.world.is_shared


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
    strategy: StrategyName = "ddp",
    record: Collection[str] = (),
    loggers: Sequence[Logger] = (),
    restartable: bool = False,
) -> Run:
    """Train a network as a recipe says, and keep the run in a folder.

    Started on several processes by ``torchrun`` or SLURM, they train one network together, each on its share of every
    batch; the first keeps the run.

    Args:
        fields: of the recipe; see `Recipe`. What the weights of ``transfer`` decide may be left out.
        out: the run's folder; None makes one under ``runs/``.
        data_dir: where data sets lie.
        console: where progress goes; None stands for standard error.
        strategy: of several processes; see `scale.strategy`.
        record: what is recorded besides metrics.csv and steps.csv, some of `ON_REQUEST`.
        loggers: Lightning's (Weights & Biases, MLflow, ...), which are told what steps and epochs come to.
        restartable: go on with the run in ``out`` where the same one has been begun there, as who starts a command
            again after every failure wants it.

    Raises:
        UsageError: a mistake in the recipe, the data or the folder.
        Interrupted: Ctrl-C; the run can be resumed.
    """
    world = whole_world()
    with joined(world):
        if out is not None and restartable and as_the_first(world, lambda: is_begun(out)):
            return resume(
                out,
                wanted=fields,
                data_dir=data_dir,
                console=console,
                strategy=strategy,
                record=record,
                loggers=loggers,
            )
        if out is not None:
            as_the_first(world, lambda: must_be_free(out))
        begun, source = begin_with(fields)
        surroundings = Surroundings(world, strategy, data_dir, console, record, loggers)
        return _run(complete(begun), lambda recipe: new_run(out, recipe), surroundings, source)


def resume(
    folder: Path,
    *,
    wanted: Mapping[str, Any] | None = None,
    data_dir: Path | None = None,
    console: Console | None = None,
    strategy: StrategyName = "ddp",
    record: Collection[str] = (),
    loggers: Sequence[Logger] = (),
) -> Run:
    """Go on with a run where its last checkpoint stands; the result is the same, bit for bit, as if never stopped.

    Args:
        folder: of the run.
        wanted: fields of the recipe that the run must have been started with.
        data_dir: where data sets lie.
        console: where progress goes; None stands for standard error.
        strategy: of several processes; see `scale.strategy`. It need not be the one that the run began with.
        record: see `train`.
        loggers: see `train`.

    Raises:
        UsageError: there is no such run, its checkpoints are damaged, or its data has changed.
        Interrupted: Ctrl-C; the run can be resumed again.
    """
    world = whole_world()
    with joined(world):
        recipe = as_the_first(world, lambda: old_run(folder, wanted or {}))
        source = None if checkpoints(folder / "checkpoints") else reopen(recipe.transfer)
        surroundings = Surroundings(world, strategy, data_dir, console, record, loggers)
        return _run(recipe, lambda recipe: folder, surroundings, source)


def _run(
    recipe: Recipe, folder_for: Callable[[Recipe], Path], surroundings: Surroundings, source: Source | None
) -> Run:
    data = open_data(recipe.data, data_dir=surroundings.data_dir, seed=recipe.seed)
    network = network_of(recipe, data, source)
    recipe = with_means(filled_in(recipe, network), data)
    folder = as_the_first(surroundings.world, lambda: folder_for(recipe))
    _fit(recipe, data, network, folder, surroundings)
    return _conclude(recipe, data, folder, surroundings)


def _fit(recipe: Recipe, data: DataSet, network: Chain, folder: Path, surroundings: Surroundings) -> None:
    world, console = surroundings.world, surroundings.console
    preprocessing = preprocessing_of(recipe)
    skipped = _skipped(recipe, folder)
    stream = stream_of(recipe, data, world, skipped)
    share = stream.batches.share
    if chosen := recompute(network, recipe, images=-(-recipe.batch_size // (share.ranks * share.pieces))):
        console.print(f"[dim]{said(chosen)}[/dim]", highlight=False)
    module = TrainedNetwork(
        network,
        recipe,
        stream.steps,
        epoch_steps=stream.batches.steps,
        share=share,
        piece_at=stream.piece,
        world=world,
        sharded=surroundings.sharded,
    )
    checkpoint = as_the_first(world, lambda: _checkpoint_of(folder, module))
    if checkpoint.steps >= stream.steps:
        console.print(f"[dim]{folder}: all {stream.steps} steps are done[/dim]")
        return
    if checkpoint.path:
        console.print(f"[dim]going on after step {checkpoint.steps} of {stream.steps}[/dim]")
    if world.leads:
        for place in (folder, folder / "checkpoints", folder / "bundle"):
            remove_unfinished(place)
    keep_freed_memory()
    progress = TrainingProgress(stream.epochs, stream.steps, checkpoint.steps, console)
    keeper = Keeper(
        folder=folder,
        recipe=recipe,
        stream=stream,
        test=tested(recipe, data, world, skipped),
        classes=data.classes,
        preprocessing=preprocessing,
        progress=progress,
        world=world,
    )
    with progress, quiet_lightning(), keeper.heeding_interrupts():
        loggers = loggers_of(surroundings.record, folder, checkpoint.steps, surroundings.loggers)
        watch = StepWatch(keeper, rows="gradients" in surroundings.record, loggers=loggers)
        strategy = strategy_of(surroundings.strategy, world, network, recipe)
        trainer = trainer_of(recipe, watch, keeper, world=world, strategy=strategy, loggers=loggers)
        trainer.fit(module, stream, ckpt_path=checkpoint.path, weights_only=True)


def _conclude(recipe: Recipe, data: DataSet, folder: Path, surroundings: Surroundings) -> Run:
    world = surroundings.world
    kept = bundle.load(folder / "bundle")
    test = tested(recipe, data, world, _skipped(recipe, folder))
    with surroundings.console.status("testing and writing the report"):
        evaluation = test_together(world, kept.network, test, kept.classes)
        if skipped := _skipped(recipe, folder):  # read anew: it lists what all processes have skipped
            test = tested(recipe, replace(data, test=readable(data.test, skipped)), world)
        report = as_the_first(world, lambda: write_summary(folder, kept, test, evaluation))
    if skipped:
        surroundings.console.print(f"{skipped}", highlight=False, markup=False, soft_wrap=True)
    return Run(folder=folder, bundle=folder / "bundle", report=report, evaluation=evaluation)


def _skipped(recipe: Recipe, folder: Path) -> Skipped | None:
    """Where unreadable images are counted and listed; None where they are to stop the run."""
    return Skipped(folder / UNREADABLE) if recipe.unreadable == "skip" else None


class _Checkpoint(NamedTuple):
    path: Path | None
    steps: int


def _checkpoint_of(folder: Path, module: TrainedNetwork) -> _Checkpoint:
    """The newest checkpoint of the run, which ``module`` must have written, and the steps taken until then."""
    found = newest_checkpoint(folder)
    if found is None:
        return _Checkpoint(None, 0)
    path, content = found
    module.must_have_written(content, path)
    return _Checkpoint(path, content["global_step"])
