"""ZFNet (Zeiler, Fergus, ECCV 2014, figure 3): AlexNet's layers, dense, with finer first ones.

62,357,608 parameters, 1,168,032,896 MACs. Its large variant (table 2, b) has 107,627,624 parameters.
"""

from collections.abc import Sequence

from classicnets.errors import UsageError
from classicnets.networks.alexnet import Formula, norm_and_pool, normal_by_row
from classicnets.networks.chain import Design, rows
from classicnets.networks.heads import Head, check_head, classifier, hidden
from classicnets.networks.rows import conv_relu, max_pool


def zfnet(
    *, widths: Sequence[int] = (384, 384, 256), response_norm: Formula = "paper", head: Head = "connected"
) -> Design:
    """The network of figure 3, or, by its widths, the larger one of table 2.

    Args:
        widths: of conv3, conv4, conv5; (512, 1024, 512) is the larger network.
        response_norm: the formula of the contrast normalisation, of which the paper says only that it is across maps;
            ``paper`` is that of AlexNet's paper, the others are as in `alexnet`.
        head: ``convolutional`` makes fc6, fc7, fc8 convolutions, which run on larger images too.

    Raises:
        UsageError: an option has a value that is none of these.
    """
    conv3, conv4, conv5 = _three_widths(widths)
    check_head(head)
    pool = max_pool(3, stride=2, ceil=True)
    return Design(
        rows=rows(
            conv1=conv_relu(96, 7, stride=2, padding=1),  # 96 x 110 x 110
            **norm_and_pool(1, response_norm, pool, "pool_norm", name="contrast_norm"),  # both 96 x 55 x 55
            conv2=conv_relu(256, 5, stride=2, padding=0),  # 256 x 26 x 26
            **norm_and_pool(2, response_norm, pool, "pool_norm", name="contrast_norm"),  # both 256 x 13 x 13
            conv3=conv_relu(conv3, 3),  # 384 x 13 x 13
            conv4=conv_relu(conv4, 3),  # 384 x 13 x 13
            conv5=conv_relu(conv5, 3),  # 256 x 13 x 13
            pool5=pool,  # 256 x 6 x 6
            fc6=hidden(4096, head=head),  # 4096
            fc7=hidden(4096, head=head),  # 4096
            fc8=classifier(head=head),  # classes
        ),
        input_shape=(3, 224, 224),
        num_classes=1000,
        initialise=normal_by_row(),
    )


def zfnet512(*, head: Head = "connected") -> Design:
    """ZFNet-512 of ONNX's model zoo, layer by layer as its graph: 87,250,536 parameters.

    Beside the paper's network it normalises before it pools, pads neither conv1 nor a pooling, pools blocks of 2x2 last
    and has 1024 units in fc7.

    Args:
        head: as in `zfnet`.
    """
    check_head(head)
    pool = max_pool(3, stride=2)
    return Design(
        rows=rows(
            conv1=conv_relu(96, 7, stride=2, padding=0),  # 96 x 109 x 109
            **norm_and_pool(1, "paper", pool, "norm_pool", name="contrast_norm"),  # 96 x 109 x 109, 96 x 54 x 54
            conv2=conv_relu(256, 5, stride=2, padding=0),  # 256 x 25 x 25
            **norm_and_pool(2, "paper", pool, "norm_pool", name="contrast_norm"),  # 256 x 25 x 25, 256 x 12 x 12
            conv3=conv_relu(512, 3),  # 512 x 12 x 12
            conv4=conv_relu(512, 3),  # 512 x 12 x 12
            conv5=conv_relu(512, 3),  # 512 x 12 x 12
            pool5=max_pool(2, stride=2),  # 512 x 6 x 6
            fc6=hidden(4096, head=head),  # 4096
            fc7=hidden(1024, head=head),  # 1024
            fc8=classifier(head=head),  # classes
        ),
        input_shape=(3, 224, 224),
        num_classes=1000,
        initialise=normal_by_row(),
    )


def _three_widths(widths: Sequence[int]) -> tuple[int, int, int]:
    given = list(widths) if isinstance(widths, list | tuple) else []
    if len(given) != 3 or any(not isinstance(width, int) or width < 1 for width in given):
        raise UsageError(f"widths must be three whole numbers of at least 1, for conv3, conv4, conv5, not {widths!r}")
    conv3, conv4, conv5 = given
    return conv3, conv4, conv5
