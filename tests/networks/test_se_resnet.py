"""SE networks beside tables 1, 2, 4 and 10 of Hu, Shen, Sun (CVPR 2018) and their journal version."""

from typing import Any

import pytest
import torch
from torch import nn

import classicnets as cn
from classicnets.errors import UsageError
from classicnets.inspection.inspection import inspect
from classicnets.layers.squeeze_excitation import SqueezeExcitation
from classicnets.networks import build
from tests.networks.counting import macs_by_module


def sizes(name: str, **options: Any) -> tuple[int, int]:
    network = build(name, **options)
    return inspect(network).parameters, sum(macs_by_module(network).values())


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("se_resnet50", {}, (28_088_024, 3_860_488_192)),
        ("se_resnet101", {}, (49_326_872, 7_574_937_600)),
        ("se_resnet152", {}, (66_821_848, 11_288_993_792)),
        ("se_resnet50", {"bias": False}, (28_071_976, 3_860_488_192)),
        ("se_resnet50", {"stride_in": "3x3"}, (28_088_024, 4_091_699_200)),
        ("se_resnet50", {"pool_ceil": True}, (28_088_024, 3_860_488_192)),
        ("se_resnext50_32x4d", {}, (27_559_896, 4_232_994_816)),
        ("se_resnext101_32x4d", {}, (48_955_416, 7_974_739_968)),
        ("se_resnet110_cifar", {}, (1_742_200, 252_899_776)),
        ("se_resnet164_cifar", {}, (1_905_362, 244_694_528)),
    ],
)
def test_sizes(name: str, options: dict[str, Any], expected: tuple[int, int]) -> None:
    assert sizes(name, **options) == expected


# Printed in table 10 as 45.7, 35.7, 30.7, 28.1 and 26.9 million, three of which do not round from the count.
@pytest.mark.parametrize(
    ("reduction", "parameters"),
    [(2, 45_676_584), (4, 35_616_808), (8, 30_586_920), (16, 28_071_976), (32, 26_814_504)],
)
def test_the_reductions_of_table_10(reduction: int, parameters: int) -> None:
    assert sizes("se_resnet50", reduction=reduction, bias=False)[0] == parameters


