"""A protocol on the way to one network: which rescaled images are needed, and which windows of them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from classicnets.data.pixels import resize, with_channels
from classicnets.data.transforms import Preprocessing
from classicnets.errors import UsageError
from classicnets.evaluation.protocols.cost import Kind
from classicnets.evaluation.protocols.geometry import Pair, Window, box, canvas, rescaled, windows
from classicnets.evaluation.protocols.means import mean_under
from classicnets.evaluation.protocols.protocol import Look, Protocol


class Scaled(NamedTuple):
    """Images of one size, brought to one of a protocol's sizes.

    Attributes:
        pixels: uint8, (images, height, width, channels).
        resized: for each window of theirs that is larger than the input, what it becomes: uint8, (images, height and
            width of the input, channels).
    """

    pixels: torch.Tensor
    resized: dict[Window, torch.Tensor]

    @property
    def size(self) -> Pair:
        """Height and width."""
        return self.pixels.shape[1], self.pixels.shape[2]


class Prepared(NamedTuple):
    """Images of one size, ready to be looked at.

    Attributes:
        indices: their positions in the data set.
        scaled: the images at each size, under the sides of its `geometry.box`.
    """

    indices: npt.NDArray[np.int64]
    scaled: dict[Pair, Scaled]


class View(NamedTuple):
    """One view of each of some images.

    Attributes:
        look: the position of its look in the protocol.
        pixels: uint8, (images, height, width, channels).
        dense: whether it is for the network as one convolution.
        mirrored: whether its mirror image is meant.
        weight: how many equal views it stands for.
        mean: the mean image under a crop, (height, width, channels); None where there is none, and under what is
            dense.
    """

    look: int
    pixels: torch.Tensor
    dense: bool
    mirrored: bool
    weight: int
    mean: torch.Tensor | None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a protocol asks of images that are prepared in one way.

    Attributes:
        protocol: with one look or more.
        preprocessing: of the network.
    """

    protocol: Protocol
    preprocessing: Preprocessing

    def check(self) -> None:
        """Make sure that crops of the input size can be taken at every size.

        Raises:
            UsageError: they cannot.
        """
        given = self.preprocessing.size
        for look in self.protocol.looks:
            smallest = box(min(look.sizes), look, given)
            if look.crops != "dense" and (smallest[0] < given[0] or smallest[1] < given[1]):
                raise UsageError(
                    f"{self.protocol.name}: of images of {min(look.sizes)} pixels there are no crops of"
                    f" {given[0]}x{given[1]}, which this network takes; begin at {min(given)}"
                )

    @cached_property
    def boxes(self) -> dict[Look, tuple[Pair, ...]]:
        """The sizes of each look for this network's input."""
        given = self.preprocessing.size
        return {look: tuple(box(size, look, given) for size in look.sizes) for look in self.protocol.looks}

    def kinds(self, image: Pair) -> Counter[Kind]:
        """How many views of each kind have to pass for an image of that height and width; equal ones pass once."""
        found: Counter[Kind] = Counter()
        if self.preprocessing.fit == "pad":
            image = canvas(image, self.preprocessing)
        for look, boxes in self.boxes.items():
            for side in boxes:
                size = rescaled(image, side, self.preprocessing)
                dense = look.crops == "dense"
                kind = Kind(dense, size if dense else self.preprocessing.size)
                views = 1 if dense else len(windows(look.crops, size, side, self.preprocessing.size))
                found[kind] += views * (2 if look.mirror else 1)
        return found

    def prepare(self, indices: npt.NDArray[np.int64], pixels: torch.Tensor) -> Prepared:
        """Bring images of one size, (images, height, width, channels), to every size that is asked for.

        Each is resampled from the original pixels.
        """
        pixels = self._on_canvas(with_channels(pixels, self.preprocessing.channels))
        image = (pixels.shape[1], pixels.shape[2])
        scaled: dict[Pair, Scaled] = {}
        for look, boxes in self.boxes.items():
            for side in boxes:
                if side not in scaled:
                    size = rescaled(image, side, self.preprocessing)
                    scaled[side] = Scaled(resize(pixels, size, self.preprocessing.interpolation), {})
                if look.crops != "dense":
                    self._resize_windows(look, side, scaled[side])
        return Prepared(indices, scaled)

    def views(self, prepared: Prepared) -> Sequence[View]:
        """All that is to be looked at of the images."""
        return [
            View(number, pixels, look.crops == "dense", mirrored, weight, mean)
            for number, (look, boxes) in enumerate(self.boxes.items())
            for side in boxes
            for pixels, weight, mean in self._parts(look, side, prepared.scaled[side])
            for mirrored in ((False, True) if look.mirror else (False,))
        ]

    def _parts(self, look: Look, side: Pair, scaled: Scaled) -> Iterator[tuple[torch.Tensor, int, torch.Tensor | None]]:
        if look.crops == "dense":
            yield scaled.pixels, 1, None
            return
        for window, weight in self._windows(look, side, scaled).items():
            pixels = scaled.resized[window] if window in scaled.resized else _cut(scaled.pixels, window)
            yield pixels, weight, mean_under(self.preprocessing, window, scaled.size, side)

    def _resize_windows(self, look: Look, side: Pair, scaled: Scaled) -> None:
        given = self.preprocessing.size
        for window in self._windows(look, side, scaled):
            if (window.height, window.width) != given and window not in scaled.resized:
                part = _cut(scaled.pixels, window)
                scaled.resized[window] = resize(part, given, self.preprocessing.interpolation)

    def _windows(self, look: Look, side: Pair, scaled: Scaled) -> dict[Window, int]:
        return windows(look.crops, scaled.size, side, self.preprocessing.size)

    def _on_canvas(self, pixels: torch.Tensor) -> torch.Tensor:
        if self.preprocessing.fit != "pad":
            return pixels
        image = (pixels.shape[1], pixels.shape[2])
        height, width = canvas(image, self.preprocessing)
        top, left = (height - image[0]) // 2, (width - image[1]) // 2
        return F.pad(pixels, (0, 0, left, width - image[1] - left, top, height - image[0] - top))


def _cut(pixels: torch.Tensor, window: Window) -> torch.Tensor:
    top, left, height, width = window
    return pixels[:, top : top + height, left : left + width]
