"""BN-Inception (Ioffe, Szegedy, ICML 2015, figure 5), also called Inception-v2: 11,278,528 parameters, 1.95 G MACs.

Figure 5 contradicts itself: the filters of 4c and 4d sum to 608 maps, those of 4e to 1056, and beside them 576, 576
and 1024 are printed. Here the filters count, as in the release for Caffe; ``projection`` has the other reading.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import nn

from classicnets.errors import UsageError, check_choice
from classicnets.networks.chain import Built, Design, Row, Site, rows
from classicnets.networks.rows import (
    Pair,
    average_pool,
    batch_norm,
    branches,
    conv_norm_relu,
    convolution,
    global_average_pool,
    linear,
    max_pool,
    relu,
    sequence,
)
from classicnets.networks.rows import dropout as drop

FirstConvolution = Literal["separable", "dense"]
Stem = Literal["paper", "small"]

Layer = Callable[..., Row]
"""A convolution, told its channels, kernel and stride, with the batch normalisation and the ReLU that follow it."""


def bn_inception(
    *,
    conv1: FirstConvolution = "separable",
    projection: Literal[128, 96] = 128,
    biases: bool = False,
    count_padding: bool = False,
    dropout: float = 0.0,
    stem: Stem = "paper",
) -> Design:
    """The network of figure 5; every convolution is followed by batch normalisation and a ReLU (section 3.2).

    Args:
        conv1: ``separable``: 8 kernels of 7x7 for each channel by itself, then 1x1 to 64, as the figure's footnote
            says. ``dense``: a plain 7x7 convolution, as in the release for Caffe.
        projection: channels of the pool projection in 4c and 4d. 128 as printed; 96 as in the authors' release, and
            then the sizes hold that are printed beside.
        biases: give convolutions the biases that the normalisation after them makes superfluous (section 3.2), as the
            release for Caffe does.
        count_padding: whether the zeros around a map count in the modules' average pooling. Caffe counts them, the
            authors' release and ONNX's file of this network do not; the paper does not say.
        dropout: share of values zeroed before the last row. The paper removes dropout (section 4.2.1); the networks of
            its ensemble had 0.05 or 0.1.
        stem: ``small``, for images of 32x32 pixels: a 3x3 convolution of stride 1, and no pooling before the modules.

    Raises:
        UsageError: an option has a value that is none of these.
    """
    check_choice("conv1", conv1, get_args(FirstConvolution))
    check_choice("projection", projection, (128, 96))
    check_choice("biases", biases, (True, False))
    check_choice("count_padding", count_padding, (True, False))
    check_choice("stem", stem, get_args(Stem))
    if isinstance(dropout, bool) or not isinstance(dropout, int | float) or not 0 <= dropout < 1:
        raise UsageError(f"dropout must be a number from 0 to below 1, not {dropout!r}")
    layer = partial(conv_norm_relu, bias=biases)
    return Design(
        rows=rows(
            **_stem(stem, partial(separable, bias=biases) if conv1 == "separable" else layer, layer),
            **_modules(layer, average_pool(3, stride=1, padding=1, count_padding=count_padding), projection),
            average=global_average_pool(),  # 1024
            **({"dropout": drop(dropout)} if dropout else {}),
            fc=linear(),  # classes
        ),
        input_shape=(3, 32, 32) if stem == "small" else (3, 224, 224),
        num_classes=1000,
    )


def _stem(stem: Stem, first: Layer, layer: Layer) -> Mapping[str, Row]:
    conv2 = sequence(reduce=layer(64, 1), convolve=layer(192, 3))
    if stem == "small":
        return rows(conv1=first(64, 3), conv2=conv2)  # 64 x 32 x 32, 192 x 32 x 32
    return rows(
        conv1=first(64, 7, stride=2),  # 64 x 112 x 112
        pool1=max_pool(3, stride=2, ceil=True),  # 64 x 56 x 56
        conv2=conv2,  # 192 x 56 x 56
        pool2=max_pool(3, stride=2, ceil=True),  # 192 x 28 x 28
    )


def _modules(layer: Layer, average: Row, projection: int) -> Mapping[str, Row]:
    module, halving = partial(_module, layer), partial(_halving_module, layer)
    largest = max_pool(3, stride=1, padding=1)
    return rows(
        inception_3a=module(64, (64, 64), (64, 96), average, 32),  # 256 x 28 x 28
        inception_3b=module(64, (64, 96), (64, 96), average, 64),  # 320 x 28 x 28
        inception_3c=halving((128, 160), (64, 96)),  # 576 x 14 x 14
        inception_4a=module(224, (64, 96), (96, 128), average, 128),  # 576 x 14 x 14
        inception_4b=module(192, (96, 128), (96, 128), average, 128),  # 576 x 14 x 14
        inception_4c=module(160, (128, 160), (128, 160), average, projection),  # 608 x 14 x 14
        inception_4d=module(96, (128, 192), (160, 192), average, projection),  # 608 x 14 x 14
        inception_4e=halving((128, 192), (192, 256)),  # 1056 x 7 x 7
        inception_5a=module(352, (192, 320), (160, 224), average, 128),  # 1024 x 7 x 7
        inception_5b=module(352, (192, 320), (192, 224), largest, 128),  # 1024 x 7 x 7
    )


def separable(channels: int, kernel: int, *, stride: int = 1, bias: bool = False) -> Row:
    """8 kernels for each channel by itself and a 1x1 convolution over all of them, then as after any convolution."""

    def make(site: Site) -> Built:
        own = convolution(
            8 * site.channels, kernel, stride=stride, padding=kernel // 2, groups=site.channels, bias=False
        )
        mixed = convolution(channels, 1, bias=bias)
        return sequence(depthwise=own, convolution=mixed, norm=batch_norm(), relu=relu())(site)

    return make


def _module(layer: Layer, one: int, three: Pair, double: Pair, pool: Row, projection: int) -> Row:
    """A module of figure 5, told its columns: of ``three`` and ``double`` the reduction and the 3x3 convolutions."""
    return branches(
        one_by_one=layer(one, 1),
        three_by_three=sequence(reduce=layer(three[0], 1), convolve=layer(three[1], 3)),
        double_three_by_three=sequence(
            reduce=layer(double[0], 1), conv1=layer(double[1], 3), conv2=layer(double[1], 3)
        ),
        pool=sequence(pool=pool, project=layer(projection, 1)),
    )


def _halving_module(layer: Layer, three: Pair, double: Pair) -> Row:
    """A module of stride 2: no 1x1 branch, and its max pooling passes all that arrives."""
    last = layer(double[1], 3, stride=2)
    return branches(
        three_by_three=sequence(reduce=layer(three[0], 1), convolve=layer(three[1], 3, stride=2)),
        double_three_by_three=sequence(reduce=layer(double[0], 1), conv1=layer(double[1], 3), conv2=last),
        pool=_halving_pool(),
    )


class HalvingPool(nn.Module):
    """Max pooling of 3x3 windows and stride 2 that leaves half the pixels, rounded up, as a padded convolution does.

    An odd side is padded at both ends, an even one lets its last window hang over the border. This is how the authors'
    release pads, and for the paper's even sides the release for Caffe.
    """

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) -> (N, C, ceil(H / 2), ceil(W / 2))."""
        height, width = inputs.shape[2:]
        return F.max_pool2d(inputs, 3, 2, padding=(height % 2, width % 2), ceil_mode=True)


def _halving_pool() -> Row:
    return lambda site: Built(HalvingPool(), site._replace(height=-(-site.height // 2), width=-(-site.width // 2)))
