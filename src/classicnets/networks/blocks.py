"""What residual networks share: the branches of their blocks, the shortcuts around them, and stages of blocks."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import Literal, get_args

from classicnets.errors import UsageError, check_choice
from classicnets.layers.stochastic_depth import Drop, StochasticResidual, linear_decay
from classicnets.networks.chain import Built, Row, Site
from classicnets.networks.rows import average_pool, batch_norm, convolution, identity, padded_shortcut, relu, sequence

Shortcut = Literal["A", "B", "C", "A-pooled", "B-pooled"]
"""What goes around a block; see `shortcut_of`."""

StrideIn = Literal["1x1", "3x3"]
"""The convolution of a bottleneck that has the stride: its first or its second."""

Block = Callable[[int, int], Row]
"""A block, told its width (the channels of its 3x3 convolutions) and its stride."""

Join = Callable[[Row, Row], Row]
"""What makes a block of a branch and a shortcut."""

NOTHING: Mapping[str, Row] = MappingProxyType({})


def stage(name: str, blocks: int, block: Block, width: int, *, stride: int = 1) -> Mapping[str, Row]:
    """Rows ``name_1``, ``name_2``, ...: blocks of one width, made in this order, of which the first has the stride."""
    first = {f"{name}_1": block(width, stride)}
    return first | {f"{name}_{number}": block(width, 1) for number in range(2, blocks + 1)}


def blocks_by_formula(network: str, depth: int, *, layers: int, beside: int, letter: Literal["n", "N"] = "n") -> int:
    """How many blocks each stage has in a network of ``depth`` = ``layers`` n + ``beside`` layers.

    Args:
        network: its name, for the message.
        depth: of the network.
        layers: that a block adds in all stages together.
        beside: layers outside of the stages.
        letter: what the paper calls the number of blocks.

    Raises:
        UsageError: no number of blocks gives that depth; the message names near ones.
    """
    blocks, rest = divmod(depth - beside, layers)
    if rest or blocks < 1:
        below = layers * max(1, blocks) + beside
        raise UsageError(
            f"{network}: the depth is {layers}{letter} + {beside}, {letter} at least 1:"
            f" take {below} or {below + layers}"
        )
    return blocks


def basic(
    channels: int, stride: int, *, bias: bool = False, epsilon: float = 1e-5, end: Mapping[str, Row] = NOTHING
) -> Row:
    """The branch of figure 2 of He et al. (CVPR 2016): two 3x3 convolutions, each with batch normalisation.

    Args:
        channels: of both convolutions.
        stride: of the first one.
        bias: whether the convolutions have biases, which batch normalisation makes superfluous.
        epsilon: of batch normalisation.
        end: rows that the branch ends in, after its last normalisation.
    """
    return sequence(
        conv1=three_by_three(channels, stride, bias=bias),
        norm1=batch_norm(epsilon=epsilon),
        relu=relu(),
        conv2=three_by_three(channels, bias=bias),
        norm2=batch_norm(epsilon=epsilon),
        **end,
    )


def bottleneck(
    inner: int,
    outer: int,
    stride: int,
    *,
    stride_in: StrideIn = "1x1",
    groups: int = 1,
    bias: bool = False,
    epsilon: float = 1e-5,
    end: Mapping[str, Row] = NOTHING,
) -> Row:
    """The branch of figure 5 of He et al. (CVPR 2016): 1x1, 3x3, 1x1, each with batch normalisation.

    Args:
        inner: channels of the first two convolutions.
        outer: channels of the last one.
        stride: of the first or the second convolution, as ``stride_in`` says.
        stride_in: ``1x1`` as the authors' release has it; ``3x3`` as most code since.
        groups: of the 3x3 convolution.
        bias: whether the convolutions have biases.
        epsilon: of batch normalisation.
        end: rows that the branch ends in, after its last normalisation.
    """
    first, second = (stride, 1) if stride_in == "1x1" else (1, stride)
    return sequence(
        conv1=one_by_one(inner, first, bias=bias),
        norm1=batch_norm(epsilon=epsilon),
        relu1=relu(),
        conv2=three_by_three(inner, second, groups=groups, bias=bias),
        norm2=batch_norm(epsilon=epsilon),
        relu2=relu(),
        conv3=one_by_one(outer, bias=bias),
        norm3=batch_norm(epsilon=epsilon),
        **end,
    )


def three_by_three(channels: int, stride: int = 1, *, groups: int = 1, bias: bool = False) -> Row:
    """A 3x3 convolution that keeps the size of the map at stride 1; without bias, for normalisation follows."""
    return convolution(channels, 3, stride=stride, padding=1, groups=groups, bias=bias)


def one_by_one(channels: int, stride: int = 1, *, bias: bool = False) -> Row:
    """A 1x1 convolution; without bias, for normalisation follows."""
    return convolution(channels, 1, stride=stride, bias=bias)


def shortcut_of(option: Shortcut, channels: int, stride: int, *, bias: bool = False, epsilon: float = 1e-5) -> Row:
    """The shortcut around a block that gives ``channels`` maps at that stride.

    Args:
        option: ``A``: where the shape changes, every stride-th pixel and zeros for new channels; else what arrives.
            ``B``: a 1x1 convolution with batch normalisation where the shape changes. ``C``: one everywhere (these
            three are of section 3.3 of He et al., CVPR 2016). ``A-pooled``: as A, but the mean of 2x2 pixels (Huang
            et al., ECCV 2016). ``B-pooled``: as B, but the convolution reads the mean of 2x2 pixels at stride 1
            (ResNet-D of He et al., CVPR 2019).
        channels: of what leaves the block.
        stride: of the block.
        bias: whether the convolution has biases.
        epsilon: of batch normalisation.

    Raises:
        UsageError: there is no such option.
    """
    check_choice("shortcut", option, get_args(Shortcut))
    normalised = {"norm": batch_norm(epsilon=epsilon)}
    projection = sequence(projection=one_by_one(channels, stride, bias=bias), **normalised)
    if option == "C":
        return projection
    pool = {"pool": average_pool(stride, ceil=True, count_padding=False)} if stride > 1 else NOTHING
    changes: dict[Shortcut, Row] = {
        "A": padded_shortcut(channels, stride),
        "B": projection,
        "A-pooled": sequence(**pool, zeros=padded_shortcut(channels, 1)),
        "B-pooled": sequence(**pool, projection=one_by_one(channels, bias=bias), **normalised),
    }
    return where_the_shape_changes(changes[option], channels, stride)


def where_the_shape_changes(row: Row, channels: int, stride: int) -> Row:
    """``row`` around a block that changes the shape of what arrives; what arrives, unchanged, around the others."""

    def make(site: Site) -> Built:
        same = stride == 1 and site.channels == channels
        return identity()(site) if same else row(site)

    return make


def stochastic_residuals(blocks: int, *, survival: float, drop: Drop = "batch") -> Iterator[Join]:
    """For each block of a network in turn what joins its ways, as `residual` does: training drops the branch by chance.

    Args:
        blocks: of the whole network.
        survival: the probability that the last block's branch is kept; it falls to there from 1, linearly.
        drop: ``batch`` or ``sample``; see `StochasticResidual`.

    Raises:
        UsageError: survival is no probability, or there is no such drop.
    """
    if isinstance(survival, bool) or not isinstance(survival, int | float) or not 0 <= survival <= 1:
        raise UsageError(f"a survival probability must be a number from 0 to 1, not {survival!r}")
    check_choice("drop", drop, get_args(Drop))
    return iter([partial(_stochastic, survival=kept, drop=drop) for kept in linear_decay(blocks, survival)])


def _stochastic(branch: Row, shortcut: Row, *, survival: float, drop: Drop) -> Row:
    def make(site: Site) -> Built:
        inner, out = branch(site)
        around, arrives = shortcut(site)
        assert out == arrives, f"the branch gives {out.shape}, the shortcut {arrives.shape}"
        return Built(StochasticResidual(inner, around, survival=survival, drop=drop), out)

    return make
