"""Images that lie in files or archives: decoded and augmented by worker processes."""

import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset

from classicnets.data.ahead import fetching_ahead
from classicnets.data.archive_cache import ArchiveCache
from classicnets.data.augmentation.chance import Chance
from classicnets.data.augmentation.whole import change
from classicnets.data.batches import Batches
from classicnets.data.decode import UnreadableImage, decode_bytes
from classicnets.data.images import EncodedImages, PackedImages, Place
from classicnets.data.pixels import augment, preprocess
from classicnets.data.reading import read
from classicnets.data.transforms import Augmentation, Preprocessing, draw
from classicnets.data.unreadable import Skipped
from classicnets.errors import UsageError

Indices = npt.NDArray[np.int64]
Request = tuple[Indices, list[Place]]  # the images' positions in their data set, and where they lie


class _Read(NamedTuple):
    """What a worker hands back: pixels of the images that could be read, which they are, and what became of others."""

    pixels: torch.Tensor
    indices: Indices
    unreadable: list[UnreadableImage]


class FolderBatches(Batches):
    """Goes through `ImageFiles` or `PackedImages`.

    A worker process decodes, cuts and resizes the images of a whole batch and hands back their uint8 pixels, a quarter
    of what float32 would take on the way; the process that iterates makes them float32. What is drawn for an image
    does not depend on the worker that draws it, so any number of workers gives the same batches.

    Iterating raises `UnreadableImage` at the batch that holds a broken image; or, where these are to be skipped, at
    one to learn from that holds nothing else. A batch is smaller by what is skipped. Of a shuffled one the last images
    take those places: the others stand where they would, with the same neighbours and the same random choices.
    """

    def __init__(
        self,
        images: EncodedImages,
        preprocessing: Preprocessing,
        *,
        batch_size: int,
        augmentation: Augmentation | None = None,
        shuffle: bool = False,
        seed: int = 0,
        workers: int | None = None,
        skipped: Skipped | None = None,
    ) -> None:
        """As `Batches`.

        Args:
            workers: the number of processes beside this one, None for one a usable core.
            skipped: where unreadable images are counted and listed, which are skipped then; None stops at the first.
        """
        super().__init__(
            images.labels,
            preprocessing,
            batch_size=batch_size,
            augmentation=augmentation,
            shuffle=shuffle,
            seed=seed,
        )
        self._images = images
        self._workers = usable_cores() if workers is None else workers
        self._skipped = skipped
        self._unreadable: set[int] = set()

    def indices(self) -> Indices:
        """As `Batches.indices`, without the images that have been skipped."""
        pieces = [self._readable(piece) for piece in self._pieces()]
        return np.concatenate(pieces) if pieces else np.empty(0, dtype=np.int64)

    def pixels(self, indices: Indices) -> torch.Tensor:
        """As `Batches.pixels`; all of them must be readable."""
        ((_, pixels),) = self._read([indices])
        lost = next((index for index in indices.tolist() if index in self._unreadable), None)
        if lost is not None and self._skipped is not None:
            name = self._images.place(lost).name
            raise UnreadableImage(name, self._skipped.reasons[name])
        return pixels

    def _readable(self, indices: Indices) -> Indices:
        if not self._unreadable:
            return indices
        readable = [index not in self._unreadable for index in indices.tolist()]
        return indices[_kept(readable, in_any_order=self.shuffle)]

    def _order(self) -> Indices:
        return self._images.order(self.seed, self.epoch)

    def _pixels(self, groups: list[Indices]) -> Iterator[torch.Tensor]:
        return (pixels for _, pixels in self._read(groups))

    def _read(self, groups: list[Indices]) -> Iterator[tuple[Indices, torch.Tensor]]:
        workers = min(self._workers, len(groups))
        cache = self._images.cache if isinstance(self._images, PackedImages) else None
        loader = DataLoader(
            _Reader(self.preprocessing, self.augmentation, self.seed, self.epoch, self.shuffle, cache),
            batch_size=None,  # one request is one batch already
            sampler=_requests(self._images, groups),
            num_workers=workers,
            collate_fn=_as_it_is,
            multiprocessing_context=start_method() if workers else None,
            generator=torch.Generator(),  # else each epoch would draw from the generator that dropout uses
        )
        for group, found in zip(groups, loader, strict=True):
            if isinstance(found, UsageError):
                raise found
            if found.unreadable:
                self._skip(found)
                self._unreadable.update(np.setdiff1d(group, found.indices).tolist())
            yield found.indices, found.pixels

    def _skip(self, found: _Read) -> None:
        if self._skipped is None:
            raise found.unreadable[0]
        for image in found.unreadable:
            self._skipped.add(image)
        if self.shuffle and not len(found.indices):
            raise UsageError(f"a batch has no image that can be read: {found.unreadable[0]}")


