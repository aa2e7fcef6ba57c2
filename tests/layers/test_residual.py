"""Shortcuts and the sum, beside the plainest way of writing them."""

import pytest
import torch
from torch import nn

from classicnets.layers.residual import PaddedShortcut, Residual


def sliced_and_padded(images: torch.Tensor, extra: int, stride: int) -> torch.Tensor:
    picked = images[:, :, ::stride, ::stride]
    before = picked.new_zeros(len(picked), extra // 2, *picked.shape[2:])
    after = picked.new_zeros(len(picked), extra - extra // 2, *picked.shape[2:])
    return torch.cat([before, picked, after], dim=1)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("extra", [0, 5, 16])
@pytest.mark.parametrize("size", [(8, 8), (7, 5), (1, 1)])
def test_option_a_is_slicing_and_zeros_exactly(stride: int, extra: int, size: tuple[int, int]) -> None:
    ours = torch.randn(2, 16, *size, generator=torch.manual_seed(0)).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    left = PaddedShortcut(extra, stride)(ours)
    right = sliced_and_padded(theirs, extra, stride)
    assert torch.equal(left, right)
    weights = torch.randn(left.shape, generator=torch.manual_seed(1))
    torch.autograd.backward((left * weights).sum())
    torch.autograd.backward((right * weights).sum())
    assert ours.grad is not None
    assert theirs.grad is not None
    assert torch.equal(ours.grad, theirs.grad)


def test_option_a_keeps_what_is_not_finite() -> None:
    images = torch.tensor([[[[float("inf"), 1.0], [2.0, 3.0]]]])
    assert PaddedShortcut(0, 2)(images).item() == float("inf")


def test_the_gradient_of_option_a_stays_channels_last() -> None:
    images = torch.randn(2, 16, 8, 8).to(memory_format=torch.channels_last).requires_grad_()
    out = PaddedShortcut(16, 2)(images)
    assert out.is_contiguous(memory_format=torch.channels_last)
    weights = torch.randn(out.shape).to(memory_format=torch.channels_last)
    (gradient,) = torch.autograd.grad(out, images, weights)
    assert gradient.is_contiguous(memory_format=torch.channels_last)


def test_a_residual_is_relu_of_the_sum_and_leaves_its_input_alone() -> None:
    branch = nn.Conv2d(4, 4, 3, padding=1)
    images = torch.randn(2, 4, 6, 6)
    before = images.clone()
    assert torch.equal(Residual(branch, nn.Identity())(images), (branch(images) + images).relu())
    assert torch.equal(images, before)


def test_the_gradient_of_a_residual_is_that_of_the_plain_formula() -> None:
    branch = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4))
    ours = torch.randn(3, 4, 6, 6).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    torch.autograd.backward(Residual(branch, nn.Identity())(ours).square().sum())
    torch.autograd.backward((branch(theirs) + theirs).relu().square().sum())
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_what_stands_before_is_shared_and_what_stands_after_takes_the_sum() -> None:
    branch, before, after = nn.Conv2d(4, 4, 3, padding=1), nn.Tanh(), nn.Sigmoid()
    images = torch.randn(2, 4, 6, 6)
    shared = images.tanh()
    expected = (branch(shared) + shared).sigmoid()
    torch.testing.assert_close(Residual(branch, nn.Identity(), before=before, after=after)(images), expected)
