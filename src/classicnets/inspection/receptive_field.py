"""Which pixels of the image an activation depends on."""

from typing import NamedTuple

from classicnets.inspection.trace import Trace


class Extent(NamedTuple):
    """Along one side of the image, what the activations of a map see, in pixels.

    The activation at place i depends on the pixels from ``first + i * stride`` to ``last + i * stride``, both included;
    they may lie beyond the border. Where ``everything`` is true it depends on the whole side.
    """

    first: int
    last: int
    stride: int
    everything: bool = False


class Field(NamedTuple):
    """What the activations of a map see, down and across."""

    down: Extent
    across: Extent


def fields(trace: Trace) -> dict[int, Field]:
    """The field of each value, by its number, that depends on the first input (N, C, H, W)."""
    raise NotImplementedError
