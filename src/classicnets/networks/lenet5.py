"""LeNet-5 (LeCun, Bottou, Bengio, Haffner, Proc. IEEE 86(11), 1998): 60,000 trainable parameters, 325,680 MACs."""

from typing import Literal

from torch import nn

from classicnets.errors import check_choice
from classicnets.layers.initialisation import uniform_by_fan_in
from classicnets.layers.radial_basis import BITMAP_HEIGHT, BITMAP_WIDTH, RadialBasis
from classicnets.layers.sparse_convolution import SparseConvolution
from classicnets.layers.subsampling import Subsampling
from classicnets.networks.chain import Built, Design, Row, Site, rows
from classicnets.networks.rows import average_pool, convolution, flatten, linear, relu, scaled_tanh, sequence

# Table I: the maps of S2 that each map of C3 reads.
C3_READS = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)),
    (0, 1, 2, 3, 4, 5),
)


def lenet5() -> Design:
    """LeNet-5 as section II.B describes it; see `RadialBasis` for the sign of its output."""
    return Design(
        rows=rows(
            C1=sequence(convolution=convolution(6, 5), squash=scaled_tanh()),  # 6 x 28 x 28
            S2=sequence(subsampling=_subsampling(), squash=scaled_tanh()),  # 6 x 14 x 14
            C3=sequence(convolution=_sparse_convolution(5), squash=scaled_tanh()),  # 16 x 10 x 10
            S4=sequence(subsampling=_subsampling(), squash=scaled_tanh()),  # 16 x 5 x 5
            C5=sequence(convolution=convolution(120, 5), squash=scaled_tanh()),  # 120 x 1 x 1
            F6=sequence(flatten=flatten(), linear=linear(84), squash=scaled_tanh()),  # 84
            OUTPUT=_radial_basis(),  # classes
        ),
        input_shape=(1, 32, 32),
        num_classes=10,
        initialise=uniform_by_fan_in,
    )


def lenet5_dense(*, activation: Literal["tanh", "relu"] = "tanh") -> Design:
    """What most code calls LeNet-5: C3 reads every map, pooling has no weights, a linear output; 61,706 parameters.

    Args:
        activation: ``tanh`` is the paper's scaled one.
    """
    check_choice("activation", activation, ("tanh", "relu"))
    squash = scaled_tanh if activation == "tanh" else relu
    return Design(
        rows=rows(
            C1=sequence(convolution=convolution(6, 5), squash=squash()),  # 6 x 28 x 28
            S2=average_pool(2),  # 6 x 14 x 14
            C3=sequence(convolution=convolution(16, 5), squash=squash()),  # 16 x 10 x 10
            S4=average_pool(2),  # 16 x 5 x 5
            C5=sequence(convolution=convolution(120, 5), squash=squash()),  # 120 x 1 x 1
            F6=sequence(flatten=flatten(), linear=linear(84), squash=squash()),  # 84
            OUTPUT=linear(),  # classes
        ),
        input_shape=(1, 32, 32),
        num_classes=10,
        initialise=uniform_by_fan_in,
    )


def _subsampling() -> Row:
    def make(site: Site) -> Built:
        return Built(Subsampling(site.channels), site._replace(height=site.height // 2, width=site.width // 2))

    return make


def _sparse_convolution(kernel: int) -> Row:
    def make(site: Site) -> Built:
        module: nn.Module = SparseConvolution(site.channels, C3_READS, kernel)
        height, width = site.height - kernel + 1, site.width - kernel + 1
        return Built(module, site._replace(channels=len(C3_READS), height=height, width=width))

    return make


def _radial_basis() -> Row:
    def make(site: Site) -> Built:
        assert site.channels == BITMAP_HEIGHT * BITMAP_WIDTH, "F6 has a unit for each pixel of a target"
        return Built(RadialBasis(site.channels, site.classes), site._replace(channels=site.classes))

    return make
