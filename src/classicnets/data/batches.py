"""Batches of images in a known order, from any place of an epoch on."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from classicnets.data.augmentation.chance import Chance
from classicnets.data.randomness import order
from classicnets.data.transforms import Augmentation, Preprocessing


class Batch(NamedTuple):
    """Some images as a network takes them.

    Attributes:
        images: float32, (images, channels, height, width), stored channels_last.
        labels: int64, (images,).
        indices: int64, (images,): positions in the data set.
    """

    images: torch.Tensor
    labels: torch.Tensor
    indices: torch.Tensor


class Batches(ABC):
    """Goes through a data set once for each time it is iterated over.

    ``epoch`` decides the order and every random choice; ``start`` is the number of batches to leave out at the
    beginning, which is how an interrupted epoch goes on. Both are set from outside; iterating changes neither.
    """

    def __init__(
        self,
        labels: npt.NDArray[np.int64],
        preprocessing: Preprocessing,
        *,
        batch_size: int,
        augmentation: Augmentation | None = None,
        shuffle: bool = False,
        seed: int = 0,
    ) -> None:
        if augmentation is not None:
            augmentation.check_size(preprocessing.size)
        self.labels = labels
        self.preprocessing = preprocessing
        self.batch_size = batch_size
        self.augmentation = augmentation
        self.shuffle = shuffle
        self.seed = seed
        self.epoch = 0
        self.start = 0

    def __len__(self) -> int:
        """Batches in a whole epoch; the last may be smaller."""
        return -(-len(self.labels) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        groups = self._groups()[self.start :]
        for indices, pixels in zip(groups, self._pixels(groups), strict=True):
            yield Batch(self._normalise(pixels), torch.from_numpy(self.labels[indices]), torch.from_numpy(indices))

    def pixels(self, indices: npt.NDArray[np.int64]) -> torch.Tensor:
        """The images at ``indices`` as the network sees them before normalisation: uint8, (images, H, W, C)."""
        return next(iter(self._pixels([indices])))

    @abstractmethod
    def _pixels(self, groups: list[npt.NDArray[np.int64]]) -> Iterator[torch.Tensor]:
        """For each group of images uint8 pixels, (images, height, width, channels), augmented, of the input size."""

    def _groups(self) -> list[npt.NDArray[np.int64]]:
        count = len(self.labels)
        indices = order(self.seed, self.epoch, count) if self.shuffle else np.arange(count, dtype=np.int64)
        return [indices[at : at + self.batch_size] for at in range(0, count, self.batch_size)]

    def _chance(self, indices: npt.NDArray[np.int64]) -> Chance:
        return Chance(self.seed, self.epoch, indices)

    def _normalise(self, pixels: torch.Tensor) -> torch.Tensor:
        return normalise(pixels, self.preprocessing)

    def state_dict(self) -> dict[str, Any]:
        """Where the epoch stands, for checkpoints."""
        return {"epoch": self.epoch, "start": self.start}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` said."""
        self.epoch, self.start = state["epoch"], state["start"]


def normalise(pixels: torch.Tensor, preprocessing: Preprocessing) -> torch.Tensor:
    """uint8 pixels, (images, height, width, channels), as float32 input, (images, channels, height, width).

    Pixels are grey or red, green, blue; the channels come out in the order of ``preprocessing``.
    The result is new memory in channels_last order. A value does not depend on where in a batch its image stands.
    """
    if preprocessing.channel_order == "bgr":
        pixels = pixels.flip(-1)
    images, height, width, channels = pixels.shape
    scale, shift = _row_constants(preprocessing.mean, preprocessing.std, width)
    rows = pixels.reshape(images, height, width * channels).to(torch.float32)
    torch.addcmul(shift, rows, scale, out=rows)
    return rows.view(pixels.shape).permute(0, 3, 1, 2)


@lru_cache(maxsize=32)
def _row_constants(mean: tuple[float, ...], std: tuple[float, ...], width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Factor and summand for each value of a row of pixels: so long that vector code can run along it."""
    scale = torch.tensor([1 / (255 * deviation) for deviation in std])
    shift = torch.tensor([-centre / deviation for centre, deviation in zip(mean, std, strict=True)])
    return scale.repeat(width), shift.repeat(width)
