"""What a data set is: images with labels, held in memory, lying in files, or packed in tar archives."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from classicnets.data.archive_cache import ArchiveCache
from classicnets.data.names import Names, Paths
from classicnets.data.randomness import order, order_of_runs

SHARDS_TOGETHER = 8
"""Shards whose images are mixed with each other: how many a reader has at hand at a time."""

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class ImageArray:
    """Images that fit in memory.

    Attributes:
        pixels: uint8, (images, height, width, channels), channels 1 or 3.
        labels: int64, (images,).
    """

    pixels: torch.Tensor
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)

    def taken(self, chosen: npt.NDArray[np.int64]) -> "ImageArray":
        """The images at those positions, in that order."""
        return ImageArray(pixels=self.pixels[torch.from_numpy(chosen)], labels=self.labels[chosen])


class Place(NamedTuple):
    """Where an encoded image lies.

    Attributes:
        name: what to call it in messages.
        source: the path of its file or archive, or the archive's address.
        offset: bytes before it.
        size: its bytes; None stands for the whole file.
        whole: the archive's bytes.
    """

    name: str
    source: str
    offset: int = 0
    size: int | None = None
    whole: int | None = None


@dataclass(frozen=True, kw_only=True)
class ImageFiles:
    """Images that are read from their files each time.

    Attributes:
        paths: one an image, in a fixed order.
        labels: int64, (images,).
    """

    paths: Sequence[Path]
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)

    def place(self, index: int) -> Place:
        """Where an image lies."""
        path = str(self.paths[index])
        return Place(path, path)

    def order(self, seed: int, epoch: int) -> Labels:
        """The order in which an epoch visits the images; see `randomness.order`."""
        return order(seed, epoch, len(self))

    def taken(self, chosen: npt.NDArray[np.int64]) -> "ImageFiles":
        """The images at those positions, in that order."""
        paths = self.paths.taken(chosen) if isinstance(self.paths, Paths) else [self.paths[at] for at in chosen]
        return ImageFiles(paths=paths, labels=self.labels[chosen])


@dataclass(frozen=True, kw_only=True)
class PackedImages:
    """Images that are read each time from the tar archives that they lie in, wherever in these they are.

    Attributes:
        archives: paths, or http and https addresses; the images of each stand in a row.
        lengths: int64, (archives,): bytes of each.
        counts: int64, (archives,): images in each.
        keys: their names in the archives, one an image.
        offsets: int64, (images,): where in its archive an image's file begins.
        sizes: int64, (images,): bytes of that file.
        labels: int64, (images,).
        mixed: whether each archive holds a mixture of classes, as shards do: if so, an epoch goes from a few archives
            to the next few. If not, it goes all over them.
        cache: where archives from the network are kept; None for what lies on a disk.
    """

    archives: tuple[str, ...]
    lengths: Labels
    counts: Labels
    keys: Names
    offsets: Labels
    sizes: Labels
    labels: Labels
    mixed: bool
    cache: ArchiveCache | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def place(self, index: int) -> Place:
        """Where an image lies."""
        at = int(self.archive_of(np.array([index]))[0])
        archive = self.archives[at]
        return Place(
            f"{archive}:{self.keys[index]}",
            archive,
            offset=int(self.offsets[index]),
            size=int(self.sizes[index]),
            whole=int(self.lengths[at]),
        )

    def archive_of(self, indices: npt.NDArray[np.int64]) -> Labels:
        """Positions in ``archives`` of the ones that those images lie in."""
        return np.searchsorted(np.cumsum(self.counts), indices, side="right")

    def order(self, seed: int, epoch: int) -> Labels:
        """The order in which an epoch visits the images; see `randomness.order_of_runs`."""
        if not self.mixed:
            return order(seed, epoch, len(self))
        return order_of_runs(seed, epoch, self.counts, together=SHARDS_TOGETHER)

    def taken(self, chosen: npt.NDArray[np.int64]) -> "PackedImages":
        """The images at those positions, which must not go back from an archive to one before it."""
        return replace(
            self,
            counts=np.bincount(self.archive_of(chosen), minlength=len(self.archives)).astype(np.int64),
            keys=self.keys.taken(chosen),
            offsets=self.offsets[chosen],
            sizes=self.sizes[chosen],
            labels=self.labels[chosen],
        )

    def labelled(self, labels: Labels) -> "PackedImages":
        """The same images with other labels."""
        return replace(self, labels=labels)


EncodedImages = ImageFiles | PackedImages
Images = ImageArray | EncodedImages


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """A data set with the part to learn from and the part to test on.

    Attributes:
        name: as the user gave it ("cifar10", "folder:photos").
        classes: the names of the classes; a label is a position in it.
        train: what to learn from.
        test: what to count errors on.
    """

    name: str
    classes: tuple[str, ...]
    train: Images
    test: Images
