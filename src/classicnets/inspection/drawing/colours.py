"""Which colour stands for which kind of row or layer; all are light, for dark letters."""

from typing import NamedTuple

FILL = {
    "input": "#e3e6ea",
    "convolution": "#9cc3e6",
    "pooling": "#f4b9a4",
    "normalisation": "#d6c8ee",
    "fully connected": "#b4dba0",
    "inception module": "#f7dc8c",
    "residual block": "#95d5c5",
    "other": "#d4d7dc",
}


class Shades(NamedTuple):
    """Of the faces of a box."""

    front: str
    top: str
    side: str


def shades(kind: str) -> Shades:
    """The front as the legend has it, the top lighter, the side darker."""
    return Shades(FILL[kind], _mixed(FILL[kind], 255, 0.45), _mixed(FILL[kind], 0, 0.14))


def pale(kind: str) -> str:
    """For the ground that the layers of a row stand on."""
    return _mixed(FILL[kind], 255, 0.72)


def _mixed(colour: str, towards: int, share: float) -> str:
    parts = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return "#" + "".join(f"{round(part + (towards - part) * share):02x}" for part in parts)
