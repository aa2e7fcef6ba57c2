"""ResNet for ImageNet (He, Zhang, Ren, Sun, CVPR 2016, table 1), its plain networks, and the versions that followed.

Depth 18, 34, 50, 101, 152: 11,689,512, 21,797,672, 25,557,032, 44,549,160, 60,192,808 parameters and 1.81, 3.66, 3.86,
7.57, 11.28 G MACs. Version 1.5, also called B, C and D are compared in He, Zhang, Zhang, Zhang, Xie, Li (CVPR 2019).
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import repeat
from typing import Literal, NamedTuple, TypedDict, get_args

from classicnets.errors import UsageError, check_choice
from classicnets.layers.stochastic_depth import Drop
from classicnets.networks.blocks import (
    Block,
    Join,
    Shortcut,
    StrideIn,
    basic,
    bottleneck,
    shortcut_of,
    stage,
    stochastic_residuals,
)
from classicnets.networks.chain import Design, Row, rows
from classicnets.networks.rows import (
    conv_norm_relu,
    global_average_pool,
    linear,
    max_pool,
    relu,
    residual,
    sequence,
)

Stem = Literal["7x7", "deep", "small"]
"""The rows before the first block: the paper's, three 3x3 convolutions instead, or one for images of 32x32 pixels."""


class Version(NamedTuple):
    """In what the versions of the network differ."""

    stem: Stem
    stride_in: StrideIn
    shortcut: Shortcut


VERSIONS = {
    "v1": Version("7x7", "1x1", "B"),
    "v1.5": Version("7x7", "3x3", "B"),
    "C": Version("deep", "3x3", "B"),
    "D": Version("deep", "3x3", "B-pooled"),
}


class Layer(TypedDict):
    """What all convolutions and normalisations of a network have in common."""

    bias: bool
    epsilon: float


PAPERS: Layer = {"bias": False, "epsilon": 1e-5}

# Depth: blocks in conv2_x, conv3_x, conv4_x, conv5_x.
BASIC = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
BOTTLENECK = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


def resnet(
    *,
    depth: int,
    version: str = "v1",
    stem: Stem | None = None,
    shortcut: Shortcut | None = None,
    blocks: Sequence[int] | None = None,
    stochastic_depth: float | None = None,
    drop: Drop = "batch",
    conv_bias: bool = False,
    norm_epsilon: float = 1e-5,
) -> Design:
    """A residual network of table 1: blocks of two layers at depth 18 and 34, bottlenecks of three from 50 on.

    Args:
        depth: 18, 34, 50, 101, 152.
        version: ``v1`` is the paper's, with the stride of a bottleneck in its first 1x1 convolution; ``v1.5`` has it in
            the 3x3; ``C`` has the deep stem too, ``D`` the pooled shortcut besides.
        stem: ``7x7``, ``deep`` (3x3 with stride 2 to 32 maps, 3x3 to 32, 3x3 to 64), or ``small`` (3x3 without stride
            or pooling, for images of 32x32 pixels); if not the version's.
        shortcut: see `shortcut_of`; if not the version's.
        blocks: how many each of the four stages has, if not the table's.
        stochastic_depth: the probability that training keeps the last block's branch (Huang et al., ECCV 2016); it
            falls to there linearly. None keeps every branch.
        drop: whether training drops a branch for a whole mini-``batch`` or a ``sample`` of it.
        conv_bias: whether convolutions have biases, as in Keras.
        norm_epsilon: of batch normalisation; Keras has 1.001e-5.

    Raises:
        UsageError: an option has no such value.
    """
    check_choice("version", version, tuple(VERSIONS))
    check_choice("conv_bias", conv_bias, (True, False))
    usual = VERSIONS[version]
    counts = blocks_a_stage(BASIC | BOTTLENECK, depth, blocks)
    expansion = 4 if depth in BOTTLENECK else 1
    around = usual.shortcut if shortcut is None else shortcut
    layer = Layer(bias=conv_bias, epsilon=_epsilon(norm_epsilon))
    joined = _joins(sum(counts), stochastic_depth, drop)

    def block(width: int, stride: int) -> Row:
        if depth in BASIC:
            branch = basic(width, stride, **layer)
        else:
            branch = bottleneck(width, 4 * width, stride, stride_in=usual.stride_in, **layer)
        return next(joined)(branch, shortcut_of(around, expansion * width, stride, **layer))

    return four_stages(usual.stem if stem is None else stem, layer, counts, block)


