"""Reads pictures: which words stand where."""

from collections.abc import Iterator
from typing import NamedTuple
from xml.etree import ElementTree

SVG = "{http://www.w3.org/2000/svg}"

_NARROW = frozenset(" fijlrt.,:;/()|'I")


class Words(NamedTuple):
    """A line of words and the rectangle that it covers."""

    text: str
    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: "Words") -> bool:
        """Whether both cover a point."""
        apart = self.right <= other.left or other.right <= self.left
        return not apart and self.top < other.bottom and other.top < self.bottom


def parsed(picture: str) -> ElementTree.Element:
    """The root of the document."""
    return ElementTree.fromstring(picture.encode())


def words(element: ElementTree.Element, x: float = 0, y: float = 0) -> Iterator[Words]:
    """All words under an element, in coordinates of the picture, as wide as Helvetica has them at most."""
    moved = element.get("transform", "translate(0 0)").removeprefix("translate(").removesuffix(")").split()
    x, y = x + float(moved[0]), y + float(moved[1])
    if element.tag == f"{SVG}text":
        yield _words(element, x, y)
    for child in element:
        yield from words(child, x, y)


def having(element: ElementTree.Element, role: str) -> list[ElementTree.Element]:
    """The groups that show what ``role`` says."""
    return [group for group in element.iter(f"{SVG}g") if role in (group.get("class") or "").split()]


def size(picture: ElementTree.Element) -> tuple[float, float]:
    """Width and height of the view box."""
    _, _, width, height = map(float, picture.attrib["viewBox"].split())
    return width, height


def _words(element: ElementTree.Element, x: float, y: float) -> Words:
    text = element.text or ""
    letters = float(element.attrib["font-size"])
    bold = 1.08 if element.get("font-weight") == "bold" else 1
    wide = letters * bold * sum(0.33 if letter in _NARROW else 0.6 for letter in text)
    left = x + float(element.attrib["x"]) - (wide / 2 if element.get("text-anchor") == "middle" else 0)
    base = y + float(element.attrib["y"])
    return Words(text, left, base - 0.75 * letters, left + wide, base + 0.2 * letters)
