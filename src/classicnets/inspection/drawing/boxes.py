"""Boxes to scale: what leaves a row."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

from classicnets.inspection.drawing.blocks import Block
from classicnets.inspection.drawing.colours import shades
from classicnets.inspection.drawing.marks import LINE, Drawn, Group, Mark, Shape, rectangle

_TALLEST = 92.0
_WIDEST = 58.0
_LEAST = 3.0
_SLANT = 0.36
"""How far a box recedes, over the width of its maps; to the right and upwards alike."""
_BETWEEN_TOWERS = 8.0


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Pixels of the picture for the square root of a map's side and of a number of channels."""

    side: float
    channels: float

    def of_side(self, pixels: int) -> float:
        """The height of a box whose maps are so high."""
        return max(_LEAST, self.side * sqrt(pixels))

    def of_channels(self, count: float) -> float:
        """The width of a box of so many maps."""
        return max(_LEAST, self.channels * sqrt(count))


def scale_for(blocks: Iterable[Block]) -> Scale:
    """The scale at which the largest map and the longest vector just fit."""
    shapes = [size_of(block.output) for block in blocks]
    largest = max(max(height, width) for _, height, width in shapes)
    return Scale(side=_TALLEST / sqrt(largest), channels=_WIDEST / sqrt(max(shape[0] for shape in shapes)))


def size_of(output: tuple[int, ...]) -> tuple[int, int, int]:
    """Channels, height, width; a vector has one pixel a channel, and what has more sides is taken by its first ones."""
    channels, height, width = (*output, 1, 1, 1)[:3]
    return channels, height, width if len(output) > 2 else 1


def box(block: Block, scale: Scale) -> Drawn:
    """What leaves a row, one box for each tower."""
    channels, height, width = size_of(block.output)
    across = scale.of_channels(channels / block.towers)
    tall = scale.of_side(height)
    back = _SLANT * scale.of_side(width)
    each = tall + back
    total = each * block.towers + _BETWEEN_TOWERS * (block.towers - 1)
    marks: list[Mark] = []
    axes = []
    for number in range(block.towers):
        top = -total / 2 + number * (each + _BETWEEN_TOWERS)
        axes.append(top + each / 2)
        marks.append(Group(_faces(block.kind, across, tall, back), y=top + back))
    return Drawn(
        marks=(Group(tuple(marks), role="box"),),
        width=across + back,
        up=total / 2,
        down=total / 2,
        inlets=tuple(axes),
        outlets=tuple(axes),
    )


def _faces(kind: str, across: float, tall: float, back: float) -> tuple[Shape, ...]:
    """A box whose front has its upper left corner at the origin."""
    colours = shades(kind)
    top = f"M0 0l{back:g} {-back:g}h{across:g}l{-back:g} {back:g}z"
    side = f"M{across:g} 0l{back:g} {-back:g}v{tall:g}l{-back:g} {back:g}z"
    return (
        Shape(top, fill=colours.top, stroke=LINE, width=0.8),
        Shape(side, fill=colours.side, stroke=LINE, width=0.8),
        Shape(rectangle(0, 0, across, tall), fill=colours.front, stroke=LINE, width=0.8),
    )
