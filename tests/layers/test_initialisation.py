"""First weights, beside the papers' rules."""

import pytest
import torch
from torch import nn

import classicnets as cn
from classicnets.layers.initialisation import he, initialise, uniform_by_fan_in
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


@pytest.mark.parametrize("rule", [he, uniform_by_fan_in])
def test_a_layer_that_no_rule_knows_is_an_error(rule: object) -> None:
    assert callable(rule)
    with pytest.raises(TypeError, match="no rule says how GRUCell is initialised"):
        initialise(nn.Sequential(nn.GRUCell(2, 2)), rule)
