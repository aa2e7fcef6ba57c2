"""The Inception-ResNets (Szegedy, Ioffe, Vanhoucke, Alemi, AAAI 2017, figures 10-19), and the one that was released.

Inception-ResNet-v1 has 22,756,328 parameters, v2 as the figures draw it 32,433,928, v2 as released 55,843,464.
"""

from collections.abc import Mapping, Sequence

from classicnets.errors import UsageError
from classicnets.layers.scaling import Scaling
from classicnets.networks.chain import Built, Design, Row, Site, rows
from classicnets.networks.inception_rows import same, valid
from classicnets.networks.inception_v4 import aux_heads, check_blocks, pooled, reduction_a, repeat, stem
from classicnets.networks.rows import (
    branches,
    convolution,
    dropout,
    global_average_pool,
    identity,
    linear,
    max_pool,
    residual,
    sequence,
)


def inception_resnet_v1(*, blocks: Sequence[int] = (5, 10, 5), scale: float | Sequence[float] = 0.1) -> Design:
    """Inception-ResNet-v1 as figure 15 draws it: about the cost of Inception-v3.

    Args:
        blocks: how many times Inception-ResNet-A, B and C stand one after the other.
        scale: what residuals are multiplied by before they are added; one number, or one each for A, B and C.
    """
    a, b, c = check_blocks(blocks)
    scale_a, scale_b, scale_c = check_scale(scale)
    return Design(
        rows=rows(
            **_first_rows(),  # 192 x 71 x 71
            conv6=valid(256, 3, stride=2),  # 256 x 35 x 35
            **repeat("inception_resnet_a", a, _block_a(32, 32, scale=scale_a)),  # 256 x 35 x 35
            reduction_a=reduction_a(192, 192, 256, 384),  # 896 x 17 x 17
            **repeat("inception_resnet_b", b, _block_b(128, 128, 128, scale=scale_b)),  # 896 x 17 x 17
            reduction_b=_reduction_b(256, 256, 256),  # 1792 x 8 x 8
            **repeat("inception_resnet_c", c, _block_c(192, 192, scale=scale_c)),  # 1792 x 8 x 8
            average=global_average_pool(),  # 1792
            dropout=dropout(0.2),  # 1792
            fc=linear(),  # classes
        ),
        input_shape=(3, 299, 299),
        num_classes=1000,
    )


def inception_resnet_v2(
    *, blocks: Sequence[int] = (10, 20, 10), scale: float | Sequence[float] = (0.17, 0.1, 0.2), aux: bool = False
) -> Design:
    """Inception-ResNet-v2 as its authors released it, the network that everybody means by the name.

    Its stem, its widths between blocks and the number of blocks are not those of the paper's figures.

    Args:
        blocks: how many blocks there are on 35x35, 17x17 and 8x8 pixels.
        scale: what residuals are multiplied by before they are added; one number, or one for each of the three
            sizes. The last block is never scaled, and no ReLU follows it.
        aux: hang the release's auxiliary head from the last block on 17x17 pixels.
    """
    a, b, c = check_blocks(blocks)
    scale_a, scale_b, scale_c = check_scale(scale)
    return Design(
        rows=rows(
            **_first_rows(),  # 192 x 71 x 71
            pool2=max_pool(3, stride=2),  # 192 x 35 x 35
            mixed_5b=_mixed_5b(),  # 320 x 35 x 35
            **repeat("block35", a, _block_a(48, 64, scale=scale_a)),  # 320 x 35 x 35
            mixed_6a=reduction_a(256, 256, 384, 384),  # 1088 x 17 x 17
            **repeat("block17", b, _block_b(192, 160, 192, scale=scale_b)),  # 1088 x 17 x 17
            mixed_7a=_reduction_b(288, 288, 320),  # 2080 x 8 x 8
            **repeat("block8", c - 1, _block_c(224, 256, scale=scale_c)),  # 2080 x 8 x 8
            **{f"block8_{c}": _block_c(224, 256, scale=1.0, after=identity())},  # 2080 x 8 x 8
            conv6=same(1536, 1),  # 1536 x 8 x 8
            average=global_average_pool(),  # 1536
            dropout=dropout(0.2),  # 1536
            fc=linear(),  # classes
        ),
        aux=aux_heads(aux, f"block17_{b}"),
        input_shape=(3, 299, 299),
        num_classes=1000,
    )


