"""A test protocol on paper: sizes, crops, mirrors, and what is averaged."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

PAPER_INPUT = 224
"""The side in pixels of the input that the papers' sizes are for."""

Crops = Literal["dense", "center", "corners", "grid", "squares"]
Average = Literal["softmax", "scores"]

CROPS: Mapping[Crops, int] = {"dense": 1, "center": 1, "corners": 5, "grid": 25, "squares": 18}
"""Views of an image of one size, without their mirror images."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """One way to look at an image.

    Attributes:
        sizes: what the shorter side of the image becomes, in pixels, one after the other.
        crops: what is looked at of the image so rescaled. ``dense``: all of it, by the network as one convolution,
            whose scores are averaged over the places of its map (pixels on the right and below that a pooling without
            padding leaves over fall to no place). Or crops of the input size: ``center``; ``corners``:
            the four of the central square, and its centre; ``grid``: five by five, evenly spaced over all of it;
            ``squares``: of its left, central and right square (upper, central and lower) the four corners, the
            centre, and the whole square resized to the input size.
        mirror: whether the mirror image of each is looked at too.
        average: over all of these the mean of the ``softmax``, or of the ``scores`` before it.
        of_paper: the sizes are for an input of `PAPER_INPUT` pixels and become larger or smaller with the network's
            input, see `geometry.box`; else they are pixels as they are.
    """

    sizes: tuple[int, ...]
    crops: Crops
    mirror: bool = True
    average: Average = "softmax"
    of_paper: bool = True

    @property
    def views(self) -> int:
        """Views of an image."""
        return len(self.sizes) * CROPS[self.crops] * (2 if self.mirror else 1)


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """A way to test.

    Attributes:
        name: as a user writes it.
        looks: what is looked at; the mean of what each of them says counts, as softmax. None at all stands for what
            the bundle's preprocessing does, one view an image.
    """

    name: str
    looks: tuple[Look, ...] = ()

    @property
    def views(self) -> int:
        """Views of an image; a whole image in dense testing is one."""
        return sum(look.views for look in self.looks) or 1

    @property
    def is_dense(self) -> bool:
        """Whether the network has to run as one convolution."""
        return any(look.crops == "dense" for look in self.looks)
