"""The pre-activation ResNets of Keras, whose released weights need them; they follow TensorFlow's slim."""

from collections.abc import Mapping, Sequence

from torch import nn

from classicnets.networks.blocks import one_by_one, three_by_three
from classicnets.networks.chain import Built, Row, Site, rows
from classicnets.networks.rows import batch_norm, convolution, identity, max_pool, relu, residual, sequence

EPSILON = 1.001e-5


def trunk(blocks: Sequence[int]) -> Mapping[str, Row]:
    """The rows before the averaging of the last maps.

    Beside the paper's the stem has no activation and pools with zeros around, the last unit of a stage and not the
    first of the next halves the maps, by its 3x3 convolution, and the convolutions that write to the sums have biases.

    Args:
        blocks: how many units each of the four stages has.
    """
    two, three, four, five = blocks
    return rows(
        conv1=sequence(convolution=convolution(64, 7, stride=2, padding=3)),  # 64 x 112 x 112
        pool1=sequence(zeros=_zeros_around(1), pool=max_pool(3, stride=2)),  # 64 x 56 x 56
        **_stage("conv2", two, 64, stride=2),  # 256 x 28 x 28
        **_stage("conv3", three, 128, stride=2),  # 512 x 14 x 14
        **_stage("conv4", four, 256, stride=2),  # 1024 x 7 x 7
        **_stage("conv5", five, 512, stride=1),  # 2048 x 7 x 7
        norm=_activation(),  # 2048 x 7 x 7
    )


def _stage(name: str, units: int, width: int, *, stride: int) -> Mapping[str, Row]:
    """Units of one width, of which the first projects and the last has the stride."""
    strides = [1] * (units - 1) + [stride]
    return {f"{name}_{number}": _unit(width, own, projects=number == 1) for number, own in enumerate(strides, start=1)}


def _unit(width: int, stride: int, *, projects: bool) -> Row:
    """A bottleneck; where it projects, both ways read what is activated."""
    layers = {
        "conv1": one_by_one(width),
        "norm2": batch_norm(epsilon=EPSILON),
        "relu2": relu(),
        "conv2": three_by_three(width, stride),
        "norm3": batch_norm(epsilon=EPSILON),
        "relu3": relu(),
        "conv3": one_by_one(4 * width, bias=True),
    }
    if projects:
        around = sequence(projection=one_by_one(4 * width, stride, bias=True))
        return residual(sequence(**layers), around, before=_activation(), after=identity())
    branch = sequence(norm1=batch_norm(epsilon=EPSILON), relu1=relu(), **layers)
    return residual(branch, max_pool(1, stride=stride) if stride > 1 else identity(), after=identity())


def _activation() -> Row:
    return sequence(norm=batch_norm(epsilon=EPSILON), relu=relu())


def _zeros_around(pixels: int) -> Row:
    def make(site: Site) -> Built:
        out = site._replace(height=site.height + 2 * pixels, width=site.width + 2 * pixels)
        return Built(nn.ZeroPad2d(pixels), out)

    return make
