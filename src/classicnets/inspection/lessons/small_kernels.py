"""Small kernels: what a stack of 3x3 convolutions has over one large kernel (VGG's paper, section 2.3)."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from classicnets.inspection.inspection import Inspection, inspect
from classicnets.inspection.lessons.form import (
    Column,
    Lesson,
    LessonTable,
    Progress,
    counted,
    share,
    stepped,
    table,
    text,
    times,
)
from classicnets.inspection.lessons.sources import claim, convolutions_of, look_at, relus_of
from classicnets.networks.chain import Chain, Row
from classicnets.networks.rows import conv_relu, convolution, relu, sequence
from classicnets.networks.vgg import WIDTHS, Configuration, vgg

_WIDTHS = (64, 128, 256, 512)
_SIDE = 28  # pixels of the maps that the stacks are built for
_STACKS = {5: 2, 7: 3}  # the side of a kernel: how many 3x3 see as much
_FIRST_LAYERS = {
    "alexnet": ("conv1",),
    "zfnet": ("conv1",),
    "googlenet": ("conv1",),
    "resnet50": ("conv1",),
    "vgg16": ("conv1_1", "conv1_2"),
    "inception_v3": ("conv1", "conv2", "conv3"),
}


class Stack(NamedTuple):
    """So many convolutions of one width, built and traced."""

    kernel: int
    layers: int
    channels: int
    found: Inspection

    @property
    def name(self) -> str:
        return f"{self.layers} of {self.kernel}x{self.kernel}"

    @property
    def weights(self) -> int:
        return self.found.parameters

    @property
    def a_pair(self) -> int:
        """Weights for each pair of an input and an output map."""
        return self.weights // self.channels**2

    @property
    def sees(self) -> int:
        return self.found.rows[-1].receptive_field


def lesson(progress: Progress) -> Lesson:
    """The lesson."""
    stacks = [
        stack(kernel, layers, channels)
        for channels in stepped(_WIDTHS, progress)
        for large, count in _STACKS.items()
        for kernel, layers in ((large, 1), (3, count))
    ]
    of = {(made.kernel, made.layers): made for made in stacks}
    seven, three = of[7, 1], of[3, 3]
    networks = _networks()
    first = {network: _first(network) for network in _FIRST_LAYERS}
    alexnet, zfnet = first["alexnet"], first["zfnet"]
    large, small = networks["vgg13, 5x5 for each two 3x3"], networks["vgg13"]
    return Lesson(
        topic="small-kernels",
        title="Three 3x3 convolutions against one 7x7",
        question="Why does VGG stack 3x3 convolutions where earlier networks had one larger kernel?",
        tables=(_stacked(stacks), _replaced(networks), _first_layers(first)),
        conclusions=(
            f"{three.layers} convolutions of 3x3 see {three.sees}x{three.sees} pixels like one 7x7"
            f" ({seven.sees}x{seven.sees}), with {three.a_pair} C^2 weights for {seven.a_pair} C^2 whatever C is: the"
            f" 7x7 has {share(seven.weights / three.weights - 1)} more, the stack"
            f" {share(1 - three.weights / seven.weights)} fewer, and {relus_of(three.found)} non-linearities for"
            f" {relus_of(seven.found)}.",
            f"Two of 3x3 for one 5x5 save {share(1 - of[3, 2].weights / of[5, 1].weights)}. Where the maps double"
            " within a stack less is saved: VGG-13 with 5x5 kernels would have"
            f" {times(_kernels(large) / _kernels(small))} the parameters in its convolutions, but compute"
            f" {times(large.macs / small.macs)} as much, with {convolutions_of(small) - convolutions_of(large)}"
            " non-linearities fewer, and the paper found it worse.",
            f"In the first layer few maps arrive, so the kernel's size costs few weights ({alexnet.weights:,} of"
            f" {alexnet.kernels}); there the stride decides what is computed: ZFNet went from {alexnet.kernels} at"
            f" stride {alexnet.stride} to {zfnet.kernels} at stride {zfnet.stride} to skip less of the image, for"
            f" {times(zfnet.macs / alexnet.macs)} the MACs.",
        ),
        papers=(claim("vgg16", "81% more"), claim("vgg13", "5x5"), claim("zfnet", "7x7 kernels")),
    )


def stack(kernel: int, layers: int, channels: int) -> Stack:
    """So many convolutions of that kernel, from as many maps to as many."""
    layer = sequence(convolution=convolution(channels, kernel, padding=kernel // 2, bias=False), relu=relu())
    made = {f"conv{number}": layer for number in range(1, layers + 1)}
    return Stack(kernel, layers, channels, look_at((channels, _SIDE, _SIDE), **made))


def _stacked(stacks: list[Stack]) -> LessonTable:
    columns = (
        counted("maps C"),
        text("layers"),
        counted("weights"),
        counted("of C^2"),
        Column("MACs", "short"),
        counted("sees"),
        counted("ReLUs"),
    )
    return table(
        f"C maps in and out, {_SIDE}x{_SIDE} pixels, biases apart",
        columns,
        [
            (made.channels, made.name, made.weights, made.a_pair, made.found.macs, made.sees, relus_of(made.found))
            for made in stacks
        ],
    )


def _networks() -> dict[str, Inspection]:
    """VGG-13 and VGG-16, and what they would be with one large kernel for each stack."""
    return {
        "vgg13": inspect("vgg13"),
        "vgg13, 5x5 for each two 3x3": _with_large_kernels("B"),
        "vgg16": inspect("vgg16"),
        "vgg16, 5x5 and 7x7 likewise": _with_large_kernels("D"),
    }


def _with_large_kernels(configuration: Configuration) -> Inspection:
    design = vgg(configuration=configuration)
    return inspect(Chain(replace(design, rows=_merged(design.rows))))


def _merged(table: Mapping[str, Row]) -> Mapping[str, Row]:
    """One convolution that sees as much in the place of each run of 3x3 ones, by the names of the rows."""
    stages: dict[str, int] = {}
    for name in table:
        stage = name.partition("_")[0]
        stages[stage] = stages.get(stage, 0) + 1
    widths = iter(WIDTHS)
    return {
        stage: conv_relu(next(widths), 2 * layers + 1) if stage.startswith("conv") else table[stage]
        for stage, layers in stages.items()
    }


def _replaced(networks: Mapping[str, Inspection]) -> LessonTable:
    columns = (text("network"), counted("parameters of convolutions"), Column("MACs", "short"), counted("convolutions"))
    return table(
        "VGG as it is, and with one kernel for each stack",
        columns,
        [(name, _kernels(found), found.macs, convolutions_of(found)) for name, found in networks.items()],
    )


def _kernels(found: Inspection) -> int:
    """The parameters of the convolutions of a VGG."""
    return sum(row.parameters for row in found.rows if row.name.startswith("conv"))


class _First(NamedTuple):
    """The first convolutions of a network: their kernels, and what there is after them."""

    network: str
    kernels: str
    stride: int
    maps: str
    weights: int
    macs: int
    sees: int


def _first(network: str) -> _First:
    names = _FIRST_LAYERS[network]
    found = inspect(network)
    rows = [row for row in found.rows if row.name in names]
    traced = [row for row in found.traced_rows if row.name in names]
    kernels = [step.arguments[1].shape for row in traced for step in row.operations if step.name == "convolution"]
    last = rows[-1]
    return _First(
        network=network,
        kernels=" ".join(f"{height}x{width}" for *_, height, width in kernels),
        stride=last.stride,
        maps=" x ".join(map(str, last.output)),
        weights=sum(map(math.prod, kernels)),
        macs=sum(row.macs for row in rows),
        sees=last.receptive_field,
    )


def _first_layers(first: Mapping[str, _First]) -> LessonTable:
    columns = (
        text("network"),
        text("layers"),
        counted("stride"),
        text("maps"),
        counted("weights"),
        Column("MACs", "short"),
        counted("sees"),
    )
    return table("The first layers", columns, first.values())
