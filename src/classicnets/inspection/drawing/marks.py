"""What pictures are made of: lines, shapes and words, and groups of them that move together."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

INK = "#1b2330"
GREY = "#56606e"
LINE = "#6b7684"

_NARROW, _WIDE, _MEDIUM = 0.36, 0.92, 0.62
"""Widths of characters over the size of the letters, on the wide side of what sans-serif fonts have."""
_NARROW_ONES = frozenset(" fijlrt.,:;/()|'I")
_WIDE_ONES = frozenset("mwMW×")


class Text(NamedTuple):
    """Words on one line; ``y`` is where the letters stand."""

    x: float
    y: float
    words: str
    size: float
    colour: str = INK
    bold: bool = False
    anchor: Literal["start", "middle"] = "middle"


class Shape(NamedTuple):
    """An outline in the language of SVG's paths."""

    path: str
    fill: str = "none"
    stroke: str = "none"
    width: float = 1


class Group(NamedTuple):
    """Marks that move together.

    Attributes:
        marks: from the back to the front, by coordinates of the group's own.
        x: to where its origin goes, in pixels to the right.
        y: likewise, downwards.
        role: what it shows, a name or several; "" where it only moves.
        says: more of it, for those who ask; "" for nothing.
    """

    marks: tuple["Mark", ...]
    x: float = 0
    y: float = 0
    role: str = ""
    says: str = ""


Mark = Text | Shape | Group


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """Something that stands on an axis from the left to the right, which leads through y = 0.

    Attributes:
        marks: between x = 0 and x = width.
        width: of all.
        up: how far it reaches above the axis.
        down: how far below.
        inlets: the heights at which what arrives enters it.
        outlets: the heights at which what leaves it goes out.
    """

    marks: tuple[Mark, ...]
    width: float
    up: float
    down: float
    inlets: tuple[float, ...] = (0,)
    outlets: tuple[float, ...] = (0,)


def text_width(words: str, size: float, *, bold: bool = False) -> float:
    """How wide words become at most, in pixels."""
    ems = sum(_NARROW if letter in _NARROW_ONES else _WIDE if letter in _WIDE_ONES else _MEDIUM for letter in words)
    return ems * size * (1.08 if bold else 1)


def rectangle(x: float, y: float, width: float, height: float, *, radius: float = 0) -> str:
    """The path of a rectangle, its upper left corner at (x, y)."""
    if not radius:
        return f"M{x:g} {y:g}h{width:g}v{height:g}h{-width:g}z"
    across, down = width - 2 * radius, height - 2 * radius
    corner = f"a{radius:g} {radius:g} 0 0 1"
    return (
        f"M{x + radius:g} {y:g}h{across:g}{corner} {radius:g} {radius:g}v{down:g}{corner} {-radius:g} {radius:g}"
        f"h{-across:g}{corner} {-radius:g} {-radius:g}v{-down:g}{corner} {radius:g} {-radius:g}z"
    )


def line(*points: tuple[float, float]) -> Shape:
    """From point to point."""
    return Shape("M" + "L".join(f"{x:g} {y:g}" for x, y in points), stroke=LINE, width=1.2)


def arrow(*points: tuple[float, float]) -> tuple[Shape, Shape]:
    """From point to point, with a head where it ends; the last piece leads to the right."""
    x, y = points[-1]
    head = Shape(f"M{x - 6:g} {y - 3:g}L{x:g} {y:g}L{x - 6:g} {y + 3:g}z", fill=LINE)
    return line(*points[:-1], (x - 4, y)), head


def wave(x: float, y: float, to_x: float, to_y: float) -> Shape:
    """From point to point, level at both."""
    middle = (x + to_x) / 2
    path = f"M{x:g} {y:g}C{middle:g} {y:g} {middle:g} {to_y:g} {to_x:g} {to_y:g}"
    return Shape(path, stroke=LINE, width=1.2)
