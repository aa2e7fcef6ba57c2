"""The CIFAR-10 networks of ResNet (He, Zhang, Ren, Sun, CVPR 2016, section 4.2): 6n + 2 layers, residual or plain.

Depth 20, 32, 44, 56, 110, 1202: 0.27, 0.46, 0.66, 0.85, 1.7, 19.4 million parameters as printed.
"""

from collections.abc import Callable, Mapping
from typing import Literal

from classicnets.errors import UsageError
from classicnets.networks.chain import Built, Design, Row, Site, rows
from classicnets.networks.rows import (
    batch_norm,
    convolution,
    global_average_pool,
    identity,
    linear,
    padded_shortcut,
    relu,
    residual,
    sequence,
)

Shortcut = Literal["A", "B", "C"]


def resnet_cifar(*, depth: int, shortcut: Shortcut = "A") -> Design:
    """A residual network of ``depth`` = 6n + 2 layers with parameters, n at least 1.

    Args:
        depth: 8, 14, 20, 26, ...
        shortcut: ``A`` (the paper's on CIFAR): identity, zeros for new channels. ``B``: a 1x1 convolution where the
            shape changes. ``C``: a 1x1 convolution everywhere.
    """
    if shortcut not in ("A", "B", "C"):
        raise UsageError(f"shortcut must be A, B or C, not {shortcut!r}")

    def block(channels: int, stride: int) -> Row:
        return residual(two_layers(channels, stride), shortcut_of(shortcut, channels, stride))

    return _design("resnet", depth, block)


def plain_cifar(*, depth: int) -> Design:
    """The same layers without shortcuts, ``depth`` = 6n + 2."""

    def block(channels: int, stride: int) -> Row:
        return sequence(layers=two_layers(channels, stride), relu=relu())

    return _design("plain", depth, block)


def _design(kind: str, depth: int, block: Callable[[int, int], Row]) -> Design:
    blocks = _blocks_a_stage(kind, depth)

    def stage(name: str, channels: int, stride: int) -> Mapping[str, Row]:
        first = {f"{name}_1": block(channels, stride)}
        return first | {f"{name}_{number}": block(channels, 1) for number in range(2, blocks + 1)}

    return Design(
        rows=rows(
            conv1=sequence(convolution=three_by_three(16), norm=batch_norm(), relu=relu()),  # 16 x 32 x 32
            **stage("conv2", 16, stride=1),  # 16 x 32 x 32
            **stage("conv3", 32, stride=2),  # 32 x 16 x 16
            **stage("conv4", 64, stride=2),  # 64 x 8 x 8
            average=global_average_pool(),  # 64
            fc=linear(),  # classes
        ),
        input_shape=(3, 32, 32),
        num_classes=10,
    )


def two_layers(channels: int, stride: int) -> Row:
    """The residual mapping of figure 2: two 3x3 convolutions, each followed by batch normalisation."""
    return sequence(
        conv1=three_by_three(channels, stride),
        norm1=batch_norm(),
        relu=relu(),
        conv2=three_by_three(channels),
        norm2=batch_norm(),
    )


def three_by_three(channels: int, stride: int = 1) -> Row:
    """A 3x3 convolution without bias, for batch normalisation follows."""
    return convolution(channels, 3, stride=stride, padding=1, bias=False)


def shortcut_of(option: Shortcut, channels: int, stride: int) -> Row:
    """The shortcut that an option of section 3.3 puts around a block."""
    projection = sequence(projection=convolution(channels, 1, stride=stride, bias=False), norm=batch_norm())

    def make(site: Site) -> Built:
        same_shape = stride == 1 and site.channels == channels
        if option == "C" or (option == "B" and not same_shape):
            return projection(site)
        return identity()(site) if same_shape else padded_shortcut(channels, stride)(site)

    return make


def _blocks_a_stage(kind: str, depth: int) -> int:
    blocks, rest = divmod(depth - 2, 6)
    if rest or blocks < 1:
        below = max(1, blocks)
        raise UsageError(
            f"{kind}{depth}_cifar: the depth is 6n + 2, n at least 1: take {6 * below + 2} or {6 * below + 8}"
        )
    return blocks
