"""Where names stand beside the bubbles of a plot, so that they can be read."""

from collections.abc import Sequence
from typing import NamedTuple

_LETTER_WIDTH, _LINE_HEIGHT = 6.2, 14
_MOST_HIDDEN = 0.15  # of a name, by other names; with more it is left out


class Spot(NamedTuple):
    """A bubble and its name: the middle from the upper left corner, and the radius, in pixels."""

    name: str
    across: float
    down: float
    radius: float


class Box(NamedTuple):
    """A rectangle of pixels."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def area(self) -> float:
        """In square pixels."""
        return (self.right - self.left) * (self.bottom - self.top)

    def overlap(self, other: "Box") -> float:
        """The area that both cover."""
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, across) * max(0.0, down)


def sides_of_names(spots: Sequence[Spot], width: float, height: float) -> dict[int, str]:
    """On which side of its bubble each name stands, as plotly calls it, by the spot's index.

    Names are placed one by one, each where it runs into as little as can be; one that other names would hide is left
    out.

    Args:
        spots: the bubbles; names of the first ones are placed first.
        width: of the plot, in pixels.
        height: likewise.
    """
    bubbles = [Box(across - radius, down - radius, across + radius, down + radius) for _, across, down, radius in spots]
    names: list[Box] = []
    sides = {}
    for index, spot in enumerate(spots):
        others = bubbles[:index] + bubbles[index + 1 :]

        def hidden(box: Box, others: Sequence[Box] = others) -> float:
            beyond = box.area - box.overlap(Box(0, 0, width, height))
            # A name is still legible on a bubble, but not on a name.
            return sum(map(box.overlap, others)) + 4 * (beyond + sum(map(box.overlap, names)))

        choices = _around(spot)
        side = min(choices, key=lambda side: hidden(choices[side]))
        box = choices[side]
        if sum(map(box.overlap, names)) <= _MOST_HIDDEN * box.area:
            names.append(box)
            sides[index] = side
    return sides


def _around(spot: Spot) -> dict[str, Box]:
    width = _LETTER_WIDTH * len(spot.name)
    half = _LINE_HEIGHT / 2
    middles = {
        "top center": (spot.across, spot.down - spot.radius - half),
        "bottom center": (spot.across, spot.down + spot.radius + half),
        "middle right": (spot.across + spot.radius + width / 2, spot.down),
        "middle left": (spot.across - spot.radius - width / 2, spot.down),
    }
    return {side: Box(x - width / 2, y - half, x + width / 2, y + half) for side, (x, y) in middles.items()}
