"""What colours, sizes and lines of a picture mean."""

from collections.abc import Iterator, Sequence

from classicnets.inspection.drawing.blocks import KINDS, Block
from classicnets.inspection.drawing.boxes import Scale, size_of
from classicnets.inspection.drawing.colours import FILL
from classicnets.inspection.drawing.marks import GREY, LINE, Drawn, Mark, Shape, Text, rectangle, text_width
from classicnets.inspection.drawing.parts import Step, forks, steps

_SIZE = 10.5
_LEADING = 15.0


def legend(blocks: Sequence[Block], scale: Scale, width: float) -> Drawn:
    """Everything that occurs in these blocks, explained; its upper left corner is at the origin."""
    marks: list[Mark] = [Shape(f"M0 0H{width:g}", stroke="#d0d4da")]
    y = 20.0
    swatches, y = _swatches(blocks, width, y)
    measures, y = _measures(blocks, scale, y + 14)
    notes, y = _in_columns(_notes(blocks), width, y + _LEADING)
    return Drawn(marks=(*marks, *swatches, *measures, *notes), width=width, up=0, down=y)


def _swatches(blocks: Sequence[Block], width: float, y: float) -> tuple[list[Mark], float]:
    there = {block.kind for block in blocks}
    marks: list[Mark] = []
    x = 0.0
    for kind in KINDS:
        if kind in there:
            wide = 20 + text_width(kind, _SIZE) + 14
            if x and x + wide > width:
                x, y = 0.0, y + _LEADING + 3
            square = Shape(rectangle(x, y - 10, 13, 13, radius=2), fill=FILL[kind], stroke=LINE, width=0.8)
            marks += [square, Text(x + 20, y, kind, _SIZE, GREY, anchor="start")]
            x += wide
    return marks, y


def _measures(blocks: Sequence[Block], scale: Scale, y: float) -> tuple[list[Mark], float]:
    """Two measures for comparison: a height, a width."""
    sizes = [size_of(block.output) for block in blocks]
    side = max(max(height, width) for _, height, width in sizes)
    side, channels = max(1, side // 4), max(1, max(size[0] for size in sizes) // 4)
    high, wide = scale.of_side(side), scale.of_channels(channels)
    base = y + max(high, 12)
    bar = Shape(f"M0 {base:g}h6M0 {base - high:g}h6M3 {base:g}v{-high:g}", stroke=GREY, width=1.2)
    said = f"{side} pixels" if side > 1 else "1 pixel"
    x = 12 + text_width(said, _SIZE) + 20
    middle = base - max(high, 12) / 2
    across = Shape(
        f"M{x:g} {middle - 3:g}v6M{x + wide:g} {middle - 3:g}v6M{x:g} {middle:g}h{wide:g}", stroke=GREY, width=1.2
    )
    words = f"{channels} channels" if channels > 1 else "1 channel"
    after = x + wide + 8
    marks: list[Mark] = [
        bar,
        Text(12, middle + 4, said, _SIZE, GREY, anchor="start"),
        across,
        Text(after, middle + 4, words, _SIZE, GREY, anchor="start"),
    ]
    return marks, base + 8


def _notes(blocks: Sequence[Block]) -> list[str]:
    inner = [step for block in blocks for step in steps(block.made_of)]
    joins = {fork.join for block in blocks for fork in forks(block.made_of)}
    texts = {step.text for step in inner}
    notes = [
        "box: what leaves a row",
        "height and depth of a box: square root of the map's sides; width: square root of its channels",
        "under it: layers, shape (channels x height x width), parameters",
    ]
    if any("/" in text for text in texts):
        notes.append("3x3 /2: a kernel or window of 3x3 at stride 2")
    if joins:
        notes.append("layers in a row: under the kernel the channels; normalisation and activations are not drawn")
    if "concatenation" in joins:
        notes.append("ways that meet at a bar: joined along the channels")
    if "sum" in joins:
        notes.append("red arc: a shortcut, what arrives unless a layer on it says otherwise; plus: the sum")
    if any(text.startswith("zeros") for text in texts):
        notes.append("zeros: no weights, new channels are zero")
    if "fc" in texts and any(step.text == "fc" for block in blocks for step in _on_chips(block)):
        notes.append("fc: fully connected")
    if "SE" in texts:
        notes.append("SE: squeeze and excitation, each map times a weight that all maps decide")
    if any(text.startswith("x ") for text in texts):
        notes.append("x 0.1: times a constant")
    if any(block.towers > 1 for block in blocks):
        notes.append("boxes above each other: groups that do not see each other's maps")
    if any(len(block.names) > 1 for block in blocks):
        notes.append("× 3: three rows that follow each other and are made alike")
    return notes


def _on_chips(block: Block) -> Iterator[Step]:
    """The layers that are drawn each for itself."""
    if block.kind in ("inception module", "residual block"):
        yield from steps(block.made_of)
    if block.aux:
        yield from steps(block.aux.parts)


def _in_columns(notes: Sequence[str], width: float, y: float) -> tuple[list[Mark], float]:
    """The notes in two columns if both fit, else in one."""
    half = -(-len(notes) // 2)
    second = max(text_width(note, _SIZE) for note in notes[:half]) + 24
    fits = len(notes) > 1 and second + max(text_width(note, _SIZE) for note in notes[half:]) <= width
    rows = half if fits else len(notes)
    marks: list[Mark] = [
        Text(second * (place // rows), y + _LEADING * (place % rows), note, _SIZE, GREY, anchor="start")
        for place, note in enumerate(notes)
    ]
    return marks, y + _LEADING * (rows - 1)
