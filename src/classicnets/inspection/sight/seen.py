"""What the elements of a tensor see of the image, and how it changes where dimensions slide, join, split or vanish."""

from collections.abc import Callable, Sequence
from math import prod
from typing import NamedTuple


class Extent(NamedTuple):
    """Along one side of the image, what the activations of a map see, in pixels.

    The activation at place i depends on pixels from ``first + i * stride`` to ``last + i * stride``, both included;
    they may lie beyond the border. At stride 0 all activations see the same. Where ``everything`` is true each depends
    on the whole side, from ``first`` to ``last``, and the stride only says how far apart places lie.
    """

    first: int
    last: int
    stride: int
    everything: bool = False

    @property
    def size(self) -> int:
        """Pixels from the first to the last."""
        return self.last - self.first + 1

    def windows(self, kernel: int, step: int, padding: int = 0, dilation: int = 1) -> "Extent":
        """What windows on this map see, each of ``kernel`` activations that are ``dilation`` apart."""
        first = self.first - padding * self.stride
        last = self.last + (dilation * (kernel - 1) - padding) * self.stride
        return Extent(first, last, self.stride * step, self.everything)

    def whole(self, count: int) -> "Extent":
        """What one sees that depends on all ``count`` activations."""
        return self.windows(count, 0)

    def spread(self, ranges: Sequence[tuple[int, int]], step: int) -> "Extent":
        """The least that holds what each of the ``ranges`` of activations sees, at ``step`` pixels a place."""
        if not self.stride:
            return self
        firsts = (self.first + start * self.stride - place * step for place, (start, _) in enumerate(ranges))
        lasts = (self.last + end * self.stride - place * step for place, (_, end) in enumerate(ranges))
        return Extent(min(firsts), max(lasts), step, self.everything)


class Run(NamedTuple):
    """Places in a row that a dimension of a tensor, or a part of it, counts.

    Attributes:
        length: how many.
        side: of the image that they lie along: 0 down, 1 across; None for channels and all else.
    """

    length: int
    side: int | None = None


Dimension = tuple[Run, ...]
"""The runs that it counts through, the last one fastest: (H, W) in one dimension is a run down and a run across."""


