"""The whole picture: the blocks in lines, a title, a legend."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from classicnets.inspection.drawing.blocks import Block, blocks
from classicnets.inspection.drawing.boxes import scale_for
from classicnets.inspection.drawing.cells import Cell, cell, hanging, title_of
from classicnets.inspection.drawing.legend import legend
from classicnets.inspection.drawing.marks import GREY, Group, Mark, Text, arrow, line, text_width
from classicnets.inspection.units import count, shape, short

if TYPE_CHECKING:
    from classicnets.inspection.inspection import Inspection

_MARGIN = 28.0
_GAP = 18.0
"""Between cells, where the arrows are."""
_WIDEST = 1240.0
_NARROWEST = 620.0
_UNDER = 6.0
"""Between a line's blocks and its words."""
_GUTTER = 30.0
"""Between lines, for the way from the end of one to the begin of the next."""
_TITLE = 62.0


class Picture(NamedTuple):
    """A drawing of so many pixels."""

    width: float
    height: float
    marks: tuple[Mark, ...]


class _Line(NamedTuple):
    cells: tuple[Cell, ...]

    @property
    def width(self) -> float:
        return sum(one.width for one in self.cells) + _GAP * (len(self.cells) - 1)

    @property
    def reach(self) -> float:
        """To the end of the last cell, or of the head that hangs behind it."""
        aux = self.cells[-1].block.aux
        return self.width + (_GAP / 2 + hanging(aux).half if aux else 0)

    @property
    def up(self) -> float:
        return max(one.content.up for one in self.cells)

    @property
    def down(self) -> float:
        return max(one.content.down for one in self.cells)

    @property
    def words_height(self) -> float:
        return max(one.words_height for one in self.cells)

    @property
    def aux_height(self) -> float:
        return max((hanging(one.block.aux).down for one in self.cells if one.block.aux), default=0)

    @property
    def height(self) -> float:
        return self.up + self.down + _UNDER + self.words_height + self.aux_height


def picture(found: "Inspection", longest: int) -> Picture:
    """Lay out a network; see `draw`."""
    drawn = blocks(found, longest)
    scale = scale_for(drawn)
    lines = _lines([cell(block, scale) for block in drawn])
    title = _title(found)
    inner = max(_NARROWEST, *(line.reach for line in lines), *(_wide(text) for text in title))
    marks: list[Mark] = [*title]
    y = _TITLE + 14
    axes = []
    for one in lines:
        axes.append(y + one.up)
        marks.append(_placed(one, y + one.up))
        y += one.height + _GUTTER
    marks += _turns(lines, axes, inner)
    explained = legend(drawn, scale, inner)
    marks.append(Group(explained.marks, x=_MARGIN, y=y, role="legend"))
    return Picture(inner + 2 * _MARGIN, y + explained.down + 16, tuple(marks))


def _title(found: "Inspection") -> tuple[Text, Text]:
    figures = [
        f"input {shape(found.input)}",
        f"{count(found.parameters)} parameters",
        f"{short(found.macs)} MACs",
    ]
    if found.aux_parameters:
        figures.append(f"auxiliary heads {count(found.aux_parameters)} parameters more")
    return (
        Text(_MARGIN, 32, found.name, 19, bold=True, anchor="start"),
        Text(_MARGIN, 52, ", ".join(figures), 12, GREY, anchor="start"),
    )


def _wide(text: Text) -> float:
    return text_width(text.words, text.size, bold=text.bold)


def _lines(cells: Sequence[Cell]) -> list[_Line]:
    """As few lines as fit the page, all about as long."""
    fewest = len(_broken(cells, _WIDEST))
    narrow, wide = 0.0, max(_WIDEST, *(_Line((one,)).reach for one in cells))
    while wide - narrow > 1:
        middle = (narrow + wide) / 2
        narrow, wide = (narrow, middle) if len(_broken(cells, middle)) <= fewest else (middle, wide)
    return _broken(cells, wide)


def _broken(cells: Iterable[Cell], widest: float) -> list[_Line]:
    lines: list[_Line] = []
    for one in cells:
        longer = _Line((*lines[-1].cells, one)) if lines else None
        if longer is not None and longer.reach <= widest:
            lines[-1] = longer
        else:
            lines.append(_Line((one,)))
    return lines


def _placed(one: _Line, axis: float) -> Group:
    marks: list[Mark] = []
    x = 0.0
    before: tuple[Cell, float] | None = None
    for single in one.cells:
        if before is not None:
            marks += _arrows(before[0].content.outlets, before[1], single.content.inlets, x + single.begin)
        words = Group(single.words, y=one.down + _UNDER)
        block = single.block
        content = Group(single.content.marks, x=single.begin)
        marks.append(Group((content, words), x=x, role="block", says=_said(block)))
        end = x + single.begin + single.content.width
        if block.aux:
            marks += _hung(single, x, end, one)
        before = (single, end)
        x += single.width + _GAP
    return Group(tuple(marks), x=_MARGIN, y=axis)


def _said(block: Block) -> str:
    """What there is no room for."""
    times = f"{len(block.names)} rows of " if len(block.names) > 1 else ""
    return f"{title_of(block)}: {times}{count(block.parameters)} parameters, {count(block.macs)} MACs"


def _hung(single: Cell, x: float, end: float, one: _Line) -> list[Mark]:
    """The auxiliary head under the arrow that leaves its row, below the words."""
    assert single.block.aux
    head = hanging(single.block.aux).marks
    at = x + single.width + _GAP / 2
    bottom = one.down + _UNDER + one.words_height
    return [line((end, 0), (at, 0)), line((at, 0), (at, bottom)), head._replace(x=at, y=bottom)]


def _arrows(outlets: Sequence[float], x: float, inlets: Sequence[float], to_x: float) -> list[Mark]:
    """Tower to tower where there are as many, else from each to each."""
    if len(outlets) == len(inlets):
        pairs = list(zip(outlets, inlets, strict=True))
    else:
        pairs = [(outlet, inlet) for outlet in outlets for inlet in inlets]
    drawn: list[Mark] = []
    for begin, end in pairs:
        drawn += arrow((x, begin), (to_x - 9, end), (to_x, end)) if begin != end else arrow((x, begin), (to_x, end))
    return drawn


def _turns(lines: Sequence[_Line], axes: Sequence[float], inner: float) -> list[Mark]:
    """From the end of each line to the begin of the next."""
    drawn: list[Mark] = []
    right, left = _MARGIN + inner + 12, 14.0
    for place, (one, after) in enumerate(pairwise(lines)):
        last, first = one.cells[-1], after.cells[0]
        end = _MARGIN + one.width - last.width + last.begin + last.content.width
        gutter = axes[place] - one.up + one.height + _GUTTER / 2
        to_x = _MARGIN + first.begin
        drawn += arrow(
            (end, axes[place]), (right, axes[place]), (right, gutter), (left, gutter), (left, axes[place + 1]),
            (to_x, axes[place + 1]),
        )  # fmt: skip
    return drawn
