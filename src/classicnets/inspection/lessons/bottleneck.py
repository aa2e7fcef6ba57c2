"""The bottleneck of ResNet-50 against a block of two 3x3 convolutions (ResNet's paper, section 4.1, figure 5)."""

from typing import NamedTuple

from classicnets.inspection.inspection import Inspection, inspect
from classicnets.inspection.lessons.form import (
    Column,
    Lesson,
    LessonTable,
    Progress,
    counted,
    stepped,
    table,
    text,
    times,
)
from classicnets.inspection.lessons.sources import convolutions_of, look_at, reported, source
from classicnets.inspection.memory.live import live_peak
from classicnets.networks.blocks import basic, bottleneck, shortcut_of
from classicnets.networks.chain import Chain, Row
from classicnets.networks.resnet import BOTTLENECK, PAPERS, four_stages
from classicnets.networks.rows import residual

_STAGES = {64: 56, 128: 28, 256: 14, 512: 7}  # the narrow width of a stage, and the side of its maps


class _Block(NamedTuple):
    """A residual block that leaves the shape as it is, built and traced."""

    kind: str
    found: Inspection

    @property
    def weights(self) -> int:
        """Those of its convolutions."""
        return sum(parameter.numel() for parameter in self.found.module.parameters() if parameter.dim() == 4)

    @property
    def maps(self) -> int:
        return self.found.rows[-1].output[0]


def lesson(progress: Progress) -> Lesson:
    """The lesson."""
    stages = {width: _blocks(width, side) for width, side in stepped(list(_STAGES.items()), progress)}
    narrow, wide, bottled = stages[64]
    networks = {
        "resnet34": inspect("resnet34"),
        "resnet50": inspect("resnet50"),
        "50's widths, basic blocks": _wide_basic(),
    }
    real, basics = networks["resnet50"], networks["50's widths, basic blocks"]
    errors = [reported(name, "top-1 error", "10 crops").value for name in ("resnet34", "resnet50")]
    return Lesson(
        topic="bottleneck",
        title="1x1, 3x3, 1x1 against two 3x3",
        question="How can ResNet-50 work on four times as many maps as ResNet-34 for about the same cost?",
        tables=(_of_blocks(stages), _of_networks(networks)),
        conclusions=(
            f"At {bottled.maps} maps the bottleneck has {bottled.weights:,} weights, two 3x3 convolutions of that width"
            f" {wide.weights:,}: {times(wide.weights / bottled.weights)} as many, and as many MACs, in every stage.",
            f"It costs what two 3x3 convolutions of {narrow.maps} maps cost ({narrow.weights:,} weights), for the 3x3"
            f" works on {narrow.maps} maps between two 1x1 that take them from {bottled.maps} and back; it has"
            f" {convolutions_of(bottled.found)} layers for {convolutions_of(narrow.found)}, and sees"
            f" {bottled.found.rows[-1].receptive_field} pixels a side for {narrow.found.rows[-1].receptive_field}.",
            f"With basic blocks of its widths ResNet-50 would have {basics.parameters / 1e6:.0f} million parameters for"
            f" {real.parameters / 1e6:.1f} and {times(basics.macs / real.macs)} the MACs.",
        ),
        papers=(
            f"ResNet-34 has {errors[0]}% top-1 error and ResNet-50 {errors[1]}%, with 10 crops ({source('resnet50')}).",
        ),
    )


def _blocks(width: int, side: int) -> tuple[_Block, _Block, _Block]:
    """For a stage: two 3x3 of its narrow width, two of its wide one, and the bottleneck."""
    wide = 4 * width
    return (
        _block("two 3x3, narrow", basic(width, 1), width, side),
        _block("two 3x3, wide", basic(wide, 1), wide, side),
        _block("bottleneck", bottleneck(width, wide, 1), wide, side),
    )


def _block(kind: str, branch: Row, channels: int, side: int) -> _Block:
    made = residual(branch, shortcut_of("B", channels, 1))
    return _Block(kind, look_at((channels, side, side), block=made))


def _of_blocks(stages: dict[int, tuple[_Block, _Block, _Block]]) -> LessonTable:
    columns = (
        text("maps"),
        text("block"),
        counted("layers"),
        counted("weights"),
        Column("MACs", "short"),
        counted("sees"),
        Column("live peak", "bytes"),
    )
    return table(
        "Blocks of the four stages",
        columns,
        [
            (
                " x ".join(map(str, block.found.input)),
                block.kind,
                convolutions_of(block.found),
                block.weights,
                block.found.macs,
                block.found.rows[-1].receptive_field,
                live_peak(block.found.trace),
            )
            for blocks in stages.values()
            for block in blocks
        ],
    )


def _wide_basic() -> Inspection:
    """ResNet-50 with two 3x3 convolutions, as wide as what leaves the bottleneck, in the place of each."""

    def block(width: int, stride: int) -> Row:
        return residual(basic(4 * width, stride), shortcut_of("B", 4 * width, stride))

    return inspect(Chain(four_stages("7x7", PAPERS, BOTTLENECK[50], block)))


def _of_networks(networks: dict[str, Inspection]) -> LessonTable:
    columns = (text("network"), counted("parameters"), Column("MACs", "short"), counted("convolutions"))
    return table(
        "Networks of 16 blocks",
        columns,
        [(name, found.parameters, found.macs, convolutions_of(found)) for name, found in networks.items()],
    )
