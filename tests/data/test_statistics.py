"""Means and principal colours of a data set, against NumPy."""

import numpy as np
import pytest
import torch

from classicnets.data.augmentation.lighting import Lighting
from classicnets.data.images import ImageArray
from classicnets.data.memory import MemoryBatches
from classicnets.data.pipeline import batches, with_figures
from classicnets.data.statistics import some, statistics
from classicnets.data.transforms import Augmentation, Preprocessing
from tests.data.augmented import noise

MIXTURE = np.array([[0.5, 0.1, 0.0], [0.4, 0.3, 0.1], [0.4, -0.1, 0.3]])


def coloured(count: int = 40) -> torch.Tensor:
    """Images whose colours vary along slanted axes, uint8."""
    values = noise(count, 8, 6).numpy().astype(np.float64)
    return torch.from_numpy(np.clip(values @ MIXTURE.T, 0, 255).astype(np.uint8))


def preprocessing(channels: int = 3, order: str = "rgb") -> Preprocessing:
    return Preprocessing.model_validate(
        {
            "size": (8, 6),
            "fit": "stretch",
            "channels": channels,
            "channel_order": order,
            "mean": (0.1, 0.5, 0.9)[:channels],
            "std": (0.2, 0.3, 0.4)[:channels],
        }
    )


@pytest.mark.parametrize("order", ["rgb", "bgr"])
@pytest.mark.parametrize("batch_size", [7, 100])
def test_means_and_covariance_are_numpys(batch_size: int, order: str) -> None:
    pixels = coloured()
    data = ImageArray(pixels=pixels, labels=np.zeros(40, dtype=np.int64))
    found = statistics(MemoryBatches(data, preprocessing(order=order), batch_size=batch_size))
    numbers = pixels.numpy() / 255
    assert found.images == 40
    flat = numbers.reshape(-1, 3)
    assert found.mean_image == pytest.approx(numbers.mean(axis=0), abs=1e-6)
    assert found.mean == pytest.approx(flat.mean(axis=0), abs=1e-6)
    assert found.std == pytest.approx(flat.std(axis=0), abs=1e-6)
    assert found.covariance == pytest.approx(np.cov(flat.T, bias=True), abs=1e-6)


def test_principal_colours_are_the_axes_of_the_covariance() -> None:
    data = ImageArray(pixels=coloured(), labels=np.zeros(40, dtype=np.int64))
    found = statistics(MemoryBatches(data, preprocessing(), batch_size=16))
    values, vectors = np.array(found.colours.values), np.array(found.colours.vectors)
    assert values[0] > values[1] > values[2] > 0
    assert found.covariance @ vectors.T == pytest.approx(vectors.T * values, abs=1e-9)
    assert (vectors[:, 0] > 0).all()


def test_grey_images_have_means_too() -> None:
    data = ImageArray(pixels=noise(9, 8, 6, 1), labels=np.zeros(9, dtype=np.int64))
    found = statistics(MemoryBatches(data, preprocessing(1), batch_size=4))
    assert found.mean_image.shape == (8, 6, 1)
    assert found.mean[0] == pytest.approx(data.pixels.numpy().mean() / 255, abs=1e-6)


def test_some_images_are_the_same_ones_each_time() -> None:
    data = ImageArray(pixels=coloured(), labels=np.arange(40))
    first, again = some(data, 10), some(data, 10)
    assert first.labels.tolist() == again.labels.tolist()
    assert len(set(first.labels.tolist())) == 10
    assert isinstance(first, ImageArray)
    assert torch.equal(first.pixels, data.pixels[torch.from_numpy(first.labels)])
    assert some(data, 100).labels.tolist() == data.labels.tolist()


def test_lighting_from_the_data_takes_the_training_images_colours() -> None:
    data = ImageArray(pixels=coloured(), labels=np.zeros(40, dtype=np.int64))
    wanted = Augmentation(lighting=Lighting(colours="data"))
    found = statistics(MemoryBatches(data, preprocessing(), batch_size=256)).colours
    made = batches(data, preprocessing(), batch_size=8, augmentation=wanted)
    assert made.augmentation is not None
    assert made.augmentation.lighting == Lighting(colours="data", figures=found)
    next(iter(made))


def test_figures_that_are_given_and_grey_images_need_no_search() -> None:
    data = ImageArray(pixels=coloured(), labels=np.zeros(40, dtype=np.int64))
    grey = Augmentation(lighting=Lighting(colours="data"))
    assert with_figures(grey, data, preprocessing(1)) is grey
    next(iter(batches(data, preprocessing(1), batch_size=8, augmentation=grey)))
    published = Augmentation(lighting=Lighting())
    assert with_figures(published, data, preprocessing()) is published
