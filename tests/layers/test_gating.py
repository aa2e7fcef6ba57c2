"""Gated units beside the plainest way of writing them."""

import pytest
import torch
from torch import nn

from classicnets.layers.gating import GatedResidual

BRANCH = nn.Conv2d(4, 4, 3, padding=1)
GATE = nn.Conv2d(4, 4, 1)


def plainly(images: torch.Tensor, *, exclusive: bool) -> torch.Tensor:
    gate = 1 / (1 + (-GATE(images)).exp())
    branch = gate * BRANCH(images) if exclusive else BRANCH(images)
    weighed: torch.Tensor = branch + (1 - gate) * 3 * images
    return weighed.relu()


class Thrice(nn.Module):
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return 3 * inputs


@pytest.mark.parametrize("exclusive", [True, False])
def test_the_gate_weighs_the_shortcut_and_only_an_exclusive_one_the_branch(exclusive: bool) -> None:
    ours = torch.randn(2, 4, 6, 5, generator=torch.manual_seed(0)).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    left = GatedResidual(BRANCH, Thrice(), GATE, exclusive=exclusive)(ours)
    right = plainly(theirs, exclusive=exclusive)
    torch.testing.assert_close(left, right)
    torch.autograd.backward(left.square().sum())
    torch.autograd.backward(right.square().sum())
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_branch_shortcut_and_gate_read_what_leaves_before() -> None:
    images = torch.randn(2, 4, 6, 5, generator=torch.manual_seed(0))
    unit = GatedResidual(BRANCH, nn.Identity(), GATE, exclusive=True, before=Thrice(), after=nn.Identity())
    gate = GATE(3 * images).sigmoid()
    torch.testing.assert_close(unit(images), gate * BRANCH(3 * images) + (1 - gate) * 3 * images)


@pytest.mark.parametrize(("bias", "kept"), [(-100.0, 1.0), (100.0, 0.0)])
def test_the_bias_opens_and_shuts_the_shortcut(bias: float, kept: float) -> None:
    gate = nn.Conv2d(4, 4, 1)
    nn.init.constant_(gate.bias, bias)  # type: ignore[arg-type]  # a convolution has a bias unless told otherwise
    images = torch.randn(2, 4, 6, 5, generator=torch.manual_seed(0))
    unit = GatedResidual(BRANCH, nn.Identity(), gate, exclusive=False, after=nn.Identity())
    torch.testing.assert_close(unit(images), BRANCH(images) + kept * images)
    exclusive = GatedResidual(BRANCH, nn.Identity(), gate, exclusive=True, after=nn.Identity())
    torch.testing.assert_close(exclusive(images), images if kept else BRANCH(images))