def plain(*, depth: int, stem: Stem = "7x7", blocks: Sequence[int] | None = None) -> Design:
    """The layers of the residual network of that depth without shortcuts (section 4.1).

    Args:
        depth: 18, 34.
        stem: as of `resnet`.
        blocks: pairs of layers in each of the four stages, if not the table's.

    Raises:
        UsageError: an option has no such value.
    """

    def block(width: int, stride: int) -> Row:
        return sequence(layers=basic(width, stride), relu=relu())

    return four_stages(stem, PAPERS, blocks_a_stage(BASIC, depth, blocks), block)


def four_stages(stem: Stem, layer: Layer, blocks: Sequence[int], block: Block) -> Design:
    """What the networks of table 1 share: a stem, four stages of blocks, the mean of each map, a linear classifier.

    Args:
        stem: the rows before the first block.
        layer: of the stem's convolutions; the block looks after its own.
        blocks: how many each stage has.
        block: told its width, 64 in the first stage and twice as much in each that follows, and its stride.

    Raises:
        UsageError: there is no such stem.
    """
    check_choice("stem", stem, get_args(Stem))
    two, three, four, five = blocks
    return Design(
        # Images of 224x224 pixels give maps of these sizes; bottlenecks end in four times as many.
        rows=rows(
            **_stem(stem, layer),  # 64 x 56 x 56
            **stage("conv2", two, block, 64),  # 64 x 56 x 56
            **stage("conv3", three, block, 128, stride=2),  # 128 x 28 x 28
            **stage("conv4", four, block, 256, stride=2),  # 256 x 14 x 14
            **stage("conv5", five, block, 512, stride=2),  # 512 x 7 x 7
            average=global_average_pool(),  # 512
            fc=linear(),  # classes
        ),
        input_shape=(3, 32, 32) if stem == "small" else (3, 224, 224),
        num_classes=1000,
    )


def _stem(stem: Stem, layer: Layer) -> Mapping[str, Row]:
    convolved = partial(conv_norm_relu, **layer)
    if stem == "small":
        return rows(conv1=convolved(64, 3))  # 64 x 32 x 32 of an image of 32x32 pixels
    if stem == "7x7":
        first = rows(conv1=convolved(64, 7, stride=2))  # 64 x 112 x 112
    else:
        first = rows(
            conv1_1=convolved(32, 3, stride=2),  # 32 x 112 x 112
            conv1_2=convolved(32, 3),  # 32 x 112 x 112
            conv1_3=convolved(64, 3),  # 64 x 112 x 112
        )
    return {**first, "pool1": max_pool(3, stride=2, padding=1)}  # 64 x 56 x 56


def _joins(blocks: int, survival: float | None, drop: Drop) -> Iterator[Join]:
    if survival is not None:
        return stochastic_residuals(blocks, survival=survival, drop=drop)
    if drop != "batch":
        raise UsageError(f"drop={drop!r} needs stochastic_depth: nothing is dropped without")
    return repeat(residual)


def blocks_a_stage(table: Mapping[int, Sequence[int]], depth: int, blocks: Sequence[int] | None) -> Sequence[int]:
    """How many blocks each of the four stages has: the ones asked for, if any, else those of the table.

    Raises:
        UsageError: the table has no such depth, or ``blocks`` are not four whole numbers.
    """
    check_choice("depth", depth, tuple(table))
    if blocks is None:
        return table[depth]
    counts = list(blocks) if isinstance(blocks, list | tuple) else []
    if len(counts) != 4 or any(type(count) is not int or count < 1 for count in counts):
        raise UsageError(f"blocks must be four whole numbers of at least 1, not {blocks!r}")
    return counts


def _epsilon(given: float) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < 1:
        raise UsageError(f"norm_epsilon must be a number between 0 and 1, not {given!r}")
    return float(given)
