"""AlexNet (Krizhevsky, Sutskever, Hinton, NIPS 2012): 60,965,224 parameters, 724,406,816 MACs; and its successors.

Caffe's two replicas, the network in one column that courses draw, and the author's own later one of "One weird trick".
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, get_args

from torch import nn

from classicnets.errors import check_choice
from classicnets.layers.initialisation import Initialise, normal, reset
from classicnets.layers.overhanging_convolution import OverhangingConvolution
from classicnets.networks.chain import Built, Design, ImageTooSmallError, Row, Site, rows
from classicnets.networks.heads import Head, check_head, classifier, hidden
from classicnets.networks.rows import (
    adaptive_average_pool,
    conv_relu,
    convolution,
    dropout,
    identity,
    max_pool,
    relu,
    response_norm,
    sequence,
)

Formula = Literal["paper", "cuda_convnet2", "caffe", "none"]
"""What divides an activation in local response normalisation."""

NormOver = Literal["layer", "tower"]
Order = Literal["norm_pool", "pool_norm"]
Pooling = Literal["caffe", "onnx_zoo"]
Release = Literal["torchvision", "cuda_convnet2"]
Widths = Literal["released", "paper"]

FORMULAS: Mapping[Formula, Mapping[str, Any]] = {
    "paper": {},  # (2 + 1e-4 sum) ^ 0.75
    "cuda_convnet2": {"divide_alpha": True},  # (2 + 1e-4 / 5 sum) ^ 0.75
    "caffe": {"k": 1.0, "divide_alpha": True},  # (1 + 1e-4 / 5 sum) ^ 0.75
}

# Layers that begin with a bias (section 5); the others begin with 0.
BIASED = ("conv2", "conv4", "conv5", "fc6", "fc7")


def alexnet(
    *,
    response_norm: Formula = "paper",
    norm_over: NormOver = "layer",
    gpus: Literal[1, 2] = 2,
    head: Head = "connected",
) -> Design:
    """The network of the paper: two towers, of which only conv3 and the fully connected layers read both.

    The images are of 227x227 pixels. Those of 224x224, which the paper states, give maps of the same sizes, for conv1
    lets its last windows hang over the border into zeros, as the author's code did.

    Args:
        response_norm: ``paper`` multiplies the sum of squares by alpha as printed (section 3.3). ``cuda_convnet2``
            divides alpha by n first, as the author's code does. ``caffe`` divides too and has k = 1. ``none`` leaves
            the two normalisations out.
        norm_over: ``layer`` sums over neighbours among all maps of a layer, as the formula is printed; ``tower`` among
            those of a tower, as in the configuration files beside the author's code of 2012.
        gpus: 1 for the network of section 3.2's comparison: one column, half the kernels in conv1 to conv4.
        head: ``convolutional`` makes fc6, fc7, fc8 convolutions, which run on larger images too.

    Raises:
        UsageError: an option has a value that is none of these.
    """
    check_choice("gpus", gpus, (1, 2))
    check_choice("norm_over", norm_over, get_args(NormOver))
    widths = (96, 256, 384, 384) if gpus == 2 else (48, 128, 192, 192)
    table = _table(
        conv1=_overhanging_relu(widths[0], 11, stride=4),
        widths=(*widths[1:], 256),
        groups=gpus,
        formula=response_norm,
        norm_groups=gpus if norm_over == "tower" else 1,
        head=head,
    )
    return _design(table, initialise=normal_by_row(biases=dict.fromkeys(BIASED, 1.0)))


def alexnet_single(*, response_norm: Formula = "paper", order: Order = "norm_pool", head: Head = "connected") -> Design:
    """The same widths in one column, where every kernel reads every map below: 62,378,344 parameters.

    Args:
        response_norm: as in `alexnet`.
        order: ``norm_pool`` is the paper's; ``pool_norm`` pools first, as tables of courses have it.
        head: as in `alexnet`.
    """
    table = _table(
        conv1=_overhanging_relu(96, 11, stride=4),
        widths=(256, 384, 384, 256),
        groups=1,
        formula=response_norm,
        order=order,
        head=head,
    )
    return _design(table, initialise=normal_by_row(biases=dict.fromkeys(BIASED, 1.0)))


def alexnet_caffe(*, pooling: Pooling = "caffe", head: Head = "connected") -> Design:
    """Caffe's replica, ``bvlc_alexnet``: other first weights, Caffe's response normalisation, a plain conv1.

    Args:
        pooling: ``caffe`` rounds the sizes of pooled maps up: 54, 27, 13, 6 for images of 224x224. ``onnx_zoo`` rounds
            the first two down, as the graph of ONNX's model zoo does: 54, 26, 12, 6. At 227x227 they are the same.
        head: as in `alexnet`.

    Raises:
        UsageError: an option has a value that is none of these.
    """
    check_choice("pooling", pooling, get_args(Pooling))
    table = _table(
        conv1=conv_relu(96, 11, stride=4, padding=0),
        widths=(256, 384, 384, 256),
        groups=2,
        formula="caffe",
        early_pool=_pool(ceil=pooling == "caffe"),
        head=head,
    )
    return _design(table, initialise=_caffe(bias=0.1))


def caffenet(*, head: Head = "connected") -> Design:
    """Caffe's reference network, ``bvlc_reference_caffenet``: it pools before it normalises.

    Args:
        head: as in `alexnet`.
    """
    table = _table(
        conv1=conv_relu(96, 11, stride=4, padding=0),
        widths=(256, 384, 384, 256),
        groups=2,
        formula="caffe",
        order="pool_norm",
        head=head,
    )
    return _design(table, initialise=_caffe(bias=1.0))


def alexnet_owt(*, release: Release = "torchvision", widths: Widths = "released", head: Head = "connected") -> Design:
    """The one-column network of "One weird trick for parallelizing convolutional neural networks" (2014).

    61,100,840 parameters with the widths of its releases.

    Args:
        release: ``torchvision``, the one that is known by the name: no response normalisation, dropout before fc6 and
            fc7, images of any size. ``cuda_convnet2``, the author's own: response normalisation (of conv1 before its
            ReLU, which comes after pool1), dropout after fc6 and fc7, conv1 without padding.
        widths: of conv4 and conv5; ``released``: 256 and 256; ``paper``: 384 and 256, as the paper's footnote says.
        head: as in `alexnet`.

    Raises:
        UsageError: an option has a value that is none of these.
    """
    check_choice("release", release, get_args(Release))
    check_choice("widths", widths, get_args(Widths))
    check_head(head)
    conv4 = 256 if widths == "released" else 384
    return Design(
        rows=_owt_torchvision(conv4, head) if release == "torchvision" else _owt_cuda_convnet2(conv4, head),
        input_shape=(3, 224, 224),
        num_classes=1000,
        initialise=normal_by_row(
            deviations={"conv3": 0.03, "conv4": 0.03, "conv5": 0.03},
            # The author's fc8 is a thousand yes-or-no answers, of which all but one are no; softmax does not see -7.
            biases=dict.fromkeys(BIASED, 1.0) | {"fc8": -7.0},
        ),
    )


def _table(
    *,
    conv1: Row,
    widths: tuple[int, int, int, int],
    groups: int,
    formula: Formula,
    norm_groups: int = 1,
    order: Order = "norm_pool",
    early_pool: Row | None = None,
    head: Head,
) -> Mapping[str, Row]:
    """The eight layers; sizes are those of `alexnet`. ``widths`` are of conv2 to conv5."""
    check_head(head)
    pool = early_pool or _pool()
    conv2, conv3, conv4, conv5 = widths
    return rows(
        conv1=conv1,  # 96 x 55 x 55
        **norm_and_pool(1, formula, pool, order, groups=norm_groups),  # 96 x 55 x 55, 96 x 27 x 27
        conv2=conv_relu(conv2, 5, groups=groups),  # 256 x 27 x 27
        **norm_and_pool(2, formula, pool, order, groups=norm_groups),  # 256 x 27 x 27, 256 x 13 x 13
        conv3=conv_relu(conv3, 3),  # 384 x 13 x 13
        conv4=conv_relu(conv4, 3, groups=groups),  # 384 x 13 x 13
        conv5=conv_relu(conv5, 3, groups=groups),  # 256 x 13 x 13
        pool5=_pool(),  # 256 x 6 x 6
        fc6=hidden(4096, head=head),  # 4096
        fc7=hidden(4096, head=head),  # 4096
        fc8=classifier(head=head),  # classes
    )


def _owt_torchvision(conv4: int, head: Head) -> Mapping[str, Row]:
    return rows(
        conv1=conv_relu(64, 11, stride=4, padding=2),  # 64 x 55 x 55
        pool1=_pool(ceil=False),  # 64 x 27 x 27
        conv2=conv_relu(192, 5),  # 192 x 27 x 27
        pool2=_pool(ceil=False),  # 192 x 13 x 13
        conv3=conv_relu(384, 3),  # 384 x 13 x 13
        conv4=conv_relu(conv4, 3),  # 256 x 13 x 13
        conv5=conv_relu(256, 3),  # 256 x 13 x 13
        pool5=_pool(ceil=False),  # 256 x 6 x 6
        # As convolutions the head shall read larger maps than 6x6 place by place, not their means.
        average=adaptive_average_pool(6) if head == "connected" else identity(),  # 256 x 6 x 6
        fc6=_dropout_before(4096, 6, head),  # 4096
        fc7=_dropout_before(4096, 1, head),  # 4096
        fc8=classifier(head=head),  # classes
    )


def _owt_cuda_convnet2(conv4: int, head: Head) -> Mapping[str, Row]:
    norm = response_norm(**FORMULAS["cuda_convnet2"])
    return rows(
        conv1=sequence(convolution=_overhanging(64, 11, stride=4)),  # 64 x 55 x 55
        norm1=norm,  # 64 x 55 x 55
        pool1=sequence(pool=_pool(), relu=relu()),  # 64 x 27 x 27
        conv2=conv_relu(192, 5),  # 192 x 27 x 27
        norm2=norm,  # 192 x 27 x 27
        pool2=_pool(),  # 192 x 13 x 13
        conv3=conv_relu(384, 3),  # 384 x 13 x 13
        conv4=conv_relu(conv4, 3),  # 256 x 13 x 13
        conv5=conv_relu(256, 3),  # 256 x 13 x 13
        pool5=_pool(),  # 256 x 6 x 6
        fc6=hidden(4096, head=head),  # 4096
        fc7=hidden(4096, head=head),  # 4096
        fc8=classifier(head=head),  # classes
    )


def norm_and_pool(
    stage: int, formula: Formula, pool: Row, order: Order, *, name: str = "norm", groups: int = 1
) -> Mapping[str, Row]:
    """The rows after a convolution: response normalisation and pooling, under names with the number of the stage.

    Args:
        stage: the number of the convolution.
        formula: ``none`` for pooling alone.
        pool: the pooling.
        order: which of them comes first.
        name: what the paper calls the normalisation.
        groups: of maps, between which it does not cross.

    Raises:
        UsageError: there is no such formula or order.
    """
    check_choice("response_norm", formula, get_args(Formula))
    check_choice("order", order, get_args(Order))
    norms = {} if formula == "none" else {f"{name}{stage}": response_norm(**FORMULAS[formula], groups=groups)}
    pools = {f"pool{stage}": pool}
    return norms | pools if order == "norm_pool" else pools | norms


def normal_by_row(
    *,
    deviation: float = 0.01,
    deviations: Mapping[str, float] = MappingProxyType({}),
    biases: Mapping[str, float] = MappingProxyType({}),
) -> Initialise:
    """A rule for first weights: N(0, deviation^2), biases 0, unless a row has a deviation or a bias of its own."""

    def rule(path: str, module: nn.Module) -> None:
        row = path.partition(".")[0]
        if isinstance(module, nn.Conv2d | nn.Linear):
            normal(module, deviations.get(row, deviation), bias=biases.get(row, 0.0))
        else:
            reset(path, module)

    return rule


def _design(table: Mapping[str, Row], *, initialise: Initialise) -> Design:
    return Design(rows=table, input_shape=(3, 227, 227), num_classes=1000, initialise=initialise)


def _caffe(*, bias: float) -> Initialise:
    return normal_by_row(deviations={"fc6": 0.005, "fc7": 0.005}, biases=dict.fromkeys(BIASED, bias))


def _pool(*, ceil: bool = True) -> Row:
    """Overlapping pooling (section 3.4); the author's code and Caffe round its sizes up."""
    return max_pool(3, stride=2, ceil=ceil)


def _overhanging_relu(channels: int, kernel: int, *, stride: int) -> Row:
    return sequence(convolution=_overhanging(channels, kernel, stride=stride), relu=relu())


def _overhanging(channels: int, kernel: int, *, stride: int) -> Row:
    def make(site: Site) -> Built:
        if min(site.height, site.width) < kernel:
            raise ImageTooSmallError(f"{site.height}x{site.width} pixels arrive at a {kernel}x{kernel} convolution")
        height, width = (1 - (kernel - side) // stride for side in (site.height, site.width))
        module = OverhangingConvolution(site.channels, channels, kernel, stride)
        return Built(module, site._replace(channels=channels, height=height, width=width))

    return make


def _dropout_before(features: int, kernel: int, head: Head) -> Row:
    """A hidden layer whose weights do not depend on the size of the images; ``kernel`` is its side as a convolution."""
    if head == "convolutional":
        return sequence(dropout=dropout(0.5), convolution=convolution(features, kernel), relu=relu())
    return hidden(features, head=head, drop_before=0.5, drop_after=None)
