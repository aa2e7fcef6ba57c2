"""Images that lie in files: decoded and augmented by worker processes."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset

from classicnets.data.augmentation.chance import Chance
from classicnets.data.augmentation.whole import change
from classicnets.data.batches import Batches
from classicnets.data.decode import UnreadableImage, decode
from classicnets.data.images import ImageFiles
from classicnets.data.pixels import augment, preprocess
from classicnets.data.transforms import Augmentation, Preprocessing, draw

Request = tuple[npt.NDArray[np.int64], list[str]]  # the images' positions in their data set, and their paths


class FolderBatches(Batches):
    """Goes through `ImageFiles`.

    A worker process decodes, cuts and resizes the images of a whole batch and hands back their uint8 pixels, a quarter
    of what float32 would take on the way; the process that iterates makes them float32. What is drawn for an image
    does not depend on the worker that draws it, so any number of workers gives the same batches.

    Iterating raises `UnreadableImage` at the batch that holds a broken file.
    """

    def __init__(
        self,
        images: ImageFiles,
        preprocessing: Preprocessing,
        *,
        batch_size: int,
        augmentation: Augmentation | None = None,
        shuffle: bool = False,
        seed: int = 0,
        workers: int | None = None,
    ) -> None:
        """As `Batches`; ``workers`` is the number of processes beside this one, None for one a usable core."""
        super().__init__(
            images.labels,
            preprocessing,
            batch_size=batch_size,
            augmentation=augmentation,
            shuffle=shuffle,
            seed=seed,
        )
        self._paths = images.paths
        self._workers = usable_cores() if workers is None else workers

    def _pixels(self, groups: list[npt.NDArray[np.int64]]) -> Iterator[torch.Tensor]:
        workers = min(self._workers, len(groups))
        loader = DataLoader(
            _Reader(self.preprocessing, self.augmentation, self.seed, self.epoch),
            batch_size=None,  # one request is one batch already
            sampler=((group, [str(self._paths[index]) for index in group]) for group in groups),
            num_workers=workers,
            collate_fn=_as_it_is,
            multiprocessing_context=_start_method() if workers else None,
            generator=torch.Generator(),  # else each epoch would draw from the generator that dropout uses
        )
        for pixels in loader:
            if isinstance(pixels, UnreadableImage):
                raise pixels
            yield pixels


class _Reader(Dataset[torch.Tensor | UnreadableImage]):
    """What a worker does: from positions and paths to the pixels of a batch."""

    def __init__(self, preprocessing: Preprocessing, augmentation: Augmentation | None, seed: int, epoch: int) -> None:
        self._preprocessing = preprocessing
        self._augmentation = augmentation
        self._seed = seed
        self._epoch = epoch

    def __getitem__(self, request: Request) -> torch.Tensor | UnreadableImage:
        """The pixels, or the error as a value: raised here, it would reach the user inside a worker's traceback."""
        indices, paths = request
        try:
            images = [decode(Path(path), channels=self._preprocessing.channels) for path in paths]
        except UnreadableImage as error:
            return error
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


def usable_cores() -> int:
    """How many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _start_method() -> str:
    """How worker processes come into being: by fork on Linux, in milliseconds, else from scratch, in seconds.

    Not by Python's fork server: a worker then watches over the server and the server over its workers, and when this
    process is killed they keep each other alive for ever. A fork of a process with threads is safe as far as the child
    needs nothing that a thread may have held: a worker computes on one thread, and prints and logs nothing.
    """
    return "fork" if sys.platform == "linux" else "spawn"


def _as_it_is(batch: Any) -> Any:  # what DataLoader's own collation would do for a batch, less its search for arrays
    return batch
