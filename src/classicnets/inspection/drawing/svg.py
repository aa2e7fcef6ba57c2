"""A network as a picture in SVG."""

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from classicnets.inspection.drawing.layout import picture
from classicnets.inspection.drawing.marks import Mark, Shape, Text

if TYPE_CHECKING:
    from classicnets.inspection.inspection import Inspection

_FONTS = "Helvetica, Arial, sans-serif"


def draw(found: "Inspection", *, longest: int = 24) -> str:
    """The rows from the left to the right, each with its layers and, to scale, the box of what leaves it.

    Ways that run side by side, shortcuts and auxiliary heads are drawn as they ran; a legend says what all means.

    Args:
        found: any network; a module that is no `Chain` is drawn by its parts.
        longest: how many rows stand each for itself; in a longer network rows that follow each other and are made alike
            are drawn once, with their number.

    Returns:
        An SVG document in UTF-8, the same for the same network.
    """
    made = picture(found, longest)
    width, height = round(made.width), round(made.height)
    said = f"{found.name}, row by row"
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        f' font-family="{_FONTS}" stroke-linejoin="round" role="img">',
        f"<title>{escape(said)}</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for mark in made.marks:
        lines += _written(mark)
    return "\n".join([*lines, "</svg>", ""])


def _written(mark: Mark) -> list[str]:
    if isinstance(mark, Text):
        return [_text(mark)]
    if isinstance(mark, Shape):
        return [_shape(mark)]
    at = f' transform="translate({_number(mark.x)} {_number(mark.y)})"' if mark.x or mark.y else ""
    role = f" class={quoteattr(mark.role)}" if mark.role else ""
    inner = [line for part in mark.marks for line in _written(part)]
    said = [f"<title>{escape(mark.says)}</title>"] if mark.says else []
    return [f"<g{role}{at}>", *said, *inner, "</g>"]


def _text(mark: Text) -> str:
    anchor = ' text-anchor="middle"' if mark.anchor == "middle" else ""
    bold = ' font-weight="bold"' if mark.bold else ""
    place = f'x="{_number(mark.x)}" y="{_number(mark.y)}" font-size="{_number(mark.size)}"'
    return f'<text {place}{anchor}{bold} fill="{mark.colour}">{escape(mark.words)}</text>'


def _shape(mark: Shape) -> str:
    stroke = f' stroke="{mark.stroke}" stroke-width="{_number(mark.width)}"' if mark.stroke != "none" else ""
    return f'<path d="{mark.path}" fill="{mark.fill}"{stroke}/>'


def _number(given: float) -> str:
    return f"{round(given, 2):g}"
