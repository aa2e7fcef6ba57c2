"""ResNeXt (Xie, Girshick, Dollar, Tu, He, CVPR 2017, arXiv:1611.05431): ResNets of grouped bottlenecks, table 1.

A bottleneck of cardinality C and width d has C groups of d channels in its 3x3 convolution in the first stage, twice as
many in each that follows (form c of figure 3). ResNeXt-50 of 32x4d has 25,028,904 parameters and 4.23 G MACs, nearly
those of ResNet-50; ResNeXt-29 of 8x64d on CIFAR has 34,426,698.
"""

from collections.abc import Mapping, Sequence

from classicnets.networks.blocks import NOTHING, Block, Shortcut, blocks_by_formula, bottleneck, shortcut_of, stage
from classicnets.networks.chain import Design, Row, rows
from classicnets.networks.resnet import BOTTLENECK, PAPERS, Stem, blocks_a_stage, four_stages
from classicnets.networks.rows import conv_norm_relu, global_average_pool, linear, residual


def resnext(
    *,
    depth: int,
    cardinality: int,
    width: int,
    stem: Stem = "7x7",
    shortcut: Shortcut = "B",
    blocks: Sequence[int] | None = None,
) -> Design:
    """ResNeXt-depth of cardinality x width d for ImageNet; 1x64d is the ResNet with its stride in the 3x3 convolution.

    Args:
        depth: 50, 101, 152.
        cardinality: groups of a 3x3 convolution.
        width: channels of a group in the first stage.
        stem: see `resnet`.
        shortcut: see `shortcut_of`.
        blocks: how many each of the four stages has, if not the ResNet's.

    Raises:
        UsageError: an option has no such value.
    """
    block = grouped_block(cardinality, width, shortcut)
    return four_stages(stem, PAPERS, blocks_a_stage(BOTTLENECK, depth, blocks), block)


def resnext_cifar(*, depth: int, cardinality: int, width: int, shortcut: Shortcut = "B") -> Design:
    """ResNeXt-depth of cardinality x width d for CIFAR, with activations after the sum as in the authors' release.

    Args:
        depth: 9n + 2, n at least 1: 29 has three bottlenecks in each of three stages.
        cardinality: groups of a 3x3 convolution.
        width: channels of a group in the first stage.
        shortcut: see `shortcut_of`.

    Raises:
        UsageError: there is no network of that depth, or no such shortcut.
    """
    name = f"resnext{depth}_{cardinality}x{width}d_cifar"
    blocks = blocks_by_formula(name, depth, layers=9, beside=2)
    block = grouped_block(cardinality, width, shortcut)
    return Design(
        rows=rows(
            conv1=conv_norm_relu(64, 3),  # 64 x 32 x 32
            **stage("conv2", blocks, block, 64),  # 256 x 32 x 32
            **stage("conv3", blocks, block, 128, stride=2),  # 512 x 16 x 16
            **stage("conv4", blocks, block, 256, stride=2),  # 1024 x 8 x 8
            average=global_average_pool(),  # 1024
            fc=linear(),  # classes
        ),
        input_shape=(3, 32, 32),
        num_classes=10,
    )


def grouped_block(cardinality: int, width: int, shortcut: Shortcut, *, end: Mapping[str, Row] = NOTHING) -> Block:
    """A residual block, told the width of its stage: a bottleneck with groups and its stride in the 3x3 convolution.

    The first stage is 64 wide, each that follows twice as much; four times as much leaves the block.

    Args:
        cardinality: how many groups.
        width: channels of a group where the stage is 64 wide.
        shortcut: see `shortcut_of`.
        end: rows that the branch ends in.
    """

    def block(stage_width: int, stride: int) -> Row:
        inner, outer = cardinality * width * stage_width // 64, 4 * stage_width
        branch = bottleneck(inner, outer, stride, stride_in="3x3", groups=cardinality, end=end)
        return residual(branch, shortcut_of(shortcut, outer, stride))

    return block
