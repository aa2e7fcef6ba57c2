"""How many images a second the pipelines deliver, against Pillow and PyTorch's DataLoader in the same run.

In memory: CIFAR-10, padded crop, flip, normalise, batches of 128; against a dataset that does the same image by image
with Pillow, in a DataLoader with two workers. In files: JPEGs of two photographs in several sizes, decode, random part
resized to 224x224, flip, normalise; one thread in one process on each side, so the figures are per core.

Both sides end with float32 batches of the same shapes. They take turns within a round, a round's ratio is taken of its
own two figures, and the table shows medians over the rounds.

    python benchmarks/data_throughput.py --data-dir DATA --json throughput.json
"""

import json
import math
import os
import platform
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import PIL
import simplejpeg
import torch
import typer
from PIL import Image, ImageOps
from rich.console import Console
from rich.table import Table
from torch.utils.data import DataLoader, Dataset

from classicnets.data.batches import Batches
from classicnets.data.images import ImageArray, ImageFiles
from classicnets.data.pipeline import batches
from classicnets.data.sets import open_data
from classicnets.data.transforms import Augmentation, Preprocessing
from classicnets.errors import UsageError

CIFAR = Preprocessing(size=(32, 32), mean=(0.4914, 0.4822, 0.4465), std=(0.2470, 0.2435, 0.2616))
CIFAR_AUGMENTATION = Augmentation(pad=4, flip=True)
CIFAR_BATCH = 128
PLAIN_WORKERS = 2

PHOTOGRAPHS = Preprocessing(size=(224, 224), resize=256, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
PHOTOGRAPH_AUGMENTATION = Augmentation(random_area=(0.08, 1.0), flip=True)
PHOTOGRAPH_BATCH = 32
PHOTOGRAPH_SIZES = ((320, 240), (500, 375), (1000, 750))  # width, height
COPIES = 64  # files of each photograph, so that a pass does not read one file over and over

Epochs = Iterator[Iterable[Any]]

stderr = Console(stderr=True)


class PlainMemory(Dataset[tuple[torch.Tensor, int]]):
    """An array of images, each padded, cropped, flipped and normalised on its own with Pillow."""

    def __init__(self, images: ImageArray) -> None:
        self._pixels = images.pixels.numpy()
        self._labels = images.labels

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        pad = CIFAR_AUGMENTATION.pad
        height, width = CIFAR.size
        image = ImageOps.expand(Image.fromarray(self._pixels[index]), pad)
        left, top = random.randint(0, 2 * pad), random.randint(0, 2 * pad)
        image = image.crop((left, top, left + width, top + height))
        return plain_tensor(image, CIFAR), int(self._labels[index])


class PlainFiles(Dataset[tuple[torch.Tensor, int]]):
    """Image files, each opened, cut, resized, flipped and normalised on its own with Pillow."""

    def __init__(self, images: ImageFiles) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        with Image.open(self._images.paths[index]) as file:
            image = file.convert("RGB")
        height, width = PHOTOGRAPHS.size
        image = image.crop(plain_part(image.width, image.height)).resize((width, height), Image.Resampling.BILINEAR)
        return plain_tensor(image, PHOTOGRAPHS), int(self._images.labels[index])


def plain_part(width: int, height: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a random part."""
    smallest, largest = PHOTOGRAPH_AUGMENTATION.random_area or (1.0, 1.0)
    narrow, wide = PHOTOGRAPH_AUGMENTATION.aspect
    area = random.uniform(smallest, largest) * width * height
    aspect = math.exp(random.uniform(math.log(narrow), math.log(wide)))
    part_width, part_height = min(width, round(math.sqrt(area * aspect))), min(height, round(math.sqrt(area / aspect)))
    left, top = random.randint(0, width - part_width), random.randint(0, height - part_height)
    return left, top, left + part_width, top + part_height


def plain_tensor(image: Image.Image, preprocessing: Preprocessing) -> torch.Tensor:
    """An image as float32 (channels, height, width), flipped one time in two and normalised."""
    if random.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    tensor = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous().to(torch.float32).div_(255)
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (preprocessing.mean, preprocessing.std))
    return tensor.sub_(mean).div_(std)


def epochs_of(source: Batches) -> Epochs:
    """Epoch after epoch of our batches."""
    while True:
        yield source
        source.epoch += 1


def images_per_second(epochs: Epochs, batch_size: int, *, seconds: float, warm_up: int) -> float:
    """The rate at which ``epochs`` deliver, for about ``seconds`` after the first ``warm_up`` batches."""
    delivered = (batch for epoch in epochs for batch in epoch)
    for _ in range(warm_up):
        next(delivered)
    count, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        next(delivered)
        count += batch_size
    return count / elapsed


def compare(
    ours: Callable[[], Epochs], plain: Callable[[], Epochs], batch_size: int, *, seconds: float, rounds: int, warm_up: int
) -> dict[str, Any]:
    """Medians over ``rounds`` in which both sides take turns."""
    rates = [
        tuple(
            images_per_second(side(), batch_size, seconds=seconds, warm_up=warm_up)
            for side in (ours, plain)
        )
        for _ in stderr.status("measuring") and range(rounds)
    ]
    return {
        "images_per_second": statistics.median(own for own, _ in rates),
        "plain_images_per_second": statistics.median(other for _, other in rates),
        "ratio": statistics.median(own / other for own, other in rates),
        "rounds": rates,
    }
