"""The parts of a run that a recipe decides: the network, its input, the batches, the trainer."""

import contextlib
import logging
import warnings
from collections.abc import Iterator, Sequence
from typing import Literal

import lightning
import torch
from lightning.pytorch.loggers import Logger
from lightning.pytorch.strategies import Strategy

from classicnets.data.batches import Batches
from classicnets.data.folder_batches import usable_cores
from classicnets.data.images import DataSet
from classicnets.data.pipeline import batches
from classicnets.data.sharing import Share
from classicnets.data.transforms import Preprocessing
from classicnets.data.unreadable import Skipped
from classicnets.errors import UsageError
from classicnets.networks import create
from classicnets.networks.chain import Chain
from classicnets.training.checkpoints import WholeCheckpoints
from classicnets.training.preparing import prepared
from classicnets.training.processor import multiplies_bf16
from classicnets.training.recipe.recipe import Recipe
from classicnets.training.scale.world import ALONE, World
from classicnets.training.steps import check_parts
from classicnets.training.stream import Stream
from classicnets.training.transfer.beginning import begin_from, settle
from classicnets.training.transfer.source import Source


def network_of(recipe: Recipe, data: DataSet, source: Source | None = None) -> Chain:
    """The network with its first weights, which the recipe's seed decides, laid out channels_last.

    Args:
        recipe: names the network.
        data: has the classes.
        source: the weights that the recipe begins with; what they would decide is left to the seed where they are not
            given, because a checkpoint will.

    Raises:
        UsageError: no such network or option, another number of classes than the data's, or weights that do not fit.
    """
    classes = len(data.classes)
    if recipe.num_classes not in (None, classes):
        raise UsageError(f"num_classes is {recipe.num_classes}, but {data.name} has {classes} classes; leave it out")
    torch.manual_seed(recipe.seed)
    if source is None:
        network = create(recipe.network, num_classes=classes, in_channels=recipe.in_channels, **recipe.options)
    else:
        network = begin_from(source, recipe, data.classes)
    if recipe.transfer is not None:
        settle(network, recipe.transfer)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch leaves it out of its types
    return network


def filled_in(recipe: Recipe, network: Chain) -> Recipe:
    """The recipe with its preprocessing, which is the default of network and data where it has none.

    Raises:
        UsageError: the network lacks what the recipe makes use of; or the preprocessing is not for the network's
            channels, or too small for the augmentation.
    """
    check_parts(recipe, network)
    channels = network.input_shape[0]
    if recipe.preprocessing is None:
        preprocessing = prepared(recipe, network)
        recipe.augmentation.check_size(preprocessing.size)
        return recipe.model_copy(update={"preprocessing": preprocessing})
    recipe.augmentation.check_size(recipe.preprocessing.size)
    if recipe.preprocessing.channels != channels:
        raise UsageError(
            f"preprocessing.channels is {recipe.preprocessing.channels}, but {network.name} takes {channels}"
        )
    return recipe


def stream_of(recipe: Recipe, data: DataSet, world: World = ALONE, skipped: Skipped | None = None) -> Stream:
    """What this process takes of all the training batches of a run; the recipe's preprocessing must be filled in."""
    learned = batches(
        data.train,
        preprocessing_of(recipe),
        batch_size=recipe.batch_size,
        augmentation=recipe.augmentation,
        shuffle=True,
        seed=recipe.seed,
        workers=_workers(recipe, world),
        skipped=skipped,
    )
    learned.share = Share(world.rank, world.ranks, recipe.accumulate)
    return Stream(learned, recipe.epochs, recipe.steps)


def tested(
    recipe: Recipe,
    data: DataSet,
    world: World,
    skipped: Skipped | None = None,  # noqa: PT028  # no test, for all its name
) -> Batches:
    """What this process takes of the images that errors are counted on."""
    test = batches(
        data.test,
        preprocessing_of(recipe),
        batch_size=256 * world.ranks,
        workers=_workers(recipe, world),
        skipped=skipped,
    )
    test.share = Share(world.rank, world.ranks)
    return test


def trainer_of(
    recipe: Recipe,
    *callbacks: lightning.Callback,
    world: World = ALONE,
    strategy: Strategy | None = None,
    loggers: Sequence[Logger] = (),
) -> lightning.Trainer:
    """Lightning's trainer as every run uses it: a device a process, one pass through the stream of all epochs."""
    return lightning.Trainer(
        accelerator="auto",
        devices=world.here,
        num_nodes=world.ranks // world.here,
        strategy=strategy or "auto",
        use_distributed_sampler=False,
        accumulate_grad_batches=recipe.accumulate,
        max_epochs=1,  # the stream holds all epochs
        precision=_precision(recipe),
        gradient_clip_val=recipe.clip_norm,
        callbacks=list(callbacks),
        plugins=[WholeCheckpoints()],
        logger=loggers or False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def preprocessing_of(recipe: Recipe) -> Preprocessing:
    """The preprocessing of a recipe that was `filled_in`."""
    assert recipe.preprocessing is not None, "filled in before the run began"
    return recipe.preprocessing


def _precision(recipe: Recipe) -> Literal["bf16-mixed", "32-true", "64-true"]:
    if recipe.precision == "fp64":
        return "64-true"
    in_bf16 = recipe.precision == "bf16" or (recipe.precision == "auto" and multiplies_bf16())
    return "bf16-mixed" if in_bf16 else "32-true"


def _workers(recipe: Recipe, world: World) -> int | None:
    """Processes that read files for this one: the cores of a host serve all that train there."""
    if recipe.workers is None and world.here > 1:
        return max(1, usable_cores() // world.here)
    return recipe.workers


@contextlib.contextmanager
def quiet_lightning() -> Iterator[None]:
    """Without Lightning's remarks on hardware and loaders, which speak of choices that are made here on purpose."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            yield
    finally:
        logger.setLevel(level)
