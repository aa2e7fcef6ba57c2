"""First weights, beside the papers' rules."""

from statistics import NormalDist

import pytest
import torch
from torch import nn

import classicnets as cn
from classicnets.layers.initialisation import he, initialise, truncated_normal, uniform_by_fan_in
from classicnets.layers.sparse_convolution import SparseConvolution
from classicnets.layers.subsampling import Subsampling


def test_he_draws_with_variance_two_by_fan_in() -> None:
    torch.manual_seed(0)
    network = cn.create("resnet20_cifar", shortcut="B")
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d) and module.weight.numel() > 2000:
            fan_in = module.weight[0].numel()
            assert module.weight.var().item() == pytest.approx(2 / fan_in, rel=0.1), name
            assert abs(module.weight.mean().item()) < 3 * (2 / fan_in / module.weight.numel()) ** 0.5, name
        if isinstance(module, nn.BatchNorm2d):
            assert (module.weight == 1).all()
            assert (module.bias == 0).all()
            assert module.running_var is not None
            assert torch.equal(module.running_var, torch.ones(module.num_features))
        if isinstance(module, nn.Linear):
            assert module.weight.var().item() == pytest.approx(2 / 64, rel=0.2)
            assert (module.bias == 0).all()


def test_lenet5_draws_evenly_up_to_2_4_by_fan_in() -> None:
    torch.manual_seed(0)
    network = cn.create("lenet5")
    for row, fan_in in {"C1.convolution": 25, "C5.convolution": 400, "F6.linear": 120}.items():
        weight = network.get_parameter(f"{row}.weight")
        assert weight.abs().max() <= 2.4 / fan_in
        assert weight.abs().max() > 0.95 * 2.4 / fan_in
        assert weight.var().item() == pytest.approx((2.4 / fan_in) ** 2 / 3, rel=0.2)
        assert network.get_parameter(f"{row}.bias").abs().max() <= 2.4 / fan_in


def test_the_fan_in_of_a_sparse_map_is_what_it_reads() -> None:
    layer = SparseConvolution(6, (*[(0,)] * 20, *[(0, 1, 2, 3, 4, 5)] * 20), 5)
    initialise(layer, uniform_by_fan_in)
    narrow, wide = layer.weight[:20].abs().max(), layer.weight[20:].abs().max()
    assert 0.95 * 2.4 / 25 < narrow <= 2.4 / 25
    assert 0.95 * 2.4 / 150 < wide <= 2.4 / 150
    assert layer.bias[20:].abs().max() <= 2.4 / 150


def test_a_subsampling_unit_reads_four_pixels() -> None:
    layer = Subsampling(500)
    initialise(layer, uniform_by_fan_in)
    for drawn in (layer.coefficient, layer.bias):
        assert 0.95 * 0.6 < drawn.abs().max() <= 0.6


def test_a_truncated_normal_is_a_normal_without_its_tails() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(1000, 1000)
    initialise(layer, truncated_normal(0.1))
    values = (layer.weight / 0.1).flatten().double()
    assert 1.999 < values.abs().max() < 2.00001
    # The distribution function at some points; the error of a share of a million values is at most 0.0005.
    below, beyond = NormalDist().cdf(-2), NormalDist().cdf(2)
    for point in (-1.8, -1.5, -1.0, -0.3, 0.0, 0.3, 1.0, 1.5, 1.8):
        expected = (NormalDist().cdf(point) - below) / (beyond - below)
        assert (values < point).double().mean().item() == pytest.approx(expected, abs=0.002), point
    assert values.mean().item() == pytest.approx(0, abs=0.004)
    assert values.var().item() == pytest.approx(0.7737, abs=0.004)
    assert (layer.bias == 0).all()


def test_a_truncated_normal_can_have_another_deviation_at_a_path() -> None:
    torch.manual_seed(0)
    wide, norm, narrow = nn.Conv2d(8, 64, 3, bias=False), nn.BatchNorm2d(64), nn.Linear(50, 50)
    initialise(nn.Sequential(wide, norm, narrow), truncated_normal(0.1, {"aux.2": 0.001}), path="aux")
    assert 0.19 < wide.weight.abs().max() <= 0.2 * 1.00001
    assert 0.0019 < narrow.weight.abs().max() <= 0.002 * 1.00001
    assert (norm.weight == 1).all()


@pytest.mark.parametrize("rule", [he, truncated_normal(0.1), uniform_by_fan_in])
def test_a_layer_that_no_rule_knows_is_an_error(rule: object) -> None:
    assert callable(rule)
    with pytest.raises(TypeError, match="no rule says how 0, a GRUCell, is initialised"):
        initialise(nn.Sequential(nn.GRUCell(2, 2)), rule)
