"""Networks of stochastic depth beside Huang et al. (ECCV 2016): the weights of a ResNet, fewer layers in training."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F

import classicnets as cn
from classicnets.errors import UsageError
from classicnets.inspection.inspection import inspect
from classicnets.layers.stochastic_depth import StochasticResidual
from classicnets.networks import build
from classicnets.networks.chain import Chain
from tests.networks.counting import macs_by_module


def survivals(network: Chain) -> list[float]:
    return [module.survival for module in network.modules() if isinstance(module, StochasticResidual)]


@pytest.mark.parametrize(("depth", "parameters"), [(110, 1_727_962), (1202, 19_421_274)])
def test_it_holds_what_the_residual_network_holds(depth: int, parameters: int) -> None:
    network = build(f"stochastic_depth_resnet{depth}_cifar")
    assert inspect(network).parameters == parameters
    assert list(network.state_dict()) == list(build(f"resnet{depth}_cifar").state_dict())
    assert len(survivals(network)) == (depth - 2) // 2


def test_its_layers_compute_what_those_of_the_residual_network_do() -> None:
    assert sum(macs_by_module(build("stochastic_depth_resnet110_cifar")).values()) == 252_887_680


def test_survival_falls_linearly_over_all_blocks() -> None:
    found = survivals(build("stochastic_depth_resnet110_cifar"))
    assert found == pytest.approx([1 - number / 54 * 0.5 for number in range(1, 55)])
    assert sum(found) == pytest.approx((3 * 54 - 1) / 4)
    assert survivals(build("stochastic_depth_resnet8_cifar", survival=0.1)) == pytest.approx([0.7, 0.4, 0.1])


def test_where_the_shape_changes_the_shortcut_is_the_mean_of_pixels_and_zeros() -> None:
    shortcut = cn.create("stochastic_depth_resnet8_cifar").get_submodule("conv3_1.shortcut")
    arrives = torch.randn(2, 16, 32, 32, generator=torch.manual_seed(0))
    expected = torch.zeros(2, 32, 16, 16)
    expected[:, 8:24] = F.avg_pool2d(arrives, 2)
    assert torch.equal(shortcut(arrives), expected)
    assert not list(shortcut.parameters())


def test_the_mean_of_pixels_leaves_out_what_lies_beyond_an_odd_map() -> None:
    shortcut = cn.create("stochastic_depth_resnet8_cifar").get_submodule("conv3_1.shortcut")
    means = shortcut(torch.ones(1, 16, 7, 5))
    assert means.shape == (1, 32, 4, 3)
    assert torch.equal(means[:, 8:24], torch.ones(1, 16, 4, 3))


def test_with_option_a_it_tests_as_the_residual_network_whose_branches_count_less() -> None:
    torch.manual_seed(0)
    stochastic = cn.create("stochastic_depth_resnet14_cifar", shortcut="A").eval()
    plain = cn.create("resnet14_cifar").eval()
    plain.load_state_dict(stochastic.state_dict())
    blocks = [row for row in plain.rows if row not in ("conv1", "average", "fc")]
    for number, row in enumerate(blocks, start=1):
        norm = plain.get_submodule(f"{row}.branch.norm2")
        assert isinstance(norm, torch.nn.BatchNorm2d)
        with torch.no_grad():
            norm.weight.mul_(1 - number / 6 * 0.5)
            norm.bias.mul_(1 - number / 6 * 0.5)
    images = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(stochastic(images), plain(images))


def test_training_runs_fewer_layers_by_chance() -> None:
    network = cn.create("stochastic_depth_resnet20_cifar").train()
    images = torch.randn(2, 3, 32, 32)
    trained = set()
    for seed in range(6):
        torch.manual_seed(seed)
        network.zero_grad()
        torch.autograd.backward(F.cross_entropy(network(images), torch.tensor([3, 8])))
        parts = {"first": "conv1.convolution.weight", "last": "conv4_3.branch.conv2.weight", "fc": "fc.weight"}
        trained.add(tuple(part for part, path in parts.items() if network.get_parameter(path).grad is not None))
    assert trained == {("first", "fc"), ("first", "last", "fc")}


def test_drawn_for_each_image_every_layer_runs() -> None:
    network = cn.create("stochastic_depth_resnet8_cifar", drop="sample").train()
    torch.autograd.backward(F.cross_entropy(network(torch.randn(2, 3, 32, 32)), torch.tensor([3, 8])))
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_a_resnet_of_imagenet_takes_it_as_an_option() -> None:
    network = build("resnet50", stochastic_depth=0.5)
    assert survivals(network) == pytest.approx([1 - number / 16 * 0.5 for number in range(1, 17)])
    assert list(network.state_dict()) == list(build("resnet50").state_dict())
    assert {module.drop for module in network.modules() if isinstance(module, StochasticResidual)} == {"batch"}
    assert survivals(build("resnet50")) == []


@pytest.mark.parametrize("side", [1, 33])
def test_images_of_any_size_pass(side: int) -> None:
    assert build("stochastic_depth_resnet8_cifar")(torch.empty(2, 3, side, side, device="meta")).shape == (2, 10)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("stochastic_depth_resnet111_cifar", {}, "6n + 2, n at least 1: take 110 or 116"),
        ("stochastic_depth_resnet110_cifar", {"survival": 1.5}, "must be a number from 0 to 1, not 1.5"),
        ("stochastic_depth_resnet110_cifar", {"survival": "half"}, "must be a number from 0 to 1, not 'half'"),
        ("stochastic_depth_resnet110_cifar", {"survival": True}, "must be a number from 0 to 1, not True"),
        ("stochastic_depth_resnet110_cifar", {"drop": "layer"}, "drop must be batch or sample, not 'layer'"),
        ("resnet50", {"stochastic_depth": -0.5}, "must be a number from 0 to 1, not -0.5"),
        ("resnet50", {"stochastic_depth": 0.5, "drop": None}, "drop must be batch or sample, not None"),
        ("resnet50", {"drop": "sample"}, "drop='sample' needs stochastic_depth"),
    ],
)
def test_a_wrong_option_is_named_in_one_line(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        build(name, **options)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
