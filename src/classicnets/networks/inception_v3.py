"""Inception-v3 (Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, CVPR 2016): the release, and the network of table 1.

The release, which is what the name means everywhere, has 23,834,568 parameters, 3,326,696 more in its auxiliary head,
and 5.71 G MACs. Table 1 has other rows before the modules and other modules on 35x35 pixels: 24,263,240 parameters.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Literal

from classicnets.errors import UsageError, check_choice
from classicnets.layers.initialisation import Initialise, truncated_normal
from classicnets.networks.chain import Design, Row, rows
from classicnets.networks.inception_rows import aux_head, same, valid
from classicnets.networks.rows import (
    Pair,
    average_pool,
    branches,
    conv_relu,
    global_average_pool,
    linear,
    max_pool,
    sequence,
)
from classicnets.networks.rows import dropout as drop

ALONG, DOWN = (1, 7), (7, 1)

# What stands beside the two 3x3 on 35x35 pixels: the release has a 5x5 there, figure 5 a 3x3.
FIVE_BY_FIVE = {"five_by_five": sequence(conv1=same(48, 1), conv2=same(64, 5))}
THREE_BY_THREE = {"three_by_three": sequence(conv1=same(48, 1), conv2=same(64, 3))}


def inception_v3(*, count_padding: bool = True, dropout: float = 0.5, aux: bool = True) -> Design:
    """Inception-v3 as the authors released it and torchvision has it.

    Args:
        count_padding: whether the zeros around a map count in the modules' average pooling. torchvision counts them;
            TensorFlow does not, so weights from Keras or TensorFlow need ``False``.
        dropout: share of values zeroed before the last row: torchvision's 0.5; the authors' release has 0.2.
        aux: hang the auxiliary head from mixed_6e. In images of less than 299 pixels its kernels shrink to what
            arrives, as in the authors' release.

    Raises:
        UsageError: an option has a value that is none of these.
    """
    check_choice("count_padding", count_padding, (True, False))
    check_choice("aux", aux, (True, False))
    if isinstance(dropout, bool) or not isinstance(dropout, int | float) or not 0 <= dropout < 1:
        raise UsageError(f"dropout must be a number from 0 to below 1, not {dropout!r}")
    average = _average(count_padding)
    return Design(
        rows=rows(
            conv1=valid(32, 3, stride=2),  # 32 x 149 x 149
            conv2=valid(32, 3),  # 32 x 147 x 147
            conv3=same(64, 3),  # 64 x 147 x 147
            pool1=max_pool(3, stride=2),  # 64 x 73 x 73
            conv4=same(80, 1),  # 80 x 73 x 73
            conv5=valid(192, 3),  # 192 x 71 x 71
            pool2=max_pool(3, stride=2),  # 192 x 35 x 35
            mixed_5b=_module_35(average, 32, FIVE_BY_FIVE),  # 256 x 35 x 35
            mixed_5c=_module_35(average, 64, FIVE_BY_FIVE),  # 288 x 35 x 35
            mixed_5d=_module_35(average, 64, FIVE_BY_FIVE),  # 288 x 35 x 35
            mixed_6a=_to_17(),  # 768 x 17 x 17
            mixed_6b=_module_17(average, 128, (DOWN, ALONG)),  # 768 x 17 x 17
            mixed_6c=_module_17(average, 160, (DOWN, ALONG)),  # 768 x 17 x 17
            mixed_6d=_module_17(average, 160, (DOWN, ALONG)),  # 768 x 17 x 17
            mixed_6e=_module_17(average, 192, (DOWN, ALONG)),  # 768 x 17 x 17
            mixed_7a=_to_8(),  # 1280 x 8 x 8
            mixed_7b=_module_8(average),  # 2048 x 8 x 8
            mixed_7c=_module_8(average),  # 2048 x 8 x 8
            average=global_average_pool(),  # 2048
            dropout=drop(dropout),  # 2048
            fc=linear(),  # classes
        ),
        aux={"mixed_6e": aux_head()} if aux else {},
        input_shape=(3, 299, 299),
        num_classes=1000,
        initialise=_first_weights("mixed_6e"),
    )


def inception_v3_paper(
    *,
    factorised_7x7: bool = True,
    norm_auxiliary: bool = True,
    reduction_counts: bool = True,
    receptive_field: Literal[299, 151, 79] = 299,
    count_padding: bool = True,
) -> Design:
    """The network of table 1, which the paper also calls Inception-v2.

    The table prints what arrives at each row, and no widths inside the modules. They are the release's, which give
    the printed sizes. The reductions stand between the rows of the table (its caption; figure 10).

    Args:
        factorised_7x7: ``False`` has one 7x7 convolution in place of the first three, as before the step of that name
            in table 3.
        norm_auxiliary: ``False`` leaves the auxiliary head's fully connected layer without batch normalisation, as
            before the last step of table 3 (BN auxiliary).
        reduction_counts: ``True``: of "5x Inception" the first is the reduction, and four modules follow it, as in the
            release. ``False``: five follow it, as section 6 says, and the parameters are more than the paper's 25
            million.
        receptive_field: 151 takes the stride from the first convolution, 79 the first pooling too, so that a smaller
            image costs about as much (section 9, table 2). It is also the image's size.
        count_padding: as in `inception_v3`.

    Raises:
        UsageError: an option has a value that is none of these.
    """
    check_choice("factorised_7x7", factorised_7x7, (True, False))
    check_choice("norm_auxiliary", norm_auxiliary, (True, False))
    check_choice("reduction_counts", reduction_counts, (True, False))
    check_choice("receptive_field", receptive_field, (299, 151, 79))
    check_choice("count_padding", count_padding, (True, False))
    average = _average(count_padding)
    widths = (128, 160, 160, 192) if reduction_counts else (128, 160, 160, 160, 192)
    last = f"figure6_{len(widths)}"
    return Design(
        rows=rows(
            **_first_rows(factorised_7x7, stride=2 if receptive_field == 299 else 1),  # 64 x 147 x 147
            **({} if receptive_field == 79 else {"pool1": max_pool(3, stride=2)}),  # 64 x 73 x 73
            conv4=valid(80, 3),  # 80 x 71 x 71
            conv5=valid(192, 3, stride=2),  # 192 x 35 x 35
            conv6=same(288, 3),  # 288 x 35 x 35
            **_numbered("figure5", [_module_35(average, 64, THREE_BY_THREE)] * 3),  # 288 x 35 x 35
            reduction1=_to_17(),  # 768 x 17 x 17
            **_numbered("figure6", [_module_17(average, width, (ALONG, DOWN)) for width in widths]),  # 768 x 17 x 17
            reduction2=_to_8(),  # 1280 x 8 x 8
            **_numbered("figure7", [_module_8(average)] * 2),  # 2048 x 8 x 8
            average=global_average_pool(),  # 2048
            fc=linear(),  # classes
        ),
        aux={last: aux_head(valid if norm_auxiliary else partial(conv_relu, padding=0))},
        input_shape=(3, receptive_field, receptive_field),
        num_classes=1000,
        initialise=_first_weights(last),
    )


def _first_rows(factorised: bool, *, stride: int) -> Mapping[str, Row]:
    if not factorised:
        return rows(conv1=valid(64, 7, stride=stride))  # 64 x 147 x 147
    return rows(
        conv1=valid(32, 3, stride=stride),  # 32 x 149 x 149
        conv2=valid(32, 3),  # 32 x 147 x 147
        conv3=same(64, 3),  # 64 x 147 x 147
    )


def _numbered(name: str, modules: Sequence[Row]) -> Mapping[str, Row]:
    return {f"{name}_{number}": module for number, module in enumerate(modules, start=1)}


def _average(count_padding: bool) -> Row:
    return average_pool(3, stride=1, padding=1, count_padding=count_padding)


def _module_35(average: Row, projection: int, second: Mapping[str, Row]) -> Row:
    """A module on 35x35 pixels: GoogLeNet's, with two 3x3 in place of its 5x5 (figure 5)."""
    return branches(
        one_by_one=same(64, 1),
        **second,
        double_three_by_three=sequence(conv1=same(64, 1), conv2=same(96, 3), conv3=same(96, 3)),
        pool=sequence(average=average, project=same(projection, 1)),
    )


