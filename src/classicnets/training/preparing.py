"""How a run's images are prepared where its recipe does not say it pixel by pixel."""

from typing import Any

from classicnets.data.defaults import default_preprocessing
from classicnets.data.images import DataSet
from classicnets.data.pipeline import with_mean_image
from classicnets.data.transforms import Preprocessing
from classicnets.data.unreadable import Skipped
from classicnets.networks.chain import Chain
from classicnets.training.recipe.recipe import Recipe


def prepared(recipe: Recipe, network: Chain) -> Preprocessing:
    """The default preprocessing of network and data, with pixels as the recipe wants them.

    Where training crops from one size alone, a test that subtracts the mean does too, as in the papers that did so:
    AlexNet takes 227 pixels of 256 in both.
    """
    channels, *size = network.input_shape
    default = default_preprocessing(recipe.data, channels, (size[0], size[1]))
    if recipe.pixels == "normalised":
        return default
    changes: dict[str, Any] = {"std": (1 / 255,) * channels}
    scale, from_one_square = recipe.augmentation.scale, False
    if scale is not None and scale[0] == scale[1] and scale[0] >= max(size):
        changes |= {"fit": "crop", "resize": scale[0]}
        from_one_square = recipe.augmentation.central_square
    if recipe.pixels == "mean_image":
        changes["mean_image"] = "square" if from_one_square else "input"
    return Preprocessing.model_validate(default.model_dump() | changes)


def with_means(recipe: Recipe, data: DataSet) -> Recipe:
    """The recipe with the mean image of the training images, where its preprocessing asks for it."""
    assert recipe.preprocessing is not None, "filled in before"
    skipped = Skipped() if recipe.unreadable == "skip" else None
    found = with_mean_image(recipe.preprocessing, data.train, workers=recipe.workers, skipped=skipped)
    return recipe.model_copy(update={"preprocessing": found})