def _requests(images: EncodedImages, groups: list[Indices]) -> Iterator[Request]:
    if isinstance(images, PackedImages):
        with fetching_ahead(images, groups) as ahead:
            for at, group in enumerate(groups):
                if ahead is not None:
                    ahead.reached(at)
                yield group, [images.place(index) for index in group.tolist()]
    else:
        for group in groups:
            yield group, [images.place(index) for index in group.tolist()]


class _Reader(Dataset[_Read | UsageError]):
    """What a worker does: from positions and places to the pixels of a batch."""

    def __init__(
        self,
        preprocessing: Preprocessing,
        augmentation: Augmentation | None,
        seed: int,
        epoch: int,
        in_any_order: bool,
        cache: ArchiveCache | None,
    ) -> None:
        self._preprocessing = preprocessing
        self._augmentation = augmentation
        self._seed = seed
        self._epoch = epoch
        self._in_any_order = in_any_order
        self._cache = cache

    def __getitem__(self, request: Request) -> _Read | UsageError:
        """What was read, or an error as a value: raised here, it would reach the user inside a worker's traceback."""
        indices, places = request
        try:
            images = [self._decoded(place) for place in places]
        except UsageError as error:
            return error
        unreadable = [image for image in images if isinstance(image, UnreadableImage)]
        kept = _kept([isinstance(image, torch.Tensor) for image in images], in_any_order=self._in_any_order)
        decoded = [image for image in (images[at] for at in kept) if isinstance(image, torch.Tensor)]
        return _Read(self._changed(decoded, indices[kept]), indices[kept], unreadable)

    def _decoded(self, place: Place) -> torch.Tensor | UnreadableImage:
        try:
            content = read(place, self._cache)
            return decode_bytes(content, name=place.name, channels=self._preprocessing.channels)
        except UnreadableImage as error:
            return error

    def _changed(self, images: Sequence[torch.Tensor], indices: Indices) -> torch.Tensor:
        if not images:
            return torch.empty(0, *self._preprocessing.size, self._preprocessing.channels, dtype=torch.uint8)
        if self._augmentation is None:
            return torch.stack([preprocess(pixels, self._preprocessing) for pixels in images])
        drawn = draw(self._augmentation, self._seed, self._epoch, indices)
        cut = torch.stack(
            [
                augment(pixels, self._preprocessing, self._augmentation, drawn.choice(at))
                for at, pixels in enumerate(images)
            ]
        )
        return change(cut, self._augmentation, Chance(self._seed, self._epoch, indices))


def _kept(readable: list[bool], *, in_any_order: bool) -> list[int]:
    """Positions of the images that can be read.

    In any order, each stands at its own place, and the last ones in place of those that cannot.
    """
    found = [at for at, is_readable in enumerate(readable) if is_readable]
    if not in_any_order:
        return found
    places = range(len(found))
    return [at if readable[at] else found.pop() for at in places]


def usable_cores() -> int:
    """How many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def start_method() -> str:
    """How worker processes come into being: by fork on Linux, in milliseconds, else from scratch, in seconds.

    Not by Python's fork server: a worker then watches over the server and the server over its workers, and when this
    process is killed they keep each other alive for ever. A fork of a process with threads is safe as far as the child
    needs nothing that a thread may have held: a worker computes on one thread, and prints and logs nothing.
    """
    return "fork" if sys.platform == "linux" else "spawn"


def _as_it_is(batch: Any) -> Any:  # what DataLoader's own collation would do for a batch, less its search for arrays
    return batch
