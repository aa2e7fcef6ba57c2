"""Wide residual networks (Zagoruyko, Komodakis, BMVC 2016, arXiv:1605.07146): fewer layers, more channels.

On CIFAR WRN-28-10 has 36,479,194 parameters (36.5 million as printed) and 5.24 G MACs; on ImageNet WRN-50-2-bottleneck
68,883,240 and 11.40 G.
"""

from collections.abc import Mapping, Sequence

from classicnets.errors import UsageError
from classicnets.networks.blocks import (
    NOTHING,
    Shortcut,
    blocks_by_formula,
    bottleneck,
    one_by_one,
    shortcut_of,
    stage,
    three_by_three,
)
from classicnets.networks.chain import Built, Design, Row, Site, rows
from classicnets.networks.resnet import BOTTLENECK, PAPERS, Stem, blocks_a_stage, four_stages
from classicnets.networks.rows import batch_norm, global_average_pool, identity, linear, relu, residual, sequence
from classicnets.networks.rows import dropout as dropout_row


def wide_resnet_cifar(*, depth: int, width: int, dropout: float | None = None) -> Design:
    """WRN-depth-width of blocks B(3,3): pre-activation units of two 3x3 convolutions (table 1).

    Args:
        depth: 6N + 4, which counts the three 1x1 shortcuts and leaves out the classifier.
        width: the paper's k: stages have 16k, 32k, 64k channels.
        dropout: the share that dropout between the two convolutions zeroes in training: 0.3 on CIFAR, 0.4 on SVHN
            (section 3.4). None stands for no dropout.

    Raises:
        UsageError: a depth that no such network has, or a share that is none.
    """
    name = f"wide_resnet{depth}_{width}_cifar"
    blocks = blocks_by_formula(name, depth, layers=6, beside=4, letter="N")
    dropped = NOTHING if dropout is None else {"dropout": dropout_row(_share(dropout))}

    def block(channels: int, stride: int) -> Row:
        return _unit(channels, stride, dropped)

    return Design(
        # Of width 1.
        rows=rows(
            conv1=sequence(convolution=three_by_three(16)),  # 16 x 32 x 32
            **stage("conv2", blocks, block, 16 * width),  # 16 x 32 x 32
            **stage("conv3", blocks, block, 32 * width, stride=2),  # 32 x 16 x 16
            **stage("conv4", blocks, block, 64 * width, stride=2),  # 64 x 8 x 8
            norm=sequence(norm=batch_norm(), relu=relu()),  # 64 x 8 x 8
            average=global_average_pool(),  # 64
            fc=linear(),  # classes
        ),
        input_shape=(3, 32, 32),
        num_classes=10,
    )


def wide_resnet(
    *,
    depth: int,
    width: int,
    stem: Stem = "7x7",
    shortcut: Shortcut = "B",
    blocks: Sequence[int] | None = None,
) -> Design:
    """WRN-depth-width-bottleneck: the ResNet whose bottlenecks are ``width`` times as wide inside, on ImageNet.

    What enters and leaves a bottleneck is as wide as ever; its stride is in the 3x3 convolution, as in the release.

    Args:
        depth: 50, 101, 152.
        width: times the inner channels of the ResNet.
        stem: see `resnet`.
        shortcut: see `shortcut_of`.
        blocks: how many each of the four stages has, if not the ResNet's.

    Raises:
        UsageError: an option has no such value.
    """

    def block(inner: int, stride: int) -> Row:
        branch = bottleneck(width * inner, 4 * inner, stride, stride_in="3x3")
        return residual(branch, shortcut_of(shortcut, 4 * inner, stride))

    return four_stages(stem, PAPERS, blocks_a_stage(BOTTLENECK, depth, blocks), block)


def _unit(channels: int, stride: int, dropped: Mapping[str, Row]) -> Row:
    """BN-ReLU-conv-BN-ReLU-(dropout)-conv; where the width changes, a 1x1 convolution shares the first BN-ReLU."""
    conv1 = three_by_three(channels, stride)
    then = {"norm2": batch_norm(), "relu2": relu(), **dropped, "conv2": three_by_three(channels)}

    def make(site: Site) -> Built:
        if site.channels == channels:
            branch = sequence(norm1=batch_norm(), relu1=relu(), conv1=conv1, **then)
            return residual(branch, identity(), after=identity())(site)
        shared = sequence(norm=batch_norm(), relu=relu())
        around = sequence(projection=one_by_one(channels, stride))
        return residual(sequence(conv1=conv1, **then), around, before=shared, after=identity())(site)

    return make


def _share(dropout: float) -> float:
    if isinstance(dropout, bool) or not isinstance(dropout, int | float) or not 0 <= dropout <= 1:
        raise UsageError(f"dropout must be a number from 0 to 1, or none, not {dropout!r}")
    return float(dropout)
