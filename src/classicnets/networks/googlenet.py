"""GoogLeNet (Szegedy et al., CVPR 2015, table 1): 22 layers with weights, 6,998,552 parameters, 1.58 G MACs."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal, get_args

from torch import nn

from classicnets.errors import check_choice
from classicnets.layers import filling
from classicnets.layers.initialisation import Initialise, reset, truncated_normal
from classicnets.networks.chain import Built, Design, Row, Site, rows
from classicnets.networks.rows import (
    Pair,
    adaptive_average_pool,
    average_pool,
    branches,
    conv_norm_relu,
    conv_relu,
    convolution,
    dropout,
    flatten,
    global_average_pool,
    linear,
    max_pool,
    relu,
    response_norm,
    sequence,
)

Stem = Literal["paper", "small"]
FirstConvolution = Literal["dense", "separable"]
Rounding = Literal["ceil", "floor"]

Unit = Callable[..., Row]
"""A convolution and what follows it, told its channels and its kernel."""

InceptionModule = Callable[[int, Pair, Pair, int], Row]
"""An Inception module, told the columns of table 1 as `inception` is."""

POOL = max_pool(3, stride=2, ceil=True)


def googlenet(*, conv1: FirstConvolution = "dense", stem: Stem = "paper") -> Design:
    """GoogLeNet as table 1 and figure 3 have it.

    Args:
        conv1: ``separable`` is the convolution that the table's 2.7K parameters and 34M operations stand for.
        stem: ``small``, for images of 32x32 pixels: a 3x3 convolution of stride 1, and no pooling before the modules.

    Raises:
        UsageError: an option has a value that is none of these.
    """
    check_choice("conv1", conv1, get_args(FirstConvolution))
    first = conv_relu if conv1 == "dense" else separable_relu
    return _design(stem, {**_stem(stem, norm=response_norm(), first=first), **_modules(inception)})


def googlenet_caffe(*, pools: Rounding = "ceil") -> Design:
    """GoogLeNet as Caffe's bvlc_googlenet has it, with Caffe's response normalisation.

    Args:
        pools: whether pooling keeps a last window that hangs over the border. ``ceil`` is Caffe's; ``floor`` is that
            of ONNX's inception_v1, whose maps have sides of 55, 27, 13 and 6 pixels.

    Raises:
        UsageError: pools is neither.
    """
    check_choice("pools", pools, get_args(Rounding))
    pool = max_pool(3, stride=2, ceil=pools == "ceil")
    norm = response_norm(k=1.0, divide_alpha=True)
    return _design("paper", {**_stem("paper", norm=norm, pool=pool), **_modules(inception, pool3=pool, pool4=pool)})


def googlenet_bn(*, stem: Stem = "paper") -> Design:
    """GoogLeNet as torchvision has it: batch normalisation, no biases, and 3x3 where the paper has 5x5.

    Args:
        stem: as in `googlenet`.

    Raises:
        UsageError: there is no such stem.
    """
    unit = partial(conv_norm_relu, epsilon=0.001)
    modules = _modules(partial(inception, unit=unit, largest=3), pool4=max_pool(2, stride=2, ceil=True), drop=0.2)
    aux = aux_head(adaptive_average_pool(4), unit)
    table = {**_stem(stem, unit=unit, norm=None), **modules}
    return _design(stem, table, aux=aux, initialise=truncated_normal(0.01))


def inception_naive(*, stem: Stem = "paper") -> Design:
    """GoogLeNet with the modules of figure 2a, for study: without reductions the maps grow from module to module.

    Args:
        stem: as in `googlenet`.

    Raises:
        UsageError: there is no such stem.
    """
    return _design(stem, {**_stem(stem, norm=response_norm()), **_modules(naive_inception)})


def _stem(
    stem: Stem, *, norm: Row | None, unit: Unit = conv_relu, first: Unit | None = None, pool: Row = POOL
) -> Mapping[str, Row]:
    """The rows before the first module; ``small`` has no pools, and without ``norm`` there are no norm1 and norm2."""
    check_choice("stem", stem, get_args(Stem))
    small = stem == "small"
    first = first or unit
    table = {
        "conv1": first(64, 3, stride=1) if small else first(64, 7, stride=2),  # 64 x 112 x 112
        "pool1": None if small else pool,  # 64 x 56 x 56
        "norm1": norm,
        "conv2": reduced((64, 192), 3, unit),  # 192 x 56 x 56
        "norm2": norm,
        "pool2": None if small else pool,  # 192 x 28 x 28
    }
    return {name: row for name, row in table.items() if row is not None}


def _modules(module: InceptionModule, *, pool3: Row = POOL, pool4: Row = POOL, drop: float = 0.4) -> Mapping[str, Row]:
    """Table 1 from its first module on; the sizes are those of the paper's modules."""
    return rows(
        inception_3a=module(64, (96, 128), (16, 32), 32),  # 256 x 28 x 28
        inception_3b=module(128, (128, 192), (32, 96), 64),  # 480 x 28 x 28
        pool3=pool3,  # 480 x 14 x 14
        inception_4a=module(192, (96, 208), (16, 48), 64),  # 512 x 14 x 14
        inception_4b=module(160, (112, 224), (24, 64), 64),  # 512 x 14 x 14
        inception_4c=module(128, (128, 256), (24, 64), 64),  # 512 x 14 x 14
        inception_4d=module(112, (144, 288), (32, 64), 64),  # 528 x 14 x 14
        inception_4e=module(256, (160, 320), (32, 128), 128),  # 832 x 14 x 14
        pool4=pool4,  # 832 x 7 x 7
        inception_5a=module(256, (160, 320), (32, 128), 128),  # 832 x 7 x 7
        inception_5b=module(384, (192, 384), (48, 128), 128),  # 1024 x 7 x 7
        average=global_average_pool(),  # 1024
        dropout=dropout(drop),  # 1024
        fc=linear(),  # classes
    )