class Seen(NamedTuple):
    """What the elements of a tensor see.

    Attributes:
        sides: down and across; at stride 0 where no dimension lies along that side.
        dimensions: of the tensor.
    """

    sides: tuple[Extent, Extent]
    dimensions: tuple[Dimension, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensor."""
        return tuple(map(_length, self.dimensions))

    def whole(self, *places: int) -> "Seen":
        """The same where each element depends on all those along the dimensions at these places."""
        sides, dimensions = list(self.sides), list(self.dimensions)
        for place in places:
            for length, side in dimensions[place]:
                if side is not None:
                    sides[side] = sides[side].whole(length)
            dimensions[place] = (Run(_length(dimensions[place])),)
        return Seen((sides[0], sides[1]), tuple(dimensions))

    def slid(self, place: int, length: int, change: Callable[[Extent], Extent]) -> "Seen":
        """The same with ``length`` windows along one dimension, that see what ``change`` says."""
        if any(run.side is not None for run in self.dimensions[place]) and len(self.dimensions[place]) > 1:
            return self.whole(place).resized(place, length)
        side = self.dimensions[place][0].side
        sides = list(self.sides)
        if side is not None:
            sides[side] = change(sides[side])
        return Seen((sides[0], sides[1]), self.dimensions).resized(place, length, side)

    def resized(self, place: int, length: int, side: int | None = None) -> "Seen":
        """The same with another dimension at that place."""
        return self._replace(dimensions=_put(self.dimensions, place, (Run(length, side),)))

    def inserted(self, place: int) -> "Seen":
        """The same with one more dimension, of length 1."""
        return self._replace(dimensions=(*self.dimensions[:place], (Run(1),), *self.dimensions[place:]))

    def without(self, *places: int) -> "Seen":
        """The same without these dimensions, on whose elements each depends."""
        kept = self.whole(*places)
        return kept._replace(dimensions=tuple(d for place, d in enumerate(kept.dimensions) if place not in places))

    def permuted(self, order: Sequence[int]) -> "Seen":
        """The same with its dimensions in another order."""
        return self._replace(dimensions=tuple(self.dimensions[place] for place in order))

    def spread_to(self, shape: Sequence[int]) -> "Seen":
        """The same repeated along missing dimensions and those of length 1."""
        missing = len(shape) - len(self.dimensions)
        seen = self._replace(dimensions=((Run(1),),) * missing + self.dimensions)
        for place, (length, wanted) in enumerate(zip(seen.shape, shape, strict=True)):
            if length != wanted:
                seen = seen.whole(place).resized(place, wanted)
        return seen

    def viewed(self, shape: Sequence[int]) -> "Seen":
        """The same elements in the same order, counted otherwise.

        A run that falls apart leaves its side to its outer part: what one of its blocks sees together.
        """
        waiting = [run for dimension in self.dimensions for run in dimension if run != Run(1)]
        sides, dimensions = list(self.sides), list[Dimension]()
        if 0 in shape:
            return everything(shape)
        for length in shape:
            runs: list[Run] = []
            while (room := length // prod(run.length for run in runs)) > 1 or (not runs and _is_single(waiting)):
                if not waiting or (waiting[0].length % room and room % waiting[0].length):
                    return self.whole(*range(len(self.dimensions)))._replace(dimensions=_plain(shape))
                run = waiting.pop(0)
                if run.length > room:
                    block = run.length // room
                    waiting.insert(0, Run(block))
                    if run.side is not None:
                        sides[run.side] = sides[run.side].windows(block, block)
                    run = Run(room, run.side)
                runs.append(run)
            dimensions.append(tuple(runs) or (Run(length),))
        for length, side in waiting:
            if side is not None:
                sides[side] = sides[side].whole(length)
        return Seen((sides[0], sides[1]), tuple(dimensions))

    def place_along(self, side: int) -> tuple[int, Dimension] | None:
        """The dimension that lies along that side, and where it stands."""
        for place, dimension in enumerate(self.dimensions):
            for run in dimension:
                if run.side == side:
                    return place, dimension
        return None


def everything(shape: Sequence[int]) -> Seen:
    """A tensor of which each element depends on the whole image, or may do so."""
    unknown = Extent(0, 0, 0, everything=True)
    return Seen((unknown, unknown), _plain(shape))


def anywhere(parts: Sequence[Seen], shape: Sequence[int]) -> Seen:
    """A tensor of which each element depends on any elements of the parts."""
    if any(extent.stride for part in parts for extent in part.sides):
        return everything(shape)
    return together([part._replace(dimensions=_plain(shape)) for part in parts])


def together(parts: Sequence[Seen]) -> Seen:
    """What elements see that depend on the elements at their own place in each of the parts, all of one shape."""
    first = parts[0]
    if all(part == first for part in parts[1:]):
        return first
    dimensions = first.dimensions
    if any(part.dimensions != dimensions for part in parts[1:]):
        dimensions = tuple(
            max(options, key=_sides_in) for options in zip(*(part.dimensions for part in parts), strict=True)
        )
    return Seen((_union(parts, 0), _union(parts, 1)), dimensions)


def _union(parts: Sequence[Seen], side: int) -> Extent:
    extents = [part.sides[side] for part in parts]
    strides = {extent.stride for extent in extents}
    places = {part.place_along(side) for part in parts}
    fits = len(strides) == len(places) == 1
    if not fits and all(place is None or _length(place[1]) == 1 for place in places):
        extents = [extent.whole(1) for extent in extents]
        strides, fits = {0}, True
    first, last = min(extent.first for extent in extents), max(extent.last for extent in extents)
    stride = min(filter(None, strides), default=0)
    return Extent(first, last, stride, not fits or any(extent.everything for extent in extents))


def _is_single(waiting: Sequence[Run]) -> bool:
    return bool(waiting) and waiting[0].length == 1


def _sides_in(dimension: Dimension) -> int:
    return sum(run.side is not None for run in dimension)


def _length(dimension: Dimension) -> int:
    return prod(run.length for run in dimension)


def _plain(shape: Sequence[int]) -> tuple[Dimension, ...]:
    return tuple((Run(length),) for length in shape)


def _put(dimensions: tuple[Dimension, ...], place: int, dimension: Dimension) -> tuple[Dimension, ...]:
    return (*dimensions[:place], dimension, *dimensions[place + 1 :])
