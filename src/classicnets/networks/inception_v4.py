"""Inception-v4 (Szegedy, Ioffe, Vanhoucke, Alemi, AAAI 2017, figures 3-9): 42,679,816 parameters, 12.25 G MACs.

What the Inception-ResNets of the same paper share with it stands here too.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from classicnets.errors import UsageError, check_choice
from classicnets.networks.chain import Design, Row, rows
from classicnets.networks.inception_rows import aux_head, same, valid
from classicnets.networks.rows import (
    Pair,
    average_pool,
    branches,
    dropout,
    global_average_pool,
    linear,
    max_pool,
    sequence,
)

Order = Literal["figures", "release"]
"""Whose order of 1xn and nx1 convolutions: the figures of the paper, or the authors' release."""


def inception_v4(*, blocks: Sequence[int] = (4, 7, 3), order: Order = "figures", aux: bool = False) -> Design:
    """Inception-v4 as figure 9 draws it.

    Args:
        blocks: how many times Inception-A, B and C stand one after the other.
        order: of the 1x7 and 7x1 convolutions in the stem and the long branches of B, of 1x3 and 3x1 in those of C.
            The released weights, timm's among them, need ``release``; the number of parameters is the same.
        aux: hang the release's auxiliary head from the last Inception-B; the paper's figures have none.
    """
    a, b, c = check_blocks(blocks)
    check_choice("order", order, get_args(Order))
    return Design(
        rows=rows(
            **stem(order),  # 384 x 35 x 35
            **repeat("inception_a", a, _inception_a()),  # 384 x 35 x 35
            reduction_a=reduction_a(192, 224, 256, 384),  # 1024 x 17 x 17
            **repeat("inception_b", b, _inception_b(order)),  # 1024 x 17 x 17
            reduction_b=_reduction_b(),  # 1536 x 8 x 8
            **repeat("inception_c", c, _inception_c(order)),  # 1536 x 8 x 8
            average=global_average_pool(),  # 1536
            dropout=dropout(0.2),  # 1536
            fc=linear(),  # classes
        ),
        aux=aux_heads(aux, f"inception_b_{b}"),
        input_shape=(3, 299, 299),
        num_classes=1000,
    )


def stem(order: Order) -> Mapping[str, Row]:
    """Figure 3: the input of Inception-v4 and of Inception-ResNet-v2."""
    second, first = _factors(7, order)
    return rows(
        conv1=valid(32, 3, stride=2),  # 32 x 149 x 149
        conv2=valid(32, 3),  # 32 x 147 x 147
        conv3=same(64, 3),  # 64 x 147 x 147
        mixed_3a=branches(pool=max_pool(3, stride=2), three_by_three=valid(96, 3, stride=2)),  # 160 x 73 x 73
        mixed_4a=branches(
            short=sequence(reduce=same(64, 1), conv1=valid(96, 3)),
            long=sequence(reduce=same(64, 1), conv1=same(64, first), conv2=same(64, second), conv3=valid(96, 3)),
        ),  # 192 x 71 x 71
        mixed_5a=branches(three_by_three=valid(192, 3, stride=2), pool=max_pool(3, stride=2)),  # 384 x 35 x 35
    )


def reduction_a(k: int, l: int, m: int, n: int) -> Row:  # noqa: E741  table 1 calls them so
    """Figure 7: from 35x35 to 17x17 pixels, with the filters of table 1."""
    return branches(
        three_by_three=valid(n, 3, stride=2),
        long=sequence(reduce=same(k, 1), conv1=same(l, 3), conv2=valid(m, 3, stride=2)),
        pool=max_pool(3, stride=2),
    )


def pooled(channels: int) -> Row:
    """The branch of average pooling; its mean is of the pixels that exist, as in the release."""
    average = average_pool(3, stride=1, padding=1, count_padding=False)
    return sequence(average=average, project=same(channels, 1))


def repeat(name: str, count: int, block: Row) -> Mapping[str, Row]:
    """The same block as ``count`` rows, numbered from 1."""
    return {f"{name}_{number}": block for number in range(1, count + 1)}


def aux_heads(wanted: bool, row: str) -> Mapping[str, Row]:
    """The release's auxiliary head under the row it hangs from, where it is wanted."""
    check_choice("aux", wanted, (True, False))
    return {row: aux_head()} if wanted else {}


def check_blocks(blocks: Sequence[int]) -> tuple[int, int, int]:
    """How many blocks A, B and C there are.

    Raises:
        UsageError: not three whole numbers of at least 1.
    """
    counts = tuple(blocks) if isinstance(blocks, Sequence) else ()
    if len(counts) != 3 or not all(type(count) is int and count >= 1 for count in counts):
        raise UsageError(f"blocks must be three whole numbers of at least 1, of A, B and C, not {blocks!r}")
    a, b, c = counts
    return a, b, c


def _inception_a() -> Row:
    """Figure 4, on 35x35 pixels."""
    return branches(
        one_by_one=same(96, 1),
        short=sequence(reduce=same(64, 1), conv1=same(96, 3)),
        long=sequence(reduce=same(64, 1), conv1=same(96, 3), conv2=same(96, 3)),
        pool=pooled(96),
    )  # 384


def _inception_b(order: Order) -> Row:
    """Figure 5, on 17x17 pixels; its third branch prints 1x7 twice, the second stands for 7x1."""
    first, second = _factors(7, order)
    return branches(
        one_by_one=same(384, 1),
        short=sequence(reduce=same(192, 1), conv1=same(224, (1, 7)), conv2=same(256, (7, 1))),
        long=sequence(
            reduce=same(192, 1),
            conv1=same(192, first),
            conv2=same(224, second),
            conv3=same(224, first),
            conv4=same(256, second),
        ),
        pool=pooled(128),
    )  # 1024


def _reduction_b() -> Row:
    """Figure 8: from 17x17 to 8x8 pixels."""
    return branches(
        short=sequence(reduce=same(192, 1), conv1=valid(192, 3, stride=2)),
        long=sequence(
            reduce=same(256, 1),
            conv1=same(256, (1, 7)),
            conv2=same(320, (7, 1)),
            conv3=valid(320, 3, stride=2),
        ),
        pool=max_pool(3, stride=2),
    )  # 1536


def _inception_c(order: Order) -> Row:
    """Figure 6, on 8x8 pixels."""
    first, second = _factors(3, order)
    split = branches(one_by_three=same(256, (1, 3)), three_by_one=same(256, (3, 1)))
    return branches(
        one_by_one=same(256, 1),
        short=sequence(reduce=same(384, 1), split=split),
        long=sequence(reduce=same(384, 1), conv1=same(448, first), conv2=same(512, second), split=split),
        pool=pooled(256),
    )  # 1536


def _factors(length: int, order: Order) -> tuple[Pair, Pair]:
    """1xn then nx1, as the long branches of figures 5 and 6 have them, or the other way round."""
    along, down = (1, length), (length, 1)
    return (along, down) if order == "figures" else (down, along)
