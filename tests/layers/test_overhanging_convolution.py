"""The convolution that rounds up, beside zeros that are put there by hand."""

import math

import pytest
import torch
import torch.nn.functional as F

from classicnets.layers.overhanging_convolution import OverhangingConvolution


@pytest.fixture
def layer() -> OverhangingConvolution:
    torch.manual_seed(0)
    return OverhangingConvolution(3, 4, 11, stride=4)


@pytest.mark.parametrize(("side", "leaves"), [(11, 1), (12, 2), (15, 2), (16, 3), (223, 54), (224, 55), (227, 55)])
def test_the_size_is_rounded_up(layer: OverhangingConvolution, side: int, leaves: int) -> None:
    assert leaves == 1 + math.ceil((side - 11) / 4)
    wide = layer(torch.randn(1, 3, 11, side))
    high = layer(torch.randn(1, 3, side, 11))
    assert wide.shape == (1, 4, 1, leaves)
    assert high.shape == (1, 4, leaves, 1)


def test_the_last_windows_see_zeros_at_the_right_and_the_bottom(layer: OverhangingConvolution) -> None:
    images = torch.randn(2, 3, 20, 33)
    expected = F.conv2d(F.pad(images, (0, 2, 0, 3)), layer.weight, layer.bias, stride=4)
    assert torch.equal(layer(images), expected)


def test_where_windows_fit_it_is_a_plain_convolution(layer: OverhangingConvolution) -> None:
    images = torch.randn(2, 3, 19, 35)
    assert torch.equal(layer(images), F.conv2d(images, layer.weight, layer.bias, stride=4))


def test_gradients_reach_the_pixels_under_the_overhang(layer: OverhangingConvolution) -> None:
    images = torch.randn(1, 3, 12, 12, requires_grad=True)
    layer(images)[..., -1, -1].sum().backward()
    assert images.grad is not None
    assert images.grad[..., -1, -1].all()
    assert not images.grad[..., :4, :].any()
