"""Branches side by side, joined by hand."""

import pytest
import torch
from torch import nn

from classicnets.layers.branches import Branches
from classicnets.networks.chain import Site
from classicnets.networks.rows import branches, conv_relu, identity, max_pool

IMAGES = torch.randn(2, 3, 8, 6, generator=torch.manual_seed(0))


def test_the_outputs_are_joined_in_the_order_written() -> None:
    layers = {"wide": nn.Conv2d(3, 4, 3, padding=1), "all": nn.Identity(), "narrow": nn.Conv2d(3, 1, 1)}
    joined = Branches(layers)(IMAGES)
    assert joined.shape == (2, 4 + 3 + 1, 8, 6)
    assert torch.equal(joined, torch.cat([layer(IMAGES) for layer in layers.values()], dim=1))


def test_each_branch_is_found_under_its_name() -> None:
    module = Branches({"one_by_one": nn.Conv2d(3, 4, 1), "pool": nn.MaxPool2d(3, 1, 1)})
    assert [name for name, _ in module.named_children()] == ["one_by_one", "pool"]
    assert set(module.state_dict()) == {"one_by_one.weight", "one_by_one.bias"}


def test_every_branch_gets_gradients() -> None:
    module = Branches({"first": nn.Conv2d(3, 2, 1), "second": nn.Conv2d(3, 2, 3, padding=1)})
    torch.autograd.backward(module(IMAGES).square().sum())
    for parameter in module.parameters():
        assert parameter.grad is not None
        assert parameter.grad.any()


def test_as_a_row_it_adds_up_the_channels() -> None:
    row = branches(one_by_one=conv_relu(5, 1), three_by_three=conv_relu(7, 3), pool=max_pool(3, stride=1, padding=1))
    module, out = row(Site(3, 8, 6, 10))
    assert out.shape == (5 + 7 + 3, 8, 6)
    assert module(IMAGES).shape == (2, 15, 8, 6)


def test_branches_of_different_sizes_are_no_row() -> None:
    with pytest.raises(AssertionError, match=r"branches give maps of \[\(4, 3\), \(8, 6\)\]"):
        branches(all=identity(), pool=max_pool(2, stride=2))(Site(3, 8, 6, 10))
