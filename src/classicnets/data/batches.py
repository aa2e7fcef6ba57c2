"""Batches of images in a known order, from any place of an epoch on."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from classicnets.data.augmentation.chance import Chance
from classicnets.data.means import mean_under_test, means_under, must_agree
from classicnets.data.randomness import order
from classicnets.data.sharing import ALL, Piece, Share, piece_of
from classicnets.data.transforms import Augmentation, Preprocessing, draw


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

    ``share``, set likewise, has a process go through its pieces of each batch, one after the other.
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
            must_agree(preprocessing, augmentation)
        self.labels = labels
        self.preprocessing = preprocessing
        self.batch_size = batch_size
        self.augmentation = augmentation
        self.shuffle = shuffle
        self.seed = seed
        self.share: Share = ALL
        self.epoch = 0
        self.start = 0

    def __len__(self) -> int:
        """Batches, or pieces of them that this process takes, in a whole epoch; the last may be smaller."""
        return self.steps * self.share.pieces

    @property
    def steps(self) -> int:
        """Batches in a whole epoch, however many pieces they are taken in."""
        return -(-len(self.labels) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        groups = self._pieces()[self.start :]
        for indices, pixels in self._read(groups):
            images = self._normalise(pixels, indices)
            yield Batch(images, torch.from_numpy(self.labels[indices]), torch.from_numpy(indices))

    def indices(self) -> npt.NDArray[np.int64]:
        """The positions in the data set of all images that an epoch goes through, in that order."""
        return np.concatenate(self._pieces())

    def piece(self, position: int) -> Piece:
        """Where the images that come at that position of an epoch stand in the batch that they are a share of."""
        step, number = divmod(position, self.share.pieces)
        images = min(self.batch_size, len(self.labels) - step * self.batch_size)
        return piece_of(images, self.share, number)

    def pixels(self, indices: npt.NDArray[np.int64]) -> torch.Tensor:
        """The images at ``indices`` as the network sees them before normalisation: uint8, (images, H, W, C)."""
        return next(iter(self._pixels([indices])))

    @abstractmethod
    def _pixels(self, groups: list[npt.NDArray[np.int64]]) -> Iterator[torch.Tensor]:
        """For each group of images uint8 pixels, (images, height, width, channels), augmented, of the input size."""

    def _read(self, groups: list[npt.NDArray[np.int64]]) -> Iterator[tuple[npt.NDArray[np.int64], torch.Tensor]]:
        """The images of each group, without those that are skipped, and their pixels as `_pixels` gives them."""
        return zip(groups, self._pixels(groups), strict=True)

    def _order(self) -> npt.NDArray[np.int64]:
        """The order of a shuffled epoch."""
        return order(self.seed, self.epoch, len(self.labels))

    def _groups(self) -> list[npt.NDArray[np.int64]]:
        count = len(self.labels)
        indices = self._order() if self.shuffle else np.arange(count, dtype=np.int64)
        return [indices[at : at + self.batch_size] for at in range(0, count, self.batch_size)]

    def _pieces(self) -> list[npt.NDArray[np.int64]]:
        """What this process takes of each batch, piece by piece."""
        if self.share == ALL:
            return self._groups()
        pieces = self.share.pieces
        of_each = [(group, at * pieces) for at, group in enumerate(self._groups())]
        taken = [(group, self.piece(first + number)) for group, first in of_each for number in range(pieces)]
        return [group[piece.start : piece.end] for group, piece in taken]

    def _chance(self, indices: npt.NDArray[np.int64]) -> Chance:
        return Chance(self.seed, self.epoch, indices)

    def _normalise(self, pixels: torch.Tensor, indices: npt.NDArray[np.int64]) -> torch.Tensor:
        if self.preprocessing.mean_image is None or self.augmentation is None:
            return normalise(pixels, self.preprocessing)
        drawn = draw(self.augmentation, self.seed, self.epoch, indices)
        return normalise(pixels, self.preprocessing, means_under(self.preprocessing, self.augmentation, drawn))

    def state_dict(self) -> dict[str, Any]:
        """Where the epoch stands, for checkpoints."""
        return {"epoch": self.epoch, "start": self.start}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` said."""
        self.epoch, self.start = state["epoch"], state["start"]


def normalise(pixels: torch.Tensor, preprocessing: Preprocessing, means: torch.Tensor | None = None) -> torch.Tensor:
    """uint8 pixels, (images, height, width, channels), as float32 input, (images, channels, height, width).

    Pixels are grey or red, green, blue; the channels come out in the order of ``preprocessing``.
    The result is new memory in channels_last order. A value does not depend on where in a batch its image stands.

    Args:
        pixels: of the images.
        preprocessing: what to subtract and to divide by.
        means: where a mean image is subtracted, the part of it under each image, of the images' shape; None stands
            for its centre.
    """
    if preprocessing.channel_order == "bgr":
        pixels = pixels.flip(-1)
    images, height, width, channels = pixels.shape
    scale, shift = _row_constants(preprocessing.mean, preprocessing.std, width)
    if preprocessing.mean_image is not None:
        under = mean_under_test(preprocessing, height, width) if means is None else means
        shift = -(under / torch.tensor(preprocessing.std)).flatten(-2)
    rows = pixels.reshape(images, height, width * channels).to(torch.float32)
    torch.addcmul(shift, rows, scale, out=rows)
    return rows.view(pixels.shape).permute(0, 3, 1, 2)


@lru_cache(maxsize=32)
def _row_constants(mean: tuple[float, ...], std: tuple[float, ...], width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Factor and summand for each value of a row of pixels: so long that vector code can run along it."""
    scale = torch.tensor([1 / (255 * deviation) for deviation in std])
    shift = torch.tensor([-centre / deviation for centre, deviation in zip(mean, std, strict=True)])
    return scale.repeat(width), shift.repeat(width)
