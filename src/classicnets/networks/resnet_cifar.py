"""The CIFAR-10 networks of ResNet (He, Zhang, Ren, Sun, CVPR 2016, section 4.2): 6n + 2 layers, residual or plain.

Depth 20, 32, 44, 56, 110, 1202: 0.27, 0.46, 0.66, 0.85, 1.7, 19.4 million parameters as printed. The residual ones
with stochastic depth are those of Huang, Sun, Liu, Sedra, Weinberger (ECCV 2016).
"""

from classicnets.layers.stochastic_depth import Drop
from classicnets.networks.blocks import (
    Block,
    Shortcut,
    basic,
    blocks_by_formula,
    shortcut_of,
    stage,
    stochastic_residuals,
)
from classicnets.networks.chain import Design, Row, rows
from classicnets.networks.rows import conv_norm_relu, global_average_pool, linear, relu, residual, sequence


def resnet_cifar(*, depth: int, shortcut: Shortcut = "A") -> Design:
    """A residual network of ``depth`` = 6n + 2 layers with parameters, n at least 1.

    Args:
        depth: 8, 14, 20, 26, ...
        shortcut: ``A`` (the paper's on CIFAR): identity, zeros for new channels. ``B``: a 1x1 convolution where the
            shape changes. ``C``: a 1x1 convolution everywhere. More in `shortcut_of`.
    """

    def block(channels: int, stride: int) -> Row:
        return residual(basic(channels, stride), shortcut_of(shortcut, channels, stride))

    return _design(_blocks("resnet", depth), block)


def plain_cifar(*, depth: int) -> Design:
    """The same layers without shortcuts, ``depth`` = 6n + 2."""

    def block(channels: int, stride: int) -> Row:
        return sequence(layers=basic(channels, stride), relu=relu())

    return _design(_blocks("plain", depth), block)


def stochastic_depth_resnet_cifar(
    *, depth: int, survival: float = 0.5, drop: Drop = "batch", shortcut: Shortcut = "A-pooled"
) -> Design:
    """The residual network that training makes shallower by chance (Huang et al. 2016); its weights are the same.

    Args:
        depth: 6n + 2, n at least 1.
        survival: the probability p_L that training keeps the last block; from 1 it falls linearly to there.
        drop: ``batch`` (the paper's) keeps or drops a block for a whole mini-batch; ``sample`` for each image.
        shortcut: ``A-pooled`` (the paper's): identity, where the shape changes the mean of 2x2 pixels and zeros for
            new channels. The others are those of `resnet_cifar`.
    """
    blocks = _blocks("stochastic_depth_resnet", depth)
    joined = stochastic_residuals(3 * blocks, survival=survival, drop=drop)

    def block(channels: int, stride: int) -> Row:
        return next(joined)(basic(channels, stride), shortcut_of(shortcut, channels, stride))

    return _design(blocks, block)


def _blocks(kind: str, depth: int) -> int:
    """How many blocks of two layers each of the three stages has."""
    return blocks_by_formula(f"{kind}{depth}_cifar", depth, layers=6, beside=2)


def _design(blocks: int, block: Block) -> Design:
    return Design(
        rows=rows(
            conv1=conv_norm_relu(16, 3),  # 16 x 32 x 32
            **stage("conv2", blocks, block, 16),  # 16 x 32 x 32
            **stage("conv3", blocks, block, 32, stride=2),  # 32 x 16 x 16
            **stage("conv4", blocks, block, 64, stride=2),  # 64 x 8 x 8
            average=global_average_pool(),  # 64
            fc=linear(),  # classes
        ),
        input_shape=(3, 32, 32),
        num_classes=10,
    )
