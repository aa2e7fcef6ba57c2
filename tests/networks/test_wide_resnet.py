"""Wide residual networks beside tables 1, 4, 5 and 8 of Zagoruyko, Komodakis (BMVC 2016)."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import classicnets as cn
from classicnets.errors import UsageError
from classicnets.inspection.inspection import inspect
from classicnets.networks import build
from tests.networks.counting import macs_by_module

# Parameters, millions as printed, MACs.
SIZES = {
    "wide_resnet16_4_cifar": (2_748_890, "2.7", 392_612_352),
    "wide_resnet40_4_cifar": (8_949_210, "8.9", 1_298_582_016),
    "wide_resnet16_8_cifar": (10_961_370, "11.0", 1_548_145_664),
    "wide_resnet22_8_cifar": (17_158_106, "17.2", 2_454_115_328),
    "wide_resnet28_10_cifar": (36_479_194, "36.5", 5_243_328_768),
    "wide_resnet40_10_cifar": (55_841_754, "56", 8_074_483_968),
    "wide_resnet50_2": (68_883_240, "68.9", 11_398_021_120),
    "wide_resnet101_2": (126_886_696, "127", 22_753_050_624),
    # A width of one is the ResNet with its stride in the 3x3 convolution.
    "wide_resnet50_1": (25_557_032, "25.6", 4_089_184_256),
}


@pytest.mark.parametrize("name", SIZES)
def test_sizes_are_as_printed(name: str) -> None:
    parameters, millions, macs = SIZES[name]
    network = build(name)
    assert inspect(network).parameters == parameters
    decimals = len(millions.partition(".")[2])
    assert f"{parameters / 1e6:.{decimals}f}" == millions
    assert sum(macs_by_module(network).values()) == macs


@pytest.mark.parametrize(
    ("depth", "width", "millions"),
    [(40, 1, "0.6"), (40, 2, "2.2"), (40, 8, "35.7"), (28, 12, "52.5"), (22, 10, "26.8"), (16, 10, "17.1")],
)
def test_the_other_networks_of_table_4(depth: int, width: int, millions: str) -> None:
    assert f"{inspect(build(f'wide_resnet{depth}_{width}_cifar')).parameters / 1e6:.1f}" == millions


def test_a_hundred_classes() -> None:
    network = build("wide_resnet28_10_cifar", num_classes=100)
    assert inspect(network).parameters == 36_536_884
    assert sum(macs_by_module(network).values()) == 5_243_386_368


def test_the_depth_counts_all_convolutions_and_not_the_classifier() -> None:
    for depth in (16, 22, 28, 40):
        network = build(f"wide_resnet{depth}_4_cifar")
        assert sum(isinstance(module, nn.Conv2d) for module in network.modules()) == depth


def test_rows_are_those_of_table_1() -> None:
    rows = {row.name: (row.output, row.parameters) for row in inspect(build("wide_resnet16_4_cifar")).rows}
    assert rows == {
        "conv1": ((16, 32, 32), 432),
        # Two normalisations, two convolutions, the projection.
        "conv2_1": ((64, 32, 32), 2 * (16 + 64) + 9 * (16 * 64 + 64 * 64) + 16 * 64),
        "conv2_2": ((64, 32, 32), 2 * (64 + 64) + 9 * (64 * 64 + 64 * 64)),
        "conv3_1": ((128, 16, 16), 2 * (64 + 128) + 9 * (64 * 128 + 128 * 128) + 64 * 128),
        "conv3_2": ((128, 16, 16), 2 * (128 + 128) + 9 * (128 * 128 + 128 * 128)),
        "conv4_1": ((256, 8, 8), 2 * (128 + 256) + 9 * (128 * 256 + 256 * 256) + 128 * 256),
        "conv4_2": ((256, 8, 8), 2 * (256 + 256) + 9 * (256 * 256 + 256 * 256)),
        "norm": ((256, 8, 8), 512),
        "average": ((256,), 0),
        "fc": ((10,), 2570),
    }


def test_inner_convolutions_of_a_wide_bottleneck_are_wider() -> None:
    weights = build("wide_resnet50_2").state_dict()
    for stage, inner in enumerate([128, 256, 512, 1024], start=2):
        assert weights[f"conv{stage}_2.branch.conv1.weight"].shape == (inner, 2 * inner, 1, 1)
        assert weights[f"conv{stage}_2.branch.conv2.weight"].shape == (inner, inner, 3, 3)
        assert weights[f"conv{stage}_2.branch.conv3.weight"].shape == (2 * inner, inner, 1, 1)
    strides = {
        path: module.stride[0]
        for path, module in build("wide_resnet50_2").named_modules()
        if isinstance(module, nn.Conv2d) and path.startswith("conv3_1")
    }
    assert strides == {
        "conv3_1.branch.conv1": 1,
        "conv3_1.branch.conv2": 2,
        "conv3_1.branch.conv3": 1,
        "conv3_1.shortcut.projection": 2,
    }


@pytest.mark.parametrize("row", ["conv2_1", "conv2_2", "conv3_1"])
def test_a_unit_is_as_drawn_in_figure_1(row: str) -> None:
    torch.manual_seed(0)
    network = cn.create("wide_resnet16_2_cifar", dropout=0.3)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
    network.eval()
    weights = network.state_dict()
    before = network.sites[network.rows[network.rows.index(row) - 1]]
    arrives = torch.randn(2, *before.shape)

    def activated(x: torch.Tensor, norm: str) -> torch.Tensor:
        mean, variance = weights[f"{norm}.running_mean"], weights[f"{norm}.running_var"]
        return F.batch_norm(x, mean, variance, weights[f"{norm}.weight"], weights[f"{norm}.bias"]).relu()

    stride = 2 if row == "conv3_1" else 1
    shares = row.endswith("_1")
    first = activated(arrives, f"{row}.before.norm" if shares else f"{row}.branch.norm1")
    inner = F.conv2d(first, weights[f"{row}.branch.conv1.weight"], stride=stride, padding=1)
    branch = F.conv2d(activated(inner, f"{row}.branch.norm2"), weights[f"{row}.branch.conv2.weight"], padding=1)
    projected = F.conv2d(first, weights[f"{row}.shortcut.projection.weight"], stride=stride) if shares else arrives
    torch.testing.assert_close(network.get_submodule(row)(arrives), branch + projected)


def test_dropout_stands_between_the_convolutions() -> None:
    network = build("wide_resnet28_10_cifar", dropout=0.3)
    for row in ("conv2_1", "conv4_4"):
        names = [name for name, _ in network.get_submodule(f"{row}.branch").named_children()]
        assert names[-5:] == ["conv1", "norm2", "relu2", "dropout", "conv2"]
    found = [module for module in network.modules() if isinstance(module, nn.Dropout)]
    assert [module.p for module in found] == [0.3] * 12
    assert not any(isinstance(module, nn.Dropout) for module in build("wide_resnet28_10_cifar").modules())
    assert inspect(network).parameters == 36_479_194


def test_a_width_of_one_needs_no_projection_in_the_first_stage() -> None:
    network = build("wide_resnet16_1_cifar")
    projections = [path for path, _ in network.named_modules() if path.endswith("projection")]
    assert projections == ["conv3_1.shortcut.projection", "conv4_1.shortcut.projection"]


@pytest.mark.parametrize("name", ["wide_resnet16_2_cifar", "wide_resnet50_2"])
def test_the_first_weights_are_he(name: str) -> None:
    torch.manual_seed(0)
    network = cn.create(name)
    for path, module in network.named_modules():
        if isinstance(module, nn.Conv2d) and module.weight.numel() > 4000:
            expected = (2 / module.weight[0].numel()) ** 0.5
            assert module.weight.std().item() == pytest.approx(expected, rel=0.05), path


def test_the_small_stem_and_other_blocks() -> None:
    network = build("wide_resnet50_2", stem="small", blocks=[1, 1, 1, 1], shortcut="A")
    assert network.input_shape == (3, 32, 32)
    assert network.rows == ("conv1", "conv2_1", "conv3_1", "conv4_1", "conv5_1", "average", "fc")


@pytest.mark.parametrize("name", ["wide_resnet50_2", "wide_resnet28_10_cifar"])
def test_images_of_one_pixel_reach_the_end(name: str) -> None:
    assert build(name).smallest_input() == 1


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("wide_resnet29_10_cifar", {}, "wide_resnet29_10_cifar: the depth is 6N + 4, N at least 1: take 28 or 34"),
        ("wide_resnet4_1_cifar", {}, "take 10 or 16"),
        ("wide_resnet1_1_cifar", {}, "take 10 or 16"),
        ("wide_resnet28_10_cifar", {"dropout": 1.5}, "dropout must be a number from 0 to 1, or none, not 1.5"),
        ("wide_resnet28_10_cifar", {"dropout": "0.3"}, "dropout must be a number from 0 to 1, or none, not '0.3'"),
        ("wide_resnet28_10_cifar", {"dropout": True}, "dropout must be a number from 0 to 1, or none, not True"),
        ("wide_resnet34_2", {}, "depth must be 50, 101 or 152, not 34"),
        ("wide_resnet50_2", {"stem": "tiny"}, "stem must be"),
        ("wide_resnet50_2", {"shortcut": "D"}, "shortcut must be"),
        ("wide_resnet50_2", {"width": 3}, "wide_resnet50_2 has no option 'width'"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_is_allowed(name: str, options: dict[str, Any], expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        build(name, **options)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
