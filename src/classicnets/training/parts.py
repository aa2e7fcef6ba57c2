"""The parts of a run that a recipe decides: the network, its input, the batches, the trainer."""

import contextlib
import logging
import warnings
from collections.abc import Iterator

import lightning
import torch

from classicnets.data.defaults import default_preprocessing
from classicnets.data.images import DataSet
from classicnets.data.pipeline import batches
from classicnets.data.transforms import Preprocessing
from classicnets.errors import UsageError
from classicnets.networks import create
from classicnets.networks.chain import Chain
from classicnets.training.checkpoints import WholeCheckpoints
from classicnets.training.processor import multiplies_bf16
from classicnets.training.recipe import Recipe
from classicnets.training.stream import Stream


def network_of(recipe: Recipe, data: DataSet) -> Chain:
    """The network with its first weights, which the recipe's seed decides, laid out channels_last.

    Raises:
        UsageError: no such network or option, or another number of classes than the data's.
    """
    classes = len(data.classes)
    if recipe.num_classes not in (None, classes):
        raise UsageError(f"num_classes is {recipe.num_classes}, but {data.name} has {classes} classes; leave it out")
    torch.manual_seed(recipe.seed)
    network = create(recipe.network, num_classes=classes, in_channels=recipe.in_channels, **recipe.options)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch leaves it out of its types
    return network


def filled_in(recipe: Recipe, network: Chain) -> Recipe:
    """The recipe with its preprocessing, which is the default of network and data where it has none.

    Raises:
        UsageError: the preprocessing is not for the network's channels, or too small for the augmentation.
    """
    channels, *size = network.input_shape
    if recipe.preprocessing is None:
        preprocessing = default_preprocessing(recipe.data, channels, (size[0], size[1]))
        recipe.augmentation.check_size(preprocessing.size)
        return recipe.model_copy(update={"preprocessing": preprocessing})
    recipe.augmentation.check_size(recipe.preprocessing.size)
    if recipe.preprocessing.channels != channels:
        raise UsageError(
            f"preprocessing.channels is {recipe.preprocessing.channels}, but {network.name} takes {channels}"
        )
    return recipe


def stream_of(recipe: Recipe, data: DataSet) -> Stream:
    """All the training batches of a run; the recipe's preprocessing must be filled in."""
    return Stream(
        batches(
            data.train,
            preprocessing_of(recipe),
            batch_size=recipe.batch_size,
            augmentation=recipe.augmentation,
            shuffle=True,
            seed=recipe.seed,
            workers=recipe.workers,
        ),
        recipe.epochs,
    )


def trainer_of(recipe: Recipe, callback: lightning.Callback) -> lightning.Trainer:
    """Lightning's trainer as every run uses it: one device, one pass through the stream of all epochs."""
    return lightning.Trainer(
        accelerator="auto",
        devices=1,
        max_epochs=1,  # the stream holds all epochs
        precision="bf16-mixed" if _in_bf16(recipe) else "32-true",
        gradient_clip_val=recipe.clip_norm,
        callbacks=[callback],
        plugins=[WholeCheckpoints()],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def preprocessing_of(recipe: Recipe) -> Preprocessing:
    """The preprocessing of a recipe that was `filled_in`."""
    assert recipe.preprocessing is not None, "filled in before the run began"
    return recipe.preprocessing


def _in_bf16(recipe: Recipe) -> bool:
    return recipe.precision == "bf16" or (recipe.precision == "auto" and multiplies_bf16())


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
