"""Weights to begin with, and pictures to go on with: what the tests of transfer share."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from classicnets.data.transforms import Preprocessing
from classicnets.networks import create
from classicnets.weights import bundle
from classicnets.weights.bundle import Bundle

CLASSES = ("blue", "green", "red")
PREPARED = Preprocessing(size=(32, 32), fit="stretch", mean=(0.5, 0.4, 0.3), std=(0.25, 0.2, 0.3))


def resnet8(
    classes: tuple[str, ...] = ("cat", "dog", "frog", "ship"), *, preprocessing: Preprocessing = PREPARED
) -> Bundle:
    """ResNet-8 with weights, and statistics of batch normalisation that no fresh network has."""
    torch.manual_seed(7)
    network = create("resnet8_cifar", num_classes=len(classes))
    network.train()
    with torch.no_grad():
        for _ in range(3):
            network(torch.randn(8, 3, 32, 32))
    return Bundle(network=network.eval(), classes=classes, preprocessing=preprocessing, training={"data": "elsewhere"})


def saved(folder: Path, made: Bundle) -> Path:
    """The bundle in a folder."""
    bundle.save(folder, made)
    return folder


def colours(path: Path, *, images: int) -> str:
    """A folder of noisy pictures, each of the colour that its class is called by, as --data takes it."""
    random = np.random.default_rng(0)
    for part, count in (("train", images), ("val", 4)):
        for number, name in enumerate(CLASSES):
            (path / part / name).mkdir(parents=True)
            for image in range(count):
                noise = random.integers(0, 120, (40, 36, 3))
                noise[..., 2 - number] += 60
                Image.fromarray(noise.astype(np.uint8)).save(path / part / name / f"{image:02}.png")
    return f"folder:{path}"


def fields(weights: Path, data: str, **more: Any) -> dict[str, Any]:
    """A recipe of six steps; ``transfer`` is taken into the section of that name."""
    transfer = {"weights": str(weights), **more.pop("transfer", {})}
    return {
        "data": data,
        "epochs": 2,
        "batch_size": 8,
        "optimizer": {"name": "sgd", "lr": 0.05},
        "precision": "fp32",
        "workers": 0,
        "transfer": transfer,
        **more,
    }
