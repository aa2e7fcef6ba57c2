"""One block of the picture: its layers, the box of what leaves it, its words, and the head that hangs from it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from classicnets.inspection.drawing.blocks import Aux, Block
from classicnets.inspection.drawing.boxes import Scale, box
from classicnets.inspection.drawing.colours import pale
from classicnets.inspection.drawing.marks import (
    GREY,
    INK,
    LINE,
    Drawn,
    Group,
    Mark,
    Shape,
    Text,
    line,
    rectangle,
    text_width,
)
from classicnets.inspection.drawing.panel import CHIP, chip, panel
from classicnets.inspection.drawing.parts import Fork, steps
from classicnets.inspection.units import count, shape

LEADING = 13.5
"""From one line of words to the next."""
NAME, SMALL = 11.5, 10.0
"""Sizes of letters."""
_PADDING = 7.0
_BESIDE = 8.0
"""Between the layers of a row and its box."""
_TIMES = 14.0
_BELOW_EACH_OTHER = 7.0


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A block laid out.

    Attributes:
        block: what it shows.
        content: the layers and the box, on the axis.
        words: the lines under it, each with its size.
        width: of content and words, the wider.
    """

    block: Block
    content: Drawn
    words: tuple[Text, ...]
    width: float

    @property
    def words_height(self) -> float:
        """Of all lines."""
        return LEADING * len(self.words)

    @property
    def begin(self) -> float:
        """Where the content begins within the width."""
        return (self.width - self.content.width) / 2


def cell(block: Block, scale: Scale) -> Cell:
    """Lay out a block."""
    content = _content(block, scale)
    lines = _lines(block)
    width = max([content.width, *(text_width(words, size, bold=bold) for words, size, bold in lines)])
    words = tuple(
        Text(width / 2, LEADING * (place + 0.8), line, size, INK if bold else GREY, bold)
        for place, (line, size, bold) in enumerate(lines)
    )
    return Cell(block=block, content=content, words=words, width=width)


def title_of(block: Block) -> str:
    """The name of its row, or those of its first and last."""
    return block.names[0] or block.module if len(block.names) == 1 else f"{block.names[0]} to {block.names[-1]}"


class Hanging(NamedTuple):
    """An auxiliary head that hangs from its origin: the width to each side, and how far it reaches down."""

    marks: Group
    half: float
    down: float


def hanging(aux: Aux) -> Hanging:
    """Lay out an auxiliary head."""
    marks: list[Mark] = []
    half = 0.0
    y = 12.0
    begin = 0.0
    for step in steps(aux.parts):
        if step.kind != "normalisation":
            drawn = chip(step)
            marks += [line((0, begin), (0, y)), Group(drawn.marks, x=-drawn.width / 2, y=y + CHIP / 2)]
            half = max(half, drawn.width / 2)
            begin = y + CHIP
            y = begin + _BELOW_EACH_OTHER
    words = ("auxiliary head", count(aux.parameters))
    for number, said in enumerate(words):
        marks.append(Text(0, begin + LEADING * (number + 1), said, SMALL, GREY))
        half = max(half, text_width(said, SMALL) / 2)
    return Hanging(Group(tuple(marks), role="aux"), half, begin + LEADING * (len(words) + 0.4))


def _content(block: Block, scale: Scale) -> Drawn:
    made = box(block, scale)
    if any(isinstance(part, Fork) for part in block.made_of):
        made = _beside(_framed(panel(block.made_of), block), made)
    if len(block.names) > 1:
        made = _repeated(made, len(block.names))
    return made


def _framed(inner: Drawn, block: Block) -> Drawn:
    """The layers of a row on ground of its colour."""
    width = inner.width + 2 * _PADDING
    height = inner.up + inner.down + 2 * _PADDING
    ground = Shape(
        rectangle(0, -inner.up - _PADDING, width, height, radius=6), fill=pale(block.kind), stroke=LINE, width=0.7
    )
    ends = line((0, 0), (_PADDING, 0)), line((_PADDING + inner.width, 0), (width, 0))
    marks = (ground, *ends, Group(inner.marks, x=_PADDING))
    return Drawn(marks=marks, width=width, up=inner.up + _PADDING, down=inner.down + _PADDING)


def _beside(layers: Drawn, made: Drawn) -> Drawn:
    x = layers.width + _BESIDE
    return Drawn(
        marks=(*layers.marks, line((layers.width, 0), (x, 0)), Group(made.marks, x=x)),
        width=x + made.width,
        up=max(layers.up, made.up),
        down=max(layers.down, made.down),
        outlets=made.outlets,
    )


def _repeated(once: Drawn, times: int) -> Drawn:
    """Under a bracket that says how many times."""
    y = -once.up - 5
    bracket = Shape(f"M0 {y:g}v-4h{once.width:g}v4", stroke=LINE, width=1.2)
    words = Text(once.width / 2, y - 8, f"× {times}", 12, INK, True)
    width = max(once.width, text_width(words.words, 12, bold=True))
    return Drawn(
        marks=(*once.marks, bracket, words),
        width=width,
        up=once.up + 9 + _TIMES,
        down=once.down,
        inlets=once.inlets,
        outlets=once.outlets,
    )


def _lines(block: Block) -> list[tuple[str, float, bool]]:
    times = len(block.names)
    lines = [(title_of(block), NAME, True)]
    lines += [(said, SMALL, False) for said in (_made_of(block), shape(block.output)) if said]
    if block.parameters:
        each = count(block.parameters)
        lines.append((each if times == 1 else f"{times} x {each}", SMALL, False))
    return lines


def _made_of(block: Block) -> str:
    """The layers of a simple row in words."""
    if block.kind == "input" or any(isinstance(part, Fork) for part in block.made_of):
        return ""
    seen = [step for step in steps(block.made_of) if step.kind != "normalisation"] or list(steps(block.made_of))
    said = ", ".join(_counted(f"{step.text}, {step.groups} groups" if step.groups > 1 else step.text for step in seen))
    alone = said if said != "fc" else "fully connected"
    return alone or (_spaced(block.module) if _spaced(block.module) != block.names[0] else "")


def _counted(layers: Iterable[str]) -> Iterator[str]:
    """Three or more that are equal and follow each other as one."""
    for layer, equal in groupby(layers):
        times = len(list(equal))
        yield from [f"{times} of {layer}"] if times > 2 else [layer] * times


def _spaced(name: str) -> str:
    """``RadialBasis`` as "radial basis"."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