def inception_resnet_v2_paper(*, blocks: Sequence[int] = (5, 10, 5), scale: float | Sequence[float] = 0.1) -> Design:
    """Inception-ResNet-v2 as figure 15 draws it, where its widths can be added.

    Figures 17 and 19 end their residuals in 1154 and 2048 filters; 1152 and 2144 arrive, and so many leave.

    Args:
        blocks: how many times Inception-ResNet-A, B and C stand one after the other.
        scale: what residuals are multiplied by before they are added; one number, or one each for A, B and C.
    """
    a, b, c = check_blocks(blocks)
    scale_a, scale_b, scale_c = check_scale(scale)
    return Design(
        rows=rows(
            **stem("figures"),  # 384 x 35 x 35
            **repeat("inception_resnet_a", a, _block_a(48, 64, scale=scale_a)),  # 384 x 35 x 35
            reduction_a=reduction_a(256, 256, 384, 384),  # 1152 x 17 x 17
            **repeat("inception_resnet_b", b, _block_b(192, 160, 192, scale=scale_b)),  # 1152 x 17 x 17
            reduction_b=_reduction_b(288, 288, 320),  # 2144 x 8 x 8
            **repeat("inception_resnet_c", c, _block_c(224, 256, scale=scale_c)),  # 2144 x 8 x 8
            average=global_average_pool(),  # 2144
            dropout=dropout(0.2),  # 2144
            fc=linear(),  # classes
        ),
        input_shape=(3, 299, 299),
        num_classes=1000,
    )


def check_scale(scale: float | Sequence[float]) -> tuple[float, float, float]:
    """The scales of the residuals of the blocks A, B and C.

    Raises:
        UsageError: neither a number above 0 and at most 1, nor three of them.
    """
    scales = tuple(scale) if isinstance(scale, Sequence) else (scale,) * 3
    numbers = [each for each in scales if isinstance(each, int | float) and not isinstance(each, bool)]
    if len(scales) != 3 or len(numbers) != 3 or not all(0 < each <= 1 for each in numbers):
        raise UsageError(f"scale must be a number above 0 and at most 1, or three of A, B and C, not {scale!r}")
    a, b, c = scales
    return a, b, c


def _first_rows() -> Mapping[str, Row]:
    """Figure 14 up to its last convolution but one; the release begins so too."""
    return rows(
        conv1=valid(32, 3, stride=2),  # 32 x 149 x 149
        conv2=valid(32, 3),  # 32 x 147 x 147
        conv3=same(64, 3),  # 64 x 147 x 147
        pool1=max_pool(3, stride=2),  # 64 x 73 x 73
        conv4=same(80, 1),  # 80 x 73 x 73
        conv5=valid(192, 3),  # 192 x 71 x 71
    )


def _mixed_5b() -> Row:
    """The Inception module that stands before the release's first residual block."""
    return branches(
        one_by_one=same(96, 1),
        five_by_five=sequence(reduce=same(48, 1), conv1=same(64, 5)),
        long=sequence(reduce=same(64, 1), conv1=same(96, 3), conv2=same(96, 3)),
        pool=pooled(64),
    )  # 320


def _block_a(first: int, second: int, *, scale: float) -> Row:
    """Figures 10 and 16, on 35x35 pixels; ``first`` and ``second`` are the 3x3 convolutions of the long branch."""
    return _block(
        scale,
        one_by_one=same(32, 1),
        short=sequence(reduce=same(32, 1), conv1=same(32, 3)),
        long=sequence(reduce=same(32, 1), conv1=same(first, 3), conv2=same(second, 3)),
    )


def _block_b(one_by_one: int, first: int, second: int, *, scale: float) -> Row:
    """Figures 11 and 17, on 17x17 pixels."""
    return _block(
        scale,
        one_by_one=same(one_by_one, 1),
        long=sequence(reduce=same(128, 1), conv1=same(first, (1, 7)), conv2=same(second, (7, 1))),
    )


def _block_c(first: int, second: int, *, scale: float, after: Row | None = None) -> Row:
    """Figures 13 and 19, on 8x8 pixels."""
    return _block(
        scale,
        after,
        one_by_one=same(192, 1),
        long=sequence(reduce=same(192, 1), conv1=same(first, (1, 3)), conv2=same(second, (3, 1))),
    )


def _reduction_b(second: int, third: int, fourth: int) -> Row:
    """Figures 12 and 18: from 17x17 to 8x8 pixels."""
    return branches(
        first=sequence(reduce=same(256, 1), conv1=valid(384, 3, stride=2)),
        second=sequence(reduce=same(256, 1), conv1=valid(second, 3, stride=2)),
        long=sequence(reduce=same(256, 1), conv1=same(third, 3), conv2=valid(fourth, 3, stride=2)),
        pool=max_pool(3, stride=2),
    )


def _block(scale: float, after: Row | None = None, **ways: Row) -> Row:
    """What arrives plus the scaled residual, then a ReLU or ``after`` (figure 20).

    The residual ends in a 1x1 convolution with biases, without normalisation or activation; it makes as many maps as
    arrive.
    """

    def make(site: Site) -> Built:
        branch = sequence(inception=branches(**ways), linear=convolution(site.channels, 1), scaling=_scaling(scale))
        return residual(branch, identity(), after=after)(site)

    return make


def _scaling(factor: float) -> Row:
    return lambda site: Built(Scaling(factor), site)