def test_the_extra_parameters_are_those_of_the_formula() -> None:
    # Section 4: 2 / r times the sum over the stages of blocks times channels squared.
    blocks_and_channels = [(3, 256), (4, 512), (6, 1024), (3, 2048)]
    formula = sum(2 * blocks * channels**2 // 16 for blocks, channels in blocks_and_channels)
    assert formula == 2_514_944
    assert sizes("se_resnet50", bias=False)[0] - 25_557_032 == formula
    biases = sum(blocks * (channels + channels // 16) for blocks, channels in blocks_and_channels)
    assert sizes("se_resnet50")[0] - 25_557_032 == formula + biases == 2_530_992


def test_the_hidden_layers_are_those_of_table_1() -> None:
    network = build("se_resnet50")
    found = {
        path.removesuffix(".branch.squeeze_excitation"): (module.reduce.out_features, module.expand.out_features)
        for path, module in network.named_modules()
        if isinstance(module, SqueezeExcitation)
    }
    stages = {"conv2": (3, 16, 256), "conv3": (4, 32, 512), "conv4": (6, 64, 1024), "conv5": (3, 128, 2048)}
    assert found == {
        f"{stage}_{block}": (hidden, channels)
        for stage, (blocks, hidden, channels) in stages.items()
        for block in range(1, blocks + 1)
    }


@pytest.mark.parametrize(
    ("name", "last"),
    [("se_resnet50", "norm3"), ("se_resnext50_32x4d", "norm3"), ("se_resnet164_cifar", "conv3")],
)
def test_it_stands_at_the_end_of_the_branch(name: str, last: str) -> None:
    names = [part for part, _ in build(name).get_submodule("conv3_2.branch").named_children()]
    assert names[-2:] == [last, "squeeze_excitation"]


def test_a_block_weighs_its_branch_before_the_sum() -> None:
    torch.manual_seed(0)
    network = cn.create("se_resnet50", blocks=[2, 1, 1, 1]).eval()
    arrives = torch.randn(1, 256, 6, 6).relu()
    block = network.get_submodule("conv2_2")
    excite = network.get_submodule("conv2_2.branch.squeeze_excitation")
    plain = build("resnet50", blocks=[2, 1, 1, 1]).to_empty(device="cpu").eval()
    plain.load_state_dict({name: tensor for name, tensor in network.state_dict().items() if "squeeze" not in name})
    branch = plain.get_submodule("conv2_2.branch")(arrives)
    torch.testing.assert_close(block(arrives), (excite(branch) + arrives).relu())
    assert not torch.allclose(block(arrives), (branch + arrives).relu())


def test_on_cifar_the_units_are_those_of_pre_activation() -> None:
    torch.manual_seed(0)
    network = cn.create("se_resnet20_cifar").eval()
    plain = build("preact_resnet20_cifar").to_empty(device="cpu").eval()
    plain.load_state_dict({name: tensor for name, tensor in network.state_dict().items() if "squeeze" not in name})
    arrives = torch.randn(1, 16, 8, 8)
    branch = plain.get_submodule("conv2_2.branch")(arrives)
    excite = network.get_submodule("conv2_2.branch.squeeze_excitation")
    torch.testing.assert_close(network.get_submodule("conv2_2")(arrives), excite(branch) + arrives)
    assert network.rows == plain.rows
    assert "norm" not in build("se_resnet20_cifar", activation="original").rows


def test_pooling_as_in_caffe_hangs_over_the_border() -> None:
    images = torch.randn(1, 64, 112, 112)
    pool = build("se_resnext50_32x4d", pool_ceil=True).get_submodule("pool1")
    found = pool(images)
    assert found.shape == (1, 64, 56, 56)
    assert torch.equal(found[:, :, 0, 0], images[:, :, :3, :3].amax(dim=(2, 3)))
    assert torch.equal(found[:, :, -1, -1], images[:, :, 110:, 110:].amax(dim=(2, 3)))
    usual = build("se_resnet50").get_submodule("pool1")
    assert torch.equal(usual(images)[:, :, 0, 0], images[:, :, :2, :2].amax(dim=(2, 3)))


@pytest.mark.parametrize(("pool_ceil", "smallest"), [(False, 1), (True, 3)])
def test_the_smallest_image(pool_ceil: bool, smallest: int) -> None:
    network = cn.create("se_resnet50", blocks=[1, 1, 1, 1], pool_ceil=pool_ceil).eval()
    assert network.smallest_input() == smallest
    assert network(torch.zeros(1, 3, smallest, smallest)).shape == (1, 1000)


def test_the_first_weights_are_he() -> None:
    torch.manual_seed(0)
    network = cn.create("se_resnet50")
    for path, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear) and module.weight.numel() > 4000:
            expected = (2 / module.weight[0].numel()) ** 0.5
            assert module.weight.std().item() == pytest.approx(expected, rel=0.05), path
        if isinstance(module, nn.Linear):
            assert not module.bias.any()


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("se_resnet50", {"reduction": 0}, "reduction must be a whole number of at least 1, not 0"),
        ("se_resnet50", {"reduction": 16.0}, "reduction must be a whole number of at least 1, not 16.0"),
        ("se_resnet50", {"reduction": 512}, "reduction must be at most 256, the channels of a block, not 512"),
        ("se_resnet110_cifar", {"reduction": 32}, "reduction must be at most 16, the channels of a block, not 32"),
        ("se_resnet50", {"bias": "no"}, "bias must be True or False, not 'no'"),
        ("se_resnet50", {"stride_in": "5x5"}, "stride_in must be 1x1 or 3x3, not '5x5'"),
        ("se_resnet50", {"pool_ceil": 2}, "pool_ceil must be True or False, not 2"),
        ("se_resnext50_32x4d", {"pool_ceil": True, "stem": "small"}, "pool_ceil goes with a stem that pools"),
        ("se_resnet50", {"blocks": [3]}, "blocks must be four whole numbers of at least 1, not [3]"),
        ("se_resnext26_32x4d", {}, "depth must be 50, 101 or 152, not 26"),
        ("se_resnet111_cifar", {}, "se_resnet111_cifar: the depth is 6n + 2"),
        ("se_resnet110_cifar", {"activation": "none"}, "activation must be full_preactivation"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_is_allowed(name: str, options: dict[str, Any], expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        build(name, **options)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
