"""Small networks with fresh weights that say something different of every view, and pictures of several shapes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from classicnets.data.images import ImageArray, ImageFiles
from classicnets.data.transforms import Preprocessing
from classicnets.networks.chain import Chain, Design, rows
from classicnets.networks.rows import conv_relu, global_average_pool, linear, max_pool
from classicnets.weights.bundle import Bundle

CLASSES = ("blue", "green", "red", "other")
SHAPES = ((40, 56), (56, 40), (33, 60), (40, 56), (36, 36))


def small(channels: int = 3) -> Chain:
    """Five rows for images of any size."""
    table = rows(
        conv1=conv_relu(8, 5, stride=2),
        pool1=max_pool(2, stride=2),
        conv2=conv_relu(16, 3),
        average=global_average_pool(),
        fc=linear(),
    )
    torch.manual_seed(0)
    network = Chain(Design(rows=table, input_shape=(channels, 32, 32), num_classes=len(CLASSES)))
    network.to_empty(device="cpu").reset()
    return network.eval()


def bundle_of(network: Chain, **changes: object) -> Bundle:
    """The network as a bundle that knows `CLASSES`."""
    channels, height, width = network.input_shape
    fields = {"size": (height, width), "channels": channels, "mean": (0.4,) * channels, "std": (0.2,) * channels}
    return Bundle(
        network=network, classes=CLASSES, preprocessing=Preprocessing.model_validate(fields | changes), training={}
    )


@pytest.fixture
def bundle() -> Bundle:
    """Of `small`."""
    return bundle_of(small())


@pytest.fixture
def files(tmp_path: Path) -> ImageFiles:
    """A picture of coloured noise of each shape, with large blotches so that sizes do not look alike."""
    random = np.random.default_rng(0)
    paths = []
    for number, (height, width) in enumerate(SHAPES):
        coarse = random.integers(0, 256, (6, 7, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        paths.append(tmp_path / f"{number}.png")
        picture.save(paths[-1])
    return ImageFiles(paths=paths, labels=np.arange(len(SHAPES), dtype=np.int64) % len(CLASSES))


@pytest.fixture
def array() -> ImageArray:
    """Square pictures in memory, more than are resized together."""
    random = np.random.default_rng(1)
    coarse = torch.from_numpy(random.integers(0, 256, (66, 6, 6, 3), dtype=np.uint8))
    pixels = coarse.repeat_interleave(6, dim=1).repeat_interleave(6, dim=2)
    return ImageArray(pixels=pixels, labels=np.arange(66, dtype=np.int64) % len(CLASSES))
