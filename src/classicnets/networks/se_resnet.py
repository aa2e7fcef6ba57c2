"""Squeeze-and-Excitation networks (Hu, Shen, Sun, CVPR 2018, arXiv:1709.01507): maps weighed before each sum.

SE-ResNet-50 has 28,088,024 parameters and 3.86 G MACs: 2,530,992 parameters more than ResNet-50.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import get_args

from classicnets.errors import UsageError, check_choice
from classicnets.layers.squeeze_excitation import SqueezeExcitation
from classicnets.networks.blocks import Shortcut, StrideIn, bottleneck, shortcut_of
from classicnets.networks.chain import Built, Design, Row, Site
from classicnets.networks.preact_resnet import Kind, three_stages
from classicnets.networks.preact_units import Activation, Style
from classicnets.networks.resnet import BOTTLENECK, PAPERS, Stem, blocks_a_stage, four_stages
from classicnets.networks.resnext import grouped_block
from classicnets.networks.rows import max_pool, residual


def se_resnet(
    *,
    depth: int,
    reduction: int = 16,
    bias: bool = True,
    stride_in: StrideIn = "1x1",
    stem: Stem = "7x7",
    shortcut: Shortcut = "B",
    blocks: Sequence[int] | None = None,
    pool_ceil: bool = False,
) -> Design:
    """SE-ResNet-depth for ImageNet: the ResNet with Squeeze-and-Excitation at the end of each branch.

    Args:
        depth: 50, 101, 152.
        reduction: by how much the hidden layer of an excitation is narrower than the maps are many; the paper's r.
        bias: whether both layers of an excitation have biases: those of the release have, the paper's equation not.
        stride_in: the convolution of a bottleneck that has the stride: its first 1x1, or its 3x3.
        stem: see `resnet`.
        shortcut: see `shortcut_of`.
        blocks: how many each of the four stages has, if not the ResNet's.
        pool_ceil: whether pool1 has windows that hang over the border at the end instead of a border all around, as
            Caffe pools; weights of the authors' release want it.

    Raises:
        UsageError: an option has no such value.
    """
    check_choice("stride_in", stride_in, get_args(StrideIn))
    end = _squeeze_excitation(reduction, bias)

    def block(width: int, stride: int) -> Row:
        branch = bottleneck(width, 4 * width, stride, stride_in=stride_in, end=end)
        return residual(branch, shortcut_of(shortcut, 4 * width, stride))

    return _pooled(four_stages(stem, PAPERS, blocks_a_stage(BOTTLENECK, depth, blocks), block), pool_ceil)


def se_resnext(
    *,
    depth: int,
    cardinality: int,
    width: int,
    reduction: int = 16,
    bias: bool = True,
    stem: Stem = "7x7",
    shortcut: Shortcut = "B",
    blocks: Sequence[int] | None = None,
    pool_ceil: bool = False,
) -> Design:
    """SE-ResNeXt-depth of cardinality x width d for ImageNet.

    Args:
        depth: 50, 101, 152.
        cardinality: groups of a 3x3 convolution.
        width: channels of a group in the first stage.
        reduction: see `se_resnet`, as all that follow.
        bias: of an excitation.
        stem: the rows before the first block.
        shortcut: around each block.
        blocks: how many each of the four stages has.
        pool_ceil: how pool1 treats the border.

    Raises:
        UsageError: an option has no such value.
    """
    block = grouped_block(cardinality, width, shortcut, end=_squeeze_excitation(reduction, bias))
    return _pooled(four_stages(stem, PAPERS, blocks_a_stage(BOTTLENECK, depth, blocks), block), pool_ceil)


def se_resnet_cifar(
    *,
    depth: int,
    block: Kind | None = None,
    activation: Activation = "full_preactivation",
    reduction: int = 16,
    bias: bool = True,
) -> Design:
    """SE-ResNet-depth for CIFAR: pre-activation units, whose errors are the paper's baseline there.

    Args:
        depth: see `preact_resnet_cifar`: 110 layers are of basic blocks, 164 of bottlenecks.
        block: see `preact_resnet_cifar`.
        activation: see `preact_resnet_cifar`; ``original`` has the ReLU after the sum.
        reduction: see `se_resnet`.
        bias: see `se_resnet`.

    Raises:
        UsageError: there is no network of that depth, or an option has no such value.
    """
    check_choice("activation", activation, get_args(Activation))
    style = Style(activation=activation, end=_squeeze_excitation(reduction, bias))
    return three_stages("se_resnet", depth, block, style)


def _squeeze_excitation(reduction: int, bias: bool) -> Mapping[str, Row]:
    """What a branch ends in."""
    if type(reduction) is not int or reduction < 1:
        raise UsageError(f"reduction must be a whole number of at least 1, not {reduction!r}")
    with_bias = _flag("bias", bias)

    def make(site: Site) -> Built:
        if site.channels < reduction:
            raise UsageError(f"reduction must be at most {site.channels}, the channels of a block, not {reduction}")
        return Built(SqueezeExcitation(site.channels, site.channels // reduction, bias=with_bias), site)

    return {"squeeze_excitation": make}


def _pooled(design: Design, pool_ceil: bool) -> Design:
    """The design, whose pool1 pools as Caffe does where that is wanted."""
    if not _flag("pool_ceil", pool_ceil):
        return design
    if "pool1" not in design.rows:
        raise UsageError("pool_ceil goes with a stem that pools, not with the small one")
    return replace(design, rows={**design.rows, "pool1": max_pool(3, stride=2, ceil=True)})


def _flag(option: str, given: bool) -> bool:
    check_choice(option, given, (True, False))
    return given
