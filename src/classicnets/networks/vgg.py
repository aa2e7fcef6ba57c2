"""VGG (Simonyan, Zisserman, ICLR 2015, table 1): 11 to 19 layers with weights, nearly all of them 3x3 convolutions.

A, A-LRN, B, C, D, E: 133, 133, 133, 134, 138, 144 million parameters as printed.
"""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal, get_args

from torch import nn

from classicnets.errors import check_choice
from classicnets.layers import filling
from classicnets.layers.initialisation import Initialise, normal, reset
from classicnets.networks.chain import Design, Row, rows
from classicnets.networks.heads import Head, check_head, classifier, hidden
from classicnets.networks.rows import conv_norm_relu, conv_relu, max_pool, response_norm

Configuration = Literal["A", "A-LRN", "B", "C", "D", "E"]
Initialisation = Literal["variance", "deviation", "glorot"]

# Table 1, each column as a line: the sides of the kernels between one pool and the next.
TABLE_1: Mapping[Configuration, tuple[tuple[int, ...], ...]] = {
    "A": ((3,), (3,), (3, 3), (3, 3), (3, 3)),
    "A-LRN": ((3,), (3,), (3, 3), (3, 3), (3, 3)),  # and norm1 after conv1_1
    "B": ((3, 3), (3, 3), (3, 3), (3, 3), (3, 3)),
    "C": ((3, 3), (3, 3), (3, 3, 1), (3, 3, 1), (3, 3, 1)),
    "D": ((3, 3), (3, 3), (3, 3, 3), (3, 3, 3), (3, 3, 3)),
    "E": ((3, 3), (3, 3), (3, 3, 3, 3), (3, 3, 3, 3), (3, 3, 3, 3)),
}
WIDTHS = (
    64,  # conv1: 64 x 224 x 224, pool1: 64 x 112 x 112
    128,  # conv2: 128 x 112 x 112, pool2: 128 x 56 x 56
    256,  # conv3: 256 x 56 x 56, pool3: 256 x 28 x 28
    512,  # conv4: 512 x 28 x 28, pool4: 512 x 14 x 14
    512,  # conv5: 512 x 14 x 14, pool5: 512 x 7 x 7
)


def vgg(
    *, configuration: Configuration, head: Head = "connected", initialisation: Initialisation = "variance"
) -> Design:
    """A column of table 1.

    Args:
        configuration: the column.
        head: ``convolutional`` makes fc6, fc7 and fc8 convolutions, which run on larger images too (section 3.2).
        initialisation: ``variance``: weights from a normal distribution of variance 10^-2, as printed (section 3.1).
            ``deviation``: of standard deviation 10^-2, as AlexNet's paper and most code have it. ``glorot``: what the
            authors later found to do without weights of a shallower network. All biases are 0.

    Raises:
        UsageError: an option has a value that is none of these.
    """
    check_choice("initialisation", initialisation, get_args(Initialisation))
    rules: Mapping[Initialisation, Initialise] = {
        "variance": partial(_normal, deviation=0.1),
        "deviation": partial(_normal, deviation=0.01),
        "glorot": _glorot,
    }
    return Design(
        rows=_rows(configuration, head, conv_relu),
        input_shape=(3, 224, 224),
        num_classes=1000,
        initialise=rules[initialisation],
    )


def vgg_bn(*, configuration: Configuration, head: Head = "connected") -> Design:
    """The same with batch normalisation after each convolution, which the paper does not have.

    Args:
        configuration: the column of table 1.
        head: as in `vgg`.
    """
    layer = partial(conv_norm_relu, bias=True)  # the biases do nothing here, but the released weights have them
    return Design(rows=_rows(configuration, head, layer), input_shape=(3, 224, 224), num_classes=1000)


def _rows(configuration: Configuration, head: Head, layer: Callable[[int, int], Row]) -> Mapping[str, Row]:
    check_head(head)
    return rows(
        **_convolutions(configuration, layer),
        fc6=hidden(4096, head=head),  # 4096
        fc7=hidden(4096, head=head),  # 4096
        fc8=classifier(head=head),  # classes
    )


def _convolutions(configuration: Configuration, layer: Callable[[int, int], Row]) -> Mapping[str, Row]:
    table = {}
    for stage, (width, kernels) in enumerate(zip(WIDTHS, TABLE_1[configuration], strict=True), start=1):
        for number, kernel in enumerate(kernels, start=1):
            table[f"conv{stage}_{number}"] = layer(width, kernel)
        if configuration == "A-LRN" and stage == 1:
            table["norm1"] = response_norm()
        table[f"pool{stage}"] = max_pool(2, stride=2)
    return table


def _normal(path: str, module: nn.Module, *, deviation: float) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear):
        normal(module, deviation)
    else:
        reset(path, module)


def _glorot(path: str, module: nn.Module) -> None:
    """Uniform with variance 2 / (fan-in + fan-out) (Glorot, Bengio, AISTATS 2010, equation 16)."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        pixels = module.weight[0, 0].numel()
        filling.uniform_(module.weight, math.sqrt(6 / (pixels * sum(module.weight.shape[:2]))))
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    else:
        reset(path, module)
