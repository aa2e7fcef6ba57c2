"""The product with a constant, alone and at the end of a residual branch."""

import torch
from torch import nn

from classicnets.layers.residual import Residual
from classicnets.layers.scaling import Scaling


def test_every_element_is_multiplied_and_the_input_stays() -> None:
    images = torch.tensor([[-2.0, 0.0, 5.0]])
    assert torch.equal(Scaling(0.1)(images), torch.tensor([[-0.2, 0.0, 0.5]]))
    assert torch.equal(images, torch.tensor([[-2.0, 0.0, 5.0]]))


def test_it_has_nothing_to_learn_and_shows_its_factor() -> None:
    assert Scaling(0.17).state_dict() == {}
    assert repr(Scaling(0.17)) == "Scaling(0.17)"


def test_a_scaled_residual_has_the_gradient_of_the_plain_formula() -> None:
    linear = nn.Conv2d(4, 4, 1)
    ours = torch.randn(2, 4, 3, 3, generator=torch.manual_seed(0)).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    block = Residual(nn.Sequential(linear, Scaling(0.3)), nn.Identity())
    left, right = block(ours), (theirs + 0.3 * linear(theirs)).relu()
    torch.testing.assert_close(left, right)
    torch.autograd.backward(left.square().sum())
    torch.autograd.backward(right.square().sum())
    torch.testing.assert_close(ours.grad, theirs.grad)