def _design(
    stem: Stem, table: Mapping[str, Row], *, aux: Row | None = None, initialise: Initialise | None = None
) -> Design:
    head = aux or aux_head(average_pool(5, stride=3))
    return Design(
        rows=table,
        aux={"inception_4a": head, "inception_4d": head},
        input_shape=(3, 32, 32) if stem == "small" else (3, 224, 224),
        num_classes=1000,
        initialise=initialise or xavier,
    )


def inception(
    one_by_one: int, three_by_three: Pair, five_by_five: Pair, pool: int, *, unit: Unit = conv_relu, largest: int = 5
) -> Row:
    """The Inception module with dimension reductions (figure 2b), told the columns of table 1.

    Args:
        one_by_one: channels of the 1x1 convolution.
        three_by_three: channels of the 1x1 reduction, and of the 3x3 convolution that reads it.
        five_by_five: the same of the 5x5 convolution.
        pool: channels of the 1x1 convolution that reads the 3x3 max pooling.
        unit: a convolution and what follows it.
        largest: the kernel in place of 5x5.
    """
    return branches(
        one_by_one=unit(one_by_one, 1),
        three_by_three=reduced(three_by_three, 3, unit),
        five_by_five=reduced(five_by_five, largest, unit),
        pool=sequence(pool=max_pool(3, stride=1, padding=1), project=unit(pool, 1)),
    )


def naive_inception(one_by_one: int, three_by_three: Pair, five_by_five: Pair, pool: int) -> Row:
    """The naive module (figure 2a): every convolution reads all that arrives, and pooling passes it all on.

    Args:
        one_by_one: channels of the 1x1 convolution.
        three_by_three: of the two numbers of `inception` the second, the channels of the 3x3 convolution.
        five_by_five: the same of the 5x5 convolution.
        pool: unused, for nothing is projected.
    """
    return branches(
        one_by_one=conv_relu(one_by_one, 1),
        three_by_three=conv_relu(three_by_three[1], 3),
        five_by_five=conv_relu(five_by_five[1], 5),
        pool=max_pool(3, stride=1, padding=1),
    )


def reduced(channels: Pair, kernel: int, unit: Unit) -> Row:
    """A 1x1 convolution to the first number of channels, and a larger one, which reads that, to the second."""
    narrow, wide = channels
    return sequence(reduce=unit(narrow, 1), convolve=unit(wide, kernel))


def aux_head(pool: Row, unit: Unit = conv_relu) -> Row:
    """An auxiliary classifier (section 5): pooling, 1x1 to 128, 1024 fully connected, dropout of 70%, linear.

    Args:
        pool: from what arrives to 4x4.
        unit: a convolution and what follows it.
    """
    return sequence(
        average=pool,  # 512 x 4 x 4 at inception_4a, 528 x 4 x 4 at inception_4d
        project=unit(128, 1),  # 128 x 4 x 4
        hidden=sequence(flatten=flatten(), linear=linear(1024), relu=relu(), dropout=dropout(0.7)),  # 1024
        fc=linear(),  # classes
    )


def separable_relu(channels: int, kernel: int, *, stride: int) -> Row:
    """Eight kernels for each channel by itself, then a 1x1 convolution, without biases, and a ReLU."""

    def make(site: Site) -> Built:
        padding = kernel // 2
        deep = 8 * site.channels
        return sequence(
            depthwise=convolution(deep, kernel, stride=stride, padding=padding, groups=site.channels, bias=False),
            convolution=convolution(channels, 1, bias=False),
            relu=relu(),
        )(site)

    return make


def xavier(path: str, module: nn.Module) -> None:
    """Caffe's rule of that name: uniform with variance 1 / fan-in; biases are 0.2, those of classifiers 0."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        bound = math.sqrt(3 / module.weight[0].numel())
        filling.uniform_(module.weight, bound)
        if module.bias is not None:
            nn.init.constant_(module.bias, 0.0 if path.split(".")[-1] == "fc" else 0.2)
    else:
        reset(path, module)