def _to_17() -> Row:
    """From 35x35 to 17x17 pixels: convolutions and pooling of stride 2 side by side (figure 10)."""
    return branches(
        three_by_three=valid(384, 3, stride=2),
        double_three_by_three=sequence(conv1=same(64, 1), conv2=same(96, 3), conv3=valid(96, 3, stride=2)),
        pool=max_pool(3, stride=2),
    )


def _module_17(average: Row, width: int, order: tuple[Pair, Pair]) -> Row:
    """A module on 17x17 pixels: 7x7 convolutions as pairs of 1x7 and 7x1 (figure 6).

    Args:
        average: the pooling.
        width: channels inside the branches.
        order: in which 1x7 and 7x1 follow each other in the longer branch.
    """
    first, second = order
    return branches(
        one_by_one=same(192, 1),
        seven_by_seven=sequence(conv1=same(width, 1), conv2=same(width, ALONG), conv3=same(192, DOWN)),
        double_seven_by_seven=sequence(
            conv1=same(width, 1),
            conv2=same(width, first),
            conv3=same(width, second),
            conv4=same(width, first),
            conv5=same(192, second),
        ),
        pool=sequence(average=average, project=same(192, 1)),
    )


def _to_8() -> Row:
    """From 17x17 to 8x8 pixels (figure 10)."""
    return branches(
        three_by_three=sequence(conv1=same(192, 1), conv2=valid(320, 3, stride=2)),
        seven_and_three=sequence(
            conv1=same(192, 1), conv2=same(192, ALONG), conv3=same(192, DOWN), conv4=valid(192, 3, stride=2)
        ),
        pool=max_pool(3, stride=2),
    )


def _module_8(average: Row) -> Row:
    """A module on 8x8 pixels: 1x3 and 3x1 side by side, for more filters (figure 7)."""
    split = branches(one_by_three=same(384, (1, 3)), three_by_one=same(384, (3, 1)))
    return branches(
        one_by_one=same(320, 1),
        three_by_three=sequence(conv1=same(384, 1), split=split),
        double_three_by_three=sequence(conv1=same(448, 1), conv2=same(384, 3), split=split),
        pool=sequence(average=average, project=same(192, 1)),
    )


def _first_weights(aux: str) -> Initialise:
    """The release's rule: truncated normal of deviation 0.1, less in the auxiliary head on the row ``aux``."""
    return truncated_normal(0.1, {f"aux.{aux}.conv2.convolution": 0.01, f"aux.{aux}.fc": 0.001})
