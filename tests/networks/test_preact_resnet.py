"""Pre-activation networks beside sections 3 and 4 and the appendix of He, Zhang, Ren, Sun (ECCV 2016)."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import classicnets as cn
from classicnets.errors import UsageError
from classicnets.inspection.inspection import inspect
from classicnets.layers.residual import Residual
from classicnets.networks import build
from classicnets.networks.chain import Chain
from tests.networks.counting import macs_by_module

Layer = Callable[[torch.Tensor], torch.Tensor]


def sizes(name: str, **options: Any) -> tuple[int, int]:
    """Parameters and multiply-accumulates."""
    network = build(name, **options)
    return inspect(network).parameters, sum(macs_by_module(network).values())


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("preact_resnet110_cifar", {}, (1_727_962, 252_887_680)),
        ("preact_resnet164_cifar", {}, (1_703_258, 244_500_992)),
        ("preact_resnet1001_cifar", {}, (10_327_706, 1_487_849_984)),
        ("preact_resnet50", {}, (25_549_480, 3_857_973_248)),
        ("preact_resnet101", {}, (44_541_608, 7_570_194_432)),
        ("preact_resnet152", {}, (60_185_256, 11_282_415_616)),
        ("preact_resnet200", {}, (64_666_280, 14_776_270_848)),
        # The original unit has a normalisation behind each projection and one less before the pooling.
        ("preact_resnet164_cifar", {"activation": "original"}, (1_704_154, 244_500_992)),
        ("preact_resnet164_cifar", {"activation": "relu_only_preactivation"}, (1_704_154, 244_500_992)),
        ("preact_resnet164_cifar", {"activation": "bn_after_addition"}, (1_703_258, 244_500_992)),
        ("preact_resnet152", {"activation": "original"}, (60_192_808, 11_282_415_616)),
        # A gate is a convolution with biases in each of 54 units, a 1x1 shortcut one with normalisation.
        ("preact_resnet110_cifar", {"shortcut": "exclusive_gating"}, (1_824_186, 266_781_312)),
        ("preact_resnet110_cifar", {"shortcut": "shortcut_only_gating"}, (1_824_186, 266_781_312)),
        ("preact_resnet110_cifar", {"shortcut": "conv1x1", "activation": "original"}, (1_826_202, 266_781_312)),
        ("preact_resnet110_cifar", {"shortcut": "constant_scaling"}, (1_727_962, 252_887_680)),
        ("preact_resnet110_cifar", {"shortcut": "dropout"}, (1_727_962, 252_887_680)),
    ],
)
def test_sizes(name: str, options: dict[str, Any], expected: tuple[int, int]) -> None:
    assert sizes(name, **options) == expected


def test_the_printed_ten_million_are_the_weights_of_convolutions() -> None:
    network = build("preact_resnet1001_cifar")
    kernels = [module.weight.numel() for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert sum(kernels) == 10_175_920
    assert f"{sum(kernels) / 1e6:.1f}" == "10.2"


@pytest.mark.parametrize("activation", ["original", "bn_after_addition", "relu_before_addition"])
def test_the_orders_of_110_layers_consist_of_the_same_components(activation: str) -> None:
    assert sizes("preact_resnet110_cifar", activation=activation) == (1_727_962, 252_887_680)


def test_one_layer_skips_have_the_same_weights() -> None:
    network = build("preact_resnet110_cifar", block="single")
    assert inspect(network).parameters == 1_727_962
    assert sum(isinstance(module, Residual) for module in network.modules()) == 108


@pytest.mark.parametrize(
    ("name", "options", "units"),
    [
        ("preact_resnet110_cifar", {}, 54),
        ("preact_resnet110_cifar", {"block": "bottleneck"}, 36),
        ("preact_resnet164_cifar", {}, 54),
        ("preact_resnet164_cifar", {"block": "basic"}, 81),
        ("preact_resnet1001_cifar", {}, 333),
        ("preact_resnet200", {}, 66),
    ],
)
def test_units_are_as_many_as_the_depth_says(name: str, options: dict[str, Any], units: int) -> None:
    network = build(name, **options)
    assert sum(isinstance(module, Residual) for module in network.modules()) == units
    layers = [
        path
        for path, module in network.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear) and not path.endswith("projection")
    ]
    assert f"preact_resnet{len(layers)}" == name.removesuffix("_cifar")


def test_rows_are_the_stages() -> None:
    rows = {row.name: (row.output, row.parameters) for row in inspect(build("preact_resnet164_cifar")).rows}
    assert len(rows) == 1 + 54 + 3
    assert rows["conv1"] == ((16, 32, 32), 432)
    # The shared normalisation, three convolutions with two normalisations, the projection.
    assert rows["conv2_1"] == ((64, 32, 32), 32 + (16 * 16 + 32 + 9 * 16 * 16 + 32 + 16 * 64) + 16 * 64)
    assert rows["conv2_18"] == ((64, 32, 32), 128 + (64 * 16 + 32 + 9 * 16 * 16 + 32 + 16 * 64))
    assert rows["conv3_1"] == ((128, 16, 16), 128 + (64 * 32 + 64 + 9 * 32 * 32 + 64 + 32 * 128) + 64 * 128)
    assert rows["conv4_18"][0] == (256, 8, 8)
    assert rows["norm"] == ((256, 8, 8), 512)
    assert rows["average"] == ((256,), 0)
    assert rows["fc"] == ((10,), 2570)


@pytest.mark.parametrize(("option", "macs"), [("1x1", 14_776_270_848), ("3x3", 15_007_481_856)])
def test_the_stride_of_a_bottleneck_can_move(option: str, macs: int) -> None:
    assert sizes("preact_resnet200", stride_in=option) == (64_666_280, macs)


def test_a_small_stem_is_for_small_images() -> None:
    network = build("preact_resnet50", stem="small", blocks=[1, 1, 2, 1], num_classes=10)
    assert network.input_shape == (3, 32, 32)
    assert [row for row in network.rows if row.startswith("conv")] == [
        *("conv1", "conv2_1", "conv3_1", "conv4_1", "conv4_2", "conv5_1")
    ]
    assert network.sites["conv2_1"].shape == (256, 32, 32)
    assert network.sites["conv5_1"].shape == (2048, 4, 4)


def random_network(name: str, **options: Any) -> Chain:
    """In evaluation, with statistics that are not those of a fresh network."""
    torch.manual_seed(0)
    network = cn.create(name, **options)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight.data, module.bias.data, module.running_mean, module.running_var):
                assert tensor is not None
                tensor.uniform_(0.5, 1.5)
    return network.eval()


class Parts:
    """The parts of one unit as functions, found by their names."""

    def __init__(self, network: Chain, row: str) -> None:
        self.network = network
        self.row = row

    def __getattr__(self, name: str) -> Layer:
        part = self.network.get_submodule(f"{self.row}.{name.replace('__', '.')}")
        if isinstance(part, nn.Conv2d):
            return lambda x: F.conv2d(x, part.weight, part.bias, part.stride, part.padding)
        assert isinstance(part, nn.BatchNorm2d)
        return lambda x: F.batch_norm(x, part.running_mean, part.running_var, part.weight, part.bias)


def padded(x: torch.Tensor) -> torch.Tensor:
    """Half the pixels, twice the channels."""
    zeros = x.new_zeros(len(x), x.shape[1] // 2, *x.shape[2:])
    return torch.cat([zeros, x, zeros], dim=1)[:, :, ::2, ::2]


def original(x: torch.Tensor, p: Parts) -> torch.Tensor:
    return (x + p.branch__norm2(p.branch__conv2(p.branch__norm1(p.branch__conv1(x)).relu()))).relu()


def bn_after_addition(x: torch.Tensor, p: Parts) -> torch.Tensor:
    return p.after__norm(x + p.branch__conv2(p.branch__norm1(p.branch__conv1(x)).relu())).relu()


def relu_before_addition(x: torch.Tensor, p: Parts) -> torch.Tensor:
    return x + p.branch__norm2(p.branch__conv2(p.branch__norm1(p.branch__conv1(x)).relu())).relu()


def relu_only_preactivation(x: torch.Tensor, p: Parts) -> torch.Tensor:
    return x + p.branch__norm2(p.branch__conv2(p.branch__norm1(p.branch__conv1(x.relu())).relu()))


def full_preactivation(x: torch.Tensor, p: Parts) -> torch.Tensor:
    return x + p.branch__conv2(p.branch__norm2(p.branch__conv1(p.branch__norm1(x).relu())).relu())


# Figure 4, written out.
FIGURE_4 = [original, bn_after_addition, relu_before_addition, relu_only_preactivation, full_preactivation]


@pytest.mark.parametrize("formula", FIGURE_4, ids=lambda formula: formula.__name__)
def test_a_unit_is_as_drawn_in_figure_4(formula: Callable[[torch.Tensor, Parts], torch.Tensor]) -> None:
    network = random_network("preact_resnet14_cifar", activation=formula.__name__)
    arrives = torch.randn(2, 16, 32, 32)
    before = arrives.clone()
    found = network.get_submodule("conv2_2")(arrives)
    torch.testing.assert_close(found, formula(arrives, Parts(network, "conv2_2")))
    assert torch.equal(arrives, before), "a unit writes over what arrives"


@pytest.mark.parametrize("row", ["conv2_1", "conv3_1"])
def test_units_that_begin_a_stage_activate_before_both_ways(row: str) -> None:
    network = random_network("preact_resnet14_cifar")
    arrives = torch.randn(2, 16, 32, 32)
    p = Parts(network, row)
    activated = p.before__norm(arrives).relu()
    branch = p.branch__conv2(p.branch__norm2(p.branch__conv1(activated)).relu())
    shortcut = activated if row == "conv2_1" else padded(activated)
    torch.testing.assert_close(network.get_submodule(row)(arrives), branch + shortcut)


def test_a_bottleneck_projects_what_is_activated() -> None:
    network = random_network("preact_resnet11_cifar", block="bottleneck")
    arrives = torch.randn(2, 64, 32, 32)
    p = Parts(network, "conv3_1")
    activated = p.before__norm(arrives).relu()
    inner = p.branch__conv2(p.branch__norm2(p.branch__conv1(activated)).relu())
    expected = p.branch__conv3(p.branch__norm3(inner).relu()) + p.shortcut__projection(activated)
    torch.testing.assert_close(network.get_submodule("conv3_1")(arrives), expected)


def test_the_last_unit_is_followed_by_an_activation() -> None:
    network = random_network("preact_resnet14_cifar")
    arrives = torch.randn(2, 64, 8, 8)
    p = Parts(network, "norm")
    torch.testing.assert_close(network.get_submodule("norm")(arrives.clone()), p.norm(arrives).relu())
    assert "norm" not in build("preact_resnet14_cifar", activation="original").rows
    assert build("preact_resnet14_cifar", activation="relu_only_preactivation").rows[-3] == "relu"


def test_a_convolution_on_every_shortcut_reads_what_is_activated() -> None:
    network = random_network("preact_resnet14_cifar", shortcut="conv1x1")
    arrives = torch.randn(2, 16, 32, 32)
    p = Parts(network, "conv2_2")
    activated = p.before__norm(arrives).relu()
    branch = p.branch__conv2(p.branch__norm2(p.branch__conv1(activated)).relu())
    expected = branch + p.shortcut__projection(activated)
    torch.testing.assert_close(network.get_submodule("conv2_2")(arrives), expected)


@pytest.mark.parametrize(
    ("name", "first"),
    [("preact_resnet14_cifar", "resnet14_cifar"), ("preact_resnet50", "resnet50")],
)
def test_original_units_make_the_first_resnet(name: str, first: str) -> None:
    options: dict[str, Any] = {} if name.endswith("cifar") else {"blocks": [1, 2, 1, 1]}
    network = random_network(name, activation="original", **options)
    other = build(first, **options).to_empty(device="cpu").eval()
    other.load_state_dict(network.state_dict())
    images = torch.randn(1, 3, 64, 64)
    assert torch.equal(network(images), other(images))


def residual_mapping(x: torch.Tensor, p: Parts) -> torch.Tensor:
    return p.branch__norm2(p.branch__conv2(p.branch__norm1(p.branch__conv1(x)).relu()))


def gate_of(x: torch.Tensor, p: Parts) -> torch.Tensor:
    return p.gate(x).sigmoid()


@pytest.mark.parametrize(
    ("shortcut", "options", "formula"),
    [
        ("constant_scaling", {}, lambda x, p: 0.5 * x + 0.5 * residual_mapping(x, p)),
        ("constant_scaling", {"branch_scale": 1}, lambda x, p: 0.5 * x + residual_mapping(x, p)),
        ("constant_scaling", {"shortcut_scale": 0, "branch_scale": 1}, residual_mapping),
        (
            "exclusive_gating",
            {"gate_bias": 0},
            lambda x, p: (1 - gate_of(x, p)) * x + gate_of(x, p) * residual_mapping(x, p),
        ),
        ("shortcut_only_gating", {}, lambda x, p: (1 - gate_of(x, p)) * x + residual_mapping(x, p)),
        ("conv1x1", {}, lambda x, p: p.shortcut__norm(p.shortcut__projection(x)) + residual_mapping(x, p)),
        ("dropout", {}, lambda x, p: x + residual_mapping(x, p)),
    ],
)
def test_a_shortcut_is_as_drawn_in_figure_2(
    shortcut: str, options: dict[str, Any], formula: Callable[[torch.Tensor, Parts], torch.Tensor]
) -> None:
    network = random_network("preact_resnet14_cifar", activation="original", shortcut=shortcut, **options)
    arrives = torch.randn(2, 16, 32, 32)
    expected = formula(arrives, Parts(network, "conv2_2")).relu()
    torch.testing.assert_close(network.get_submodule("conv2_2")(arrives), expected)


def test_a_dropped_shortcut_is_zero_or_doubled() -> None:
    network = random_network("preact_resnet14_cifar", shortcut="dropout", dropout=0.5).train()
    arrives = torch.randn(2, 16, 32, 32)
    dropped = network.get_submodule("conv2_2.shortcut")(arrives)
    kept = dropped != 0
    assert 0.4 < kept.float().mean() < 0.6
    torch.testing.assert_close(dropped[kept], 2 * arrives[kept])


SHORTCUTS = ["identity", "constant_scaling", "exclusive_gating", "shortcut_only_gating", "conv1x1", "dropout"]


@pytest.mark.parametrize("block", ["basic", "bottleneck"])
@pytest.mark.parametrize("shortcut", SHORTCUTS)
@pytest.mark.parametrize("formula", FIGURE_4, ids=lambda formula: formula.__name__)
def test_every_shortcut_learns_with_every_activation(
    formula: Callable[[torch.Tensor, Parts], torch.Tensor], shortcut: str, block: str
) -> None:
    torch.manual_seed(0)
    network = cn.create("preact_resnet20_cifar", activation=formula.__name__, shortcut=shortcut, block=block)
    torch.autograd.backward(F.cross_entropy(network(torch.randn(2, 3, 16, 16)), torch.tensor([3, 8])))
    for path, parameter in network.named_parameters():
        assert parameter.grad is not None, path
        assert parameter.grad.isfinite().all(), path


@pytest.mark.parametrize("formula", FIGURE_4, ids=lambda formula: formula.__name__)
def test_features_are_not_written_over(formula: Callable[[torch.Tensor, Parts], torch.Tensor]) -> None:
    network = random_network("preact_resnet14_cifar", activation=formula.__name__)
    images = torch.randn(1, 3, 16, 16)
    found = cn.features(network, network.rows)(images)
    for row in network.rows:
        assert torch.equal(found[row], network.upto(row)(images)), row


@pytest.mark.parametrize(("given", "expected"), [({}, -6.0), ({"gate_bias": 0}, 0.0), ({"gate_bias": -7.0}, -7.0)])
def test_gates_begin_with_their_bias(given: dict[str, Any], expected: float) -> None:
    network = cn.create("preact_resnet14_cifar", shortcut="shortcut_only_gating", **given)
    gates = [module for path, module in network.named_modules() if path.endswith(".gate")]
    assert len(gates) == 6
    for gate in gates:
        assert isinstance(gate, nn.Conv2d)
        assert gate.bias is not None
        assert torch.equal(gate.bias, torch.full_like(gate.bias, expected))
        assert gate.weight.std().item() == pytest.approx((2 / gate.in_channels) ** 0.5, rel=0.3)
    assert network.replace_head(7)(torch.zeros(1, 3, 8, 8)).shape == (1, 7)


def test_the_first_weights_are_he() -> None:
    torch.manual_seed(0)
    network = cn.create("preact_resnet164_cifar")
    for path, module in network.named_modules():
        if isinstance(module, nn.Conv2d) and module.weight.numel() > 4000:
            fan_in = module.weight[0].numel()
            assert module.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.06), path


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("preact_resnet111_cifar", {}, "6n + 2, from 164 on 9n + 2 too, n at least 1: take 110 or 116"),
        ("preact_resnet165_cifar", {}, "take 164 or 170"),
        ("preact_resnet172_cifar", {}, "take 170 or 173"),
        ("preact_resnet2_cifar", {}, "take 8 or 14"),
        ("preact_resnet113_cifar", {"block": "basic"}, "6n + 2 with basic units, n at least 1: take 110 or 116"),
        ("preact_resnet163_cifar", {"block": "bottleneck"}, "9n + 2 with bottleneck units, n at least 1: take 155 or"),
        ("preact_resnet4_cifar", {"block": "single"}, "3n + 2 with single units, n at least 1: take 5 or 8"),
        ("preact_resnet110_cifar", {"block": "two"}, "block must be single, basic or bottleneck, not 'two'"),
        ("preact_resnet110_cifar", {"activation": "relu"}, "activation must be full_preactivation, original, bn_after"),
        (
            "preact_resnet110_cifar",
            {"shortcut": ["A"]},
            "shortcut must be identity, constant_scaling, exclusive_gating",
        ),
        ("preact_resnet110_cifar", {"gate_bias": -6}, "gate_bias goes with shortcut exclusive_gating or shortcut_only"),
        ("preact_resnet110_cifar", {"dropout": 0.3}, "dropout goes with shortcut dropout, not with identity"),
        (
            "preact_resnet110_cifar",
            {"shortcut": "conv1x1", "branch_scale": 1},
            "branch_scale goes with shortcut constant_scaling, not with conv1x1",
        ),
        (
            "preact_resnet110_cifar",
            {"shortcut": "dropout", "dropout": 2},
            "dropout must be a number from 0 to 1, not 2",
        ),
        (
            "preact_resnet110_cifar",
            {"shortcut": "exclusive_gating", "gate_bias": "low"},
            "gate_bias must be a number from -100 to 100, not 'low'",
        ),
        (
            "preact_resnet110_cifar",
            {"shortcut": "constant_scaling", "shortcut_scale": True},
            "shortcut_scale must be a number from -100 to 100, not True",
        ),
        ("preact_resnet50", {"stride_in": "2x2"}, "stride_in must be 1x1 or 3x3, not '2x2'"),
        ("preact_resnet50", {"stem": "deep"}, "stem must be 7x7 or small, not 'deep'"),
        ("preact_resnet50", {"activation": None}, "activation must be full_preactivation"),
        ("preact_resnet50", {"blocks": [3, 4, 6]}, "blocks must be four whole numbers of at least 1, not [3, 4, 6]"),
        ("preact_resnet50", {"blocks": [3, 4, 0, 1]}, "blocks must be four whole numbers of at least 1"),
        ("preact_resnet50", {"blocks": 3}, "blocks must be four whole numbers of at least 1"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_is_allowed(name: str, options: dict[str, Any], expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        build(name, **options)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [(1, 1), (33, 17)])
def test_images_of_any_size_pass_on_cifar(size: tuple[int, int]) -> None:
    assert cn.create("preact_resnet20_cifar").eval()(torch.randn(1, 3, *size)).shape == (1, 10)


def test_the_smallest_image_of_the_large_networks() -> None:
    assert build("preact_resnet50").smallest_input() == 1
