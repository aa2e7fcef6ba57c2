"""How large gradients are, against autograd's own numbers."""

import pytest
import torch
import torch.nn.functional as F

from classicnets.networks import create
from classicnets.training.watch.gradients import gradient_norm, row_gradient_norms, together


def test_the_norms_of_the_rows_are_those_of_their_parameters_and_make_the_whole() -> None:
    torch.manual_seed(0)
    net = create("lenet5")
    F.cross_entropy(net(torch.randn(4, 1, 32, 32)), torch.arange(4)).backward()  # type: ignore[no-untyped-call]
    norms = row_gradient_norms(net)
    assert list(norms) == ["C1", "S2", "C3", "S4", "C5", "F6"]
    squares = dict.fromkeys(norms, 0.0)
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None
        squares[name.split(".")[0]] += float(parameter.grad.double().square().sum())
    for row, norm in norms.items():
        assert float(norm) == pytest.approx(squares[row] ** 0.5, rel=1e-5)
    assert float(gradient_norm(net)) == pytest.approx(sum(squares.values()) ** 0.5, rel=1e-5)
    assert float(together(norms)) == pytest.approx(float(gradient_norm(net)), rel=1e-6)


def test_a_head_that_hangs_from_a_row_is_told_apart_and_a_frozen_row_has_none() -> None:
    net = create("googlenet", num_classes=3)
    net.requires_grad_(False)
    head = dict(net.named_parameters())["aux.inception_4a.fc.bias"]
    head.grad = torch.tensor([3.0, 0.0, 4.0])
    norms = row_gradient_norms(net)
    assert float(norms["aux inception_4a"]) == 5.0
    assert float(norms["inception_4a"]) == 0.0
    assert float(gradient_norm(net)) == 5.0


def test_no_gradients_at_all() -> None:
    assert float(gradient_norm(create("lenet5"))) == 0.0
