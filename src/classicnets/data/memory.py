"""Data sets that fit in memory: augmented a batch at a time, without worker processes."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch

from classicnets.data.augmentation.whole import change, changes_pixels
from classicnets.data.batches import Batches
from classicnets.data.images import ImageArray
from classicnets.data.pixels import augment, fit, padded, with_channels
from classicnets.data.transforms import Augmentation, Draw, Preprocessing, draw

_CHUNK = 4096  # images fitted at a time: bounds the memory that resizing needs beside the result

_LARGEST_BLOCK_TO_LEARN_FROM = 31 << 20  # bytes; just below glibc's 32 MiB


class MemoryBatches(Batches):
    """Goes through an `ImageArray`.

    The images are fitted to the preprocessing once, at construction. With padded crops or flips they are then laid
    out so that every crop of every image, plain and mirrored, is a window into one tensor (see `_Windows`), and a
    batch is one gather of such windows. With ``random_area`` or ``scale`` each image is cut and resized anew from its
    original pixels, as `classicnets.data.pixels.augment` does it for files.
    """

    def __init__(
        self,
        images: ImageArray,
        preprocessing: Preprocessing,
        *,
        batch_size: int,
        augmentation: Augmentation | None = None,
        shuffle: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__(
            images.labels,
            preprocessing,
            batch_size=batch_size,
            augmentation=augmentation,
            shuffle=shuffle,
            seed=seed,
        )
        self._crops_are_windows = augmentation is None or not augmentation.cuts_anew
        if self._crops_are_windows:
            fitted = _fit_all(images.pixels, preprocessing)
            self._windows = _Windows(fitted, augmentation or Augmentation())
            _keep_freed_memory()
        else:
            self._originals = images.pixels

    def _pixels(self, groups: list[npt.NDArray[np.int64]]) -> Iterator[torch.Tensor]:
        if not groups:
            return iter(())
        cut = self._gathered(groups) if self._crops_are_windows else self._cut_out(groups)
        return self._changed(groups, cut) if changes_pixels(self.augmentation) else cut

    def _changed(self, groups: list[npt.NDArray[np.int64]], cut: Iterator[torch.Tensor]) -> Iterator[torch.Tensor]:
        assert self.augmentation is not None
        for group, pixels in zip(groups, cut, strict=True):
            with _one_thread():
                changed = change(pixels, self.augmentation, self._chance(group))
            yield changed

    def _gathered(self, groups: list[npt.NDArray[np.int64]]) -> Iterator[torch.Tensor]:
        # Drawing for all that is left of the epoch at once takes a millisecond; a batch at a time, it would take as
        # long again as everything else that a batch needs.
        indices = np.concatenate(groups)
        drawn = draw(self.augmentation or Augmentation(), self.seed, self.epoch, indices)
        starts = torch.from_numpy(self._windows.starts(indices, drawn))
        for part in torch.split(starts, [len(group) for group in groups]):
            with _one_thread():
                crops = self._windows.gather(part)
            yield crops

    def _normalise(self, pixels: torch.Tensor, indices: npt.NDArray[np.int64]) -> torch.Tensor:
        with _one_thread():
            return super()._normalise(pixels, indices)

    def _cut_out(self, groups: list[npt.NDArray[np.int64]]) -> Iterator[torch.Tensor]:
        assert self.augmentation is not None
        for group in groups:
            drawn = draw(self.augmentation, self.seed, self.epoch, group)
            yield torch.stack(
                [
                    augment(self._originals[index], self.preprocessing, self.augmentation, drawn.choice(at))
                    for at, index in enumerate(group)
                ]
            )


def _keep_freed_memory() -> None:
    """Have the C library keep the memory of used batches for the next ones.

    Glibc returns free memory to the system beyond a limit that grows with the largest block it has had back, up to
    32 MiB. With a limit as low as at the start, each batch would be written to pages that the system has to provide
    and clear first, which takes longer than all else. Other C libraries are not affected.
    """
    torch.empty(_LARGEST_BLOCK_TO_LEARN_FROM, dtype=torch.uint8)  # given back at once


@contextmanager
def _one_thread() -> Iterator[None]:
    """Have PyTorch share out no work inside.

    A batch of small images takes a tenth of a millisecond. Sharing it gains a fifth while every core is idle, and
    makes it ten times slower as soon as one is not, because all threads wait for the one that is not running.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class _Windows:
    """All padded crops of all images, plain and mirrored, as overlapping windows into one run of pixels.

    The images stand below each other with ``pad`` black rows before, between and after them, and every row begins
    with ``pad`` black pixels, which serve the row above as its right margin; margins of reflections belong to one
    image alone, and so each has its own. A crop is then a start in that run of
    pixels: rows of equal length at a fixed distance, which one gather copies without looking at single pixels. The
    mirrored copy doubles the memory and makes a flip cost nothing; it is made only where images are flipped.
    """

    def __init__(self, images: torch.Tensor, augmentation: Augmentation) -> None:
        self._count, self._height, self._width, self._channels = images.shape
        self._augmentation = augmentation
        self._pad = augmentation.pad
        self._margin = augmentation.pad * (1 if augmentation.pad_with == "black" else 2)  # from image to image
        run = self._lay_out(images, mirrored=augmentation.flip)
        row = self._width + self._margin  # pixels from one row to the next
        window = (self._height - 1) * row + self._width  # pixels from a crop's first to behind its last
        self._crops = run.as_strided(
            (len(run) - window + 1, self._height, self._width * self._channels),
            (self._channels, row * self._channels, 1),
        )

    def starts(self, indices: npt.NDArray[np.int64], choices: Draw) -> npt.NDArray[np.int64]:
        """Where in the run of pixels the crop of each image begins."""
        image = np.where(choices.flip, indices + self._count, indices)
        top = image * (self._height + self._margin) + choices.crop_y
        # A crop is taken first and flipped then, so in a mirrored image it lies as far from the other side.
        left = np.where(choices.flip, 2 * self._pad - choices.crop_x, choices.crop_x)
        return top * (self._width + self._margin) + left

    def gather(self, starts: torch.Tensor) -> torch.Tensor:
        """The crops at ``starts``, (crops, height, width, channels), in memory of their own."""
        crops = self._crops.index_select(0, starts)
        return crops.view(len(starts), self._height, self._width, self._channels)

    def _lay_out(self, images: torch.Tensor, *, mirrored: bool) -> torch.Tensor:
        """The run of pixels, (pixels, channels)."""
        pad = self._pad
        if pad == 0 and not mirrored:
            return images.reshape(-1, self._channels)
        if self._augmentation.pad_with == "reflection":
            kept = torch.cat([images, images.flip(2)]) if mirrored else images
            return padded(kept, self._augmentation).reshape(-1, self._channels)
        copies = self._count * (2 if mirrored else 1)
        height, width = self._height + pad, self._width + pad
        run = torch.zeros((pad + copies * height) * width + pad, self._channels, dtype=torch.uint8)
        places = run[pad * width : len(run) - pad].view(copies, height, width, self._channels)
        places[: self._count, : self._height, pad:] = images
        if mirrored:
            places[self._count :, : self._height, pad:] = images.flip(2)
        return run


def _fit_all(pixels: torch.Tensor, preprocessing: Preprocessing) -> torch.Tensor:
    chunks = [pixels[at : at + _CHUNK] for at in range(0, len(pixels), _CHUNK)]
    return torch.cat([fit(with_channels(chunk, preprocessing.channels), preprocessing) for chunk in chunks])
