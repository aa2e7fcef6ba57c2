"""Blocks that training leaves out by chance, beside the formulas of Huang et al. (ECCV 2016)."""

import pytest
import torch
from torch import nn

from classicnets.layers.residual import PaddedShortcut, Residual
from classicnets.layers.stochastic_depth import Drop, StochasticResidual, linear_decay

IMAGES = torch.randn(64, 4, 6, 6, generator=torch.manual_seed(0))


def branch() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4))


def block(survival: float, drop: Drop = "batch", shortcut: nn.Module | None = None) -> StochasticResidual:
    return StochasticResidual(branch(), shortcut or nn.Identity(), survival=survival, drop=drop)


@pytest.mark.parametrize("drop", ["batch", "sample"])
def test_a_branch_that_always_survives_is_that_of_a_residual(drop: Drop) -> None:
    assert torch.equal(block(1.0, drop)(IMAGES), Residual(branch(), nn.Identity())(IMAGES))


@pytest.mark.parametrize("drop", ["batch", "sample"])
def test_without_its_branch_a_block_is_relu_of_its_shortcut(drop: Drop) -> None:
    assert torch.equal(block(0.0, drop)(IMAGES), IMAGES.relu())
    padded = block(0.0, drop, PaddedShortcut(0, 1))(IMAGES)
    assert torch.equal(padded, IMAGES.relu())


@pytest.mark.parametrize("drop", ["batch", "sample"])
def test_in_evaluation_the_branch_counts_by_its_survival(drop: Drop) -> None:
    network = block(0.3, drop).eval()
    torch.testing.assert_close(network(IMAGES), (0.3 * network.branch(IMAGES) + IMAGES).relu())
    assert torch.equal(network(IMAGES), network(IMAGES))


def test_a_dropped_branch_is_not_computed() -> None:
    network = block(0.0)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    runs: list[nn.Module] = []
    network.branch.register_forward_hook(lambda module, inputs, output: runs.append(module))
    images = IMAGES.clone().requires_grad_()
    torch.autograd.backward(network(images).sum())
    assert runs == []
    assert all(parameter.grad is None for parameter in network.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert images.grad is not None
    assert torch.equal(images.grad, (IMAGES > 0).float())


@pytest.mark.parametrize("survival", [0.0, 1.0])
@pytest.mark.parametrize("drop", ["batch", "sample"])
def test_blocks_in_a_row_leave_alone_what_the_gradient_needs(survival: float, drop: Drop) -> None:
    first, second = block(1.0), block(survival, drop)
    images = IMAGES.clone()
    torch.autograd.backward(second(first(images)).square().sum())
    assert torch.equal(images, IMAGES)
    assert all(parameter.grad is not None for parameter in first.parameters())


def test_a_batch_is_kept_or_dropped_whole_as_often_as_said() -> None:
    network = block(0.8)
    kept = Residual(branch(), nn.Identity())(IMAGES)
    torch.manual_seed(2)
    outputs = [network(IMAGES) for _ in range(200)]
    survived = [torch.equal(output, kept) for output in outputs]
    assert all(torch.equal(output, kept) != torch.equal(output, IMAGES.relu()) for output in outputs)
    assert 140 <= sum(survived) <= 180  # 160 expected, its deviation is 5.7


def test_each_image_of_a_batch_is_kept_or_dropped_as_often_as_said() -> None:
    network = block(0.8, "sample")
    kept, dropped = Residual(branch(), nn.Identity())(IMAGES), IMAGES.relu()
    torch.manual_seed(2)
    count = 0
    for _ in range(10):
        output = network(IMAGES)
        survived = [torch.equal(found, expected) for found, expected in zip(output, kept, strict=True)]
        gone = [torch.equal(found, expected) for found, expected in zip(output, dropped, strict=True)]
        assert [not there for there in survived] == gone
        count += sum(survived)
    assert 470 <= count <= 554  # 512 expected, its deviation is 10.1


@pytest.mark.parametrize("drop", ["batch", "sample"])
def test_the_seed_decides_what_is_dropped(drop: Drop) -> None:
    network = block(0.5, drop)
    torch.manual_seed(3)
    first = [network(IMAGES) for _ in range(20)]
    torch.manual_seed(3)
    again = [network(IMAGES) for _ in range(20)]
    assert all(torch.equal(left, right) for left, right in zip(first, again, strict=True))
    assert any(not torch.equal(output, first[0]) for output in first)


def test_survival_falls_linearly_to_the_last_block() -> None:
    # Section 3: of the 54 blocks of 110 layers (3 x 54 - 1) / 4 survive on average.
    survival = linear_decay(54, 0.5)
    assert len(survival) == 54
    assert survival[0] == pytest.approx(1 - 0.5 / 54)
    assert survival[26] == pytest.approx(0.75)
    assert survival[-1] == pytest.approx(0.5)
    assert sum(survival) == pytest.approx(40.25)
