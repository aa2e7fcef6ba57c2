"""The inside of a row: its layers as chips on lines that part and join."""

from classicnets.inspection.drawing.colours import FILL
from classicnets.inspection.drawing.marks import (
    GREY,
    LINE,
    Drawn,
    Group,
    Mark,
    Shape,
    Text,
    line,
    rectangle,
    text_width,
    wave,
)
from classicnets.inspection.drawing.parts import Fork, Parts, Step, steps

CHIP = 25.0
"""Height of a layer."""
_GAP = 9.0
_FAN = 15.0
"""Room for lines to part."""
_BETWEEN_WAYS = 6.0
_CORNER = 12.0
_SIZES = (10, 8.5)
"""Of the letters of a chip: the layer, its channels."""


def panel(parts: Parts) -> Drawn:
    """Parts one after the other."""
    seen = tuple(part for part in parts if not (isinstance(part, Step) and part.kind == "normalisation")) or parts
    marks: list[Mark] = []
    x = up = down = 0.0
    for place, part in enumerate(seen):
        if place:
            marks.append(line((x, 0), (x + _GAP, 0)))
            x += _GAP
        drawn = chip(part) if isinstance(part, Step) else _fork(part)
        marks.append(Group(drawn.marks, x=x))
        x += drawn.width
        up, down = max(up, drawn.up), max(down, drawn.down)
    return Drawn(marks=tuple(marks), width=x, up=up, down=down)


def chip(step: Step) -> Drawn:
    """A layer: what it is, and how many channels leave it."""
    lines = [step.text]
    if step.channels:
        lines.append(f"{step.channels}" if step.groups == 1 else f"{step.channels} in {step.groups} groups")
    width = max(24.0, *(text_width(words, size) + 8 for words, size in zip(lines, _SIZES, strict=False)))
    box = Shape(rectangle(0, -CHIP / 2, width, CHIP, radius=4), fill=FILL[_colour(step)], stroke=LINE, width=0.8)
    if len(lines) == 1:
        words: tuple[Mark, ...] = (Text(width / 2, 3.5, lines[0], _SIZES[0]),)
    else:
        words = (
            Text(width / 2, -1.5, lines[0], _SIZES[0]),
            Text(width / 2, 9, lines[1], _SIZES[1], colour=GREY),
        )
    return Drawn(marks=(Group((box, *words), role="layer"),), width=width, up=CHIP / 2, down=CHIP / 2)


def _colour(step: Step) -> str:
    return "other" if step.kind == "unseen" else step.kind


def _fork(fork: Fork) -> Drawn:
    return _sum(fork) if fork.join == "sum" else _concatenation(fork)


def _concatenation(fork: Fork) -> Drawn:
    """The ways one above the other, and a bar where they become one."""
    ways = [panel(way) for way in fork.ways]
    widest = max(way.width for way in ways)
    heights = [max(way.up + way.down, 8) for way in ways]
    height = sum(heights) + _BETWEEN_WAYS * (len(ways) - 1)
    marks: list[Mark] = []
    top = -height / 2
    end = _FAN + widest + _FAN
    for way, tall in zip(ways, heights, strict=True):
        y = top + (way.up or tall / 2)
        way_marks = (
            wave(0, 0, _FAN, y),
            line((_FAN + way.width, y), (_FAN + widest, y)),
            wave(_FAN + widest, y, end, 0),
            Group(way.marks, x=_FAN, y=y),
        )
        marks.append(Group(way_marks, role="way"))
        top += tall + _BETWEEN_WAYS
    marks.append(Shape(rectangle(end, -9, 4, 18), fill=LINE))
    return Drawn(marks=tuple(marks), width=end + 4, up=height / 2, down=height / 2)


def _sum(fork: Fork) -> Drawn:
    """The way with the most layers on the axis, the others as arcs over it, and a plus where they meet."""
    lengths = [len(list(steps(way))) for way in fork.ways]
    longest = lengths.index(max(lengths))
    branch = panel(fork.ways[longest])
    shortcuts = [panel(way) for place, way in enumerate(fork.ways) if place != longest]
    start, radius = 4.0, 5.0
    inner = max(branch.width + 16, *(shortcut.width + 2 * _CORNER + 8 for shortcut in shortcuts))
    join = start + inner + radius
    begin = start + (inner - branch.width) / 2
    marks: list[Mark] = [line((0, 0), (begin, 0)), line((begin + branch.width, 0), (join - radius, 0))]
    up = branch.up
    for shortcut in shortcuts:
        top = up + 5 + max(shortcut.down, 5)
        up = top + max(shortcut.up, 1)
        marks.append(_arc(shortcut, start, join, top))
    marks += [
        Group(branch.marks, x=begin),
        Shape(_circle(join, radius), fill="#ffffff", stroke=LINE, width=1.2),
        Shape(f"M{join - 3:g} 0h6M{join:g} -3v6", stroke=LINE, width=1.2),
    ]
    return Drawn(marks=tuple(marks), width=join + radius, up=up, down=max(branch.down, radius))


def _arc(shortcut: Drawn, start: float, end: float, top: float) -> Group:
    corner = min(_CORNER, top)
    path = (
        f"M{start:g} 0V{corner - top:g}Q{start:g} {-top:g} {start + corner:g} {-top:g}"
        f"H{end - corner:g}Q{end:g} {-top:g} {end:g} {corner - top:g}V-5"
    )
    around = Shape(path, stroke="#b0413e", width=1.6)
    on_it = Group(shortcut.marks, x=start + (end - start - shortcut.width) / 2, y=-top)
    return Group((around, on_it), role="shortcut" if shortcut.marks else "shortcut identity")


def _circle(x: float, radius: float) -> str:
    return (
        f"M{x - radius:g} 0a{radius:g} {radius:g} 0 1 0 {2 * radius:g} 0a{radius:g} {radius:g} 0 1 0 {-2 * radius:g} 0z"
    )
