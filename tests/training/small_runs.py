"""Runs that take a second, of 23 steps an epoch: what the tests of training begin with."""

import io
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from safetensors.torch import load_file

from classicnets.data.images import ImageArray
from classicnets.data.memory import MemoryBatches
from classicnets.data.transforms import Augmentation, Preprocessing
from classicnets.networks import create
from classicnets.training.module import TrainedNetwork
from classicnets.training.recipe.reading import complete
from classicnets.training.run import Run, resume, train

LENET5 = {
    "network": "lenet5",
    "data": "digits",
    "epochs": 1,
    "batch_size": 64,
    "loss": {"name": "maximum_a_posteriori"},
    "optimizer": {"name": "adamw", "lr": 0.005},
    "precision": "fp32",
}


def run(folder: Path, fields: Mapping[str, Any] = LENET5, *, record: Collection[str] = (), **more: Any) -> Run:
    """Train without a word, with ``more`` in the place of the fields."""
    return train({**fields, **more}, out=folder, console=silent(), record=record)


def go_on(folder: Path) -> Run:
    """Resume without a word."""
    return resume(folder, console=silent())


def silent() -> Console:
    """A console that nobody looks at."""
    return Console(file=io.StringIO())


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """The tensors of a run's bundle."""
    return load_file(folder / "bundle" / "model.safetensors")


def equal(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    """Whether tensors are the same, bit for bit."""
    return one.keys() == other.keys() and all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def tiny_batches(images: int = 7, *, batch_size: int = 3, seed: int = 0) -> MemoryBatches:
    """Grey images of 6x5 pixels, shuffled, shifted and mirrored at random."""
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (images, 6, 5, 1), dtype=np.uint8))
    return MemoryBatches(
        ImageArray(pixels=pixels, labels=np.arange(images, dtype=np.int64)),
        Preprocessing(channels=1, size=(6, 5), fit="stretch", mean=(0.5,), std=(0.25,)),
        batch_size=batch_size,
        augmentation=Augmentation(pad=2, flip=True),
        shuffle=True,
        seed=seed,
    )


def trained_network(steps: int = 10, **fields: Any) -> TrainedNetwork:
    """LeNet-5 as training holds it."""
    torch.manual_seed(0)
    return TrainedNetwork(create("lenet5"), complete({**LENET5, **fields}), steps)
