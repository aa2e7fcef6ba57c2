"""What the tables of Inception-v3, Inception-v4 and the Inception-ResNets are written in."""

from collections.abc import Callable

from classicnets.networks.chain import Built, Row, Site
from classicnets.networks.rows import Pair, average_pool, conv_norm_relu, global_average_pool, linear, sequence

# The papers do not print it; the authors' releases and every port of their weights have this one.
EPSILON = 0.001

Layer = Callable[[int, Pair], Row]
"""A convolution, told its channels and kernel, with what follows it."""


def same(channels: int, kernel: int | Pair) -> Row:
    """A convolution with batch normalisation and ReLU; the map keeps its size."""
    return conv_norm_relu(channels, kernel, epsilon=EPSILON)


def valid(channels: int, kernel: int | Pair, *, stride: int = 1) -> Row:
    """A convolution with batch normalisation and ReLU; nothing is padded (V in the figures of the v4 paper)."""
    return conv_norm_relu(channels, kernel, stride=stride, padding=0, epsilon=EPSILON)


def aux_head(hidden: Layer = valid) -> Row:
    """The auxiliary classifier on 17x17 pixels (Szegedy et al., CVPR 2016, section 4).

    Its 5x5 convolution is a fully connected layer on 5x5 pixels. In images of less than 299 pixels the kernels shrink
    to what arrives, as in the authors' releases.

    Args:
        hidden: makes that layer.
    """

    def make(site: Site) -> Built:
        return sequence(
            pool=average_pool(min(5, site.height, site.width), stride=3),  # 5 x 5
            conv1=same(128, 1),  # 128 x 5 x 5
            conv2=lambda site: hidden(768, (min(5, site.height), min(5, site.width)))(site),  # 768 x 1 x 1
            average=global_average_pool(),  # 768
            fc=linear(),  # classes
        )(site)

    return make
