"""ResNeXt beside tables 1, 3, 4 and 7 of Xie, Girshick, Dollar, Tu, He (CVPR 2017)."""

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

SIZES = {
    "resnext50_32x4d": (25_028_904, 4_230_479_872),
    "resnext101_32x4d": (44_177_704, 7_969_996_800),
    "resnext101_64x4d": (83_455_272, 15_460_270_080),
    "resnext101_32x8d": (88_791_336, 16_414_015_488),
    "resnext29_8x64d_cifar": (34_426_698, 5_387_266_048),
    "resnext29_16x64d_cifar": (68_155_210, 10_688_866_304),
    # Table 3: one group is the ResNet with its stride in the 3x3 convolution.
    "resnext50_1x64d": (25_557_032, 4_089_184_256),
    "resnext101_1x64d": (44_549_160, 7_801_405_440),
}


@pytest.mark.parametrize("name", SIZES)
def test_sizes(name: str) -> None:
    network = build(name)
    assert (inspect(network).parameters, sum(macs_by_module(network).values())) == SIZES[name]


@pytest.mark.parametrize(("cardinality", "width"), [(1, 64), (2, 40), (4, 24), (8, 14), (32, 4)])
def test_the_templates_of_table_2_cost_nearly_the_same(cardinality: int, width: int) -> None:
    network = build(f"resnext50_{cardinality}x{width}d")
    assert 25.0e6 < inspect(network).parameters < 25.7e6
    assert 4.05e9 < sum(macs_by_module(network).values()) < 4.3e9


@pytest.mark.parametrize(
    ("name", "first", "inner"),
    [
        ("resnext50_32x4d", 2, [128, 256, 512, 1024]),
        ("resnext101_64x4d", 2, [256, 512, 1024, 2048]),
        ("resnext101_32x8d", 2, [256, 512, 1024, 2048]),
        ("resnext50_8x14d", 2, [112, 224, 448, 896]),
        ("resnext29_8x64d_cifar", 2, [512, 1024, 2048]),
    ],
)
def test_groups_double_their_width_with_each_stage(name: str, first: int, inner: list[int]) -> None:
    network = build(name)
    groups = int(name.split("_")[1].split("x")[0])
    for stage, width in enumerate(inner, start=first):
        convolution = network.get_submodule(f"conv{stage}_1.branch.conv2")
        assert isinstance(convolution, nn.Conv2d)
        assert (convolution.in_channels, convolution.out_channels, convolution.groups) == (width, width, groups)
        # The stride stands here, and not in the 1x1 before.
        assert convolution.stride == ((1, 1) if stage == first else (2, 2))
        assert network.sites[f"conv{stage}_1"].channels == 256 * 2 ** (stage - first)


@pytest.mark.parametrize(
    ("name", "stages"),
    [("resnext50_32x4d", [3, 4, 6, 3]), ("resnext101_64x4d", [3, 4, 23, 3]), ("resnext29_8x64d_cifar", [3, 3, 3])],
)
def test_blocks_a_stage(name: str, stages: list[int]) -> None:
    rows = build(name).rows
    assert [sum(row.startswith(f"conv{stage}_") for row in rows) for stage in range(2, 2 + len(stages))] == stages


def test_rows_of_29_layers() -> None:
    network = build("resnext29_8x64d_cifar")
    rows = {row.name: (row.output, row.parameters) for row in inspect(network).rows}
    assert rows["conv1"] == ((64, 32, 32), 9 * 3 * 64 + 128)
    grouped = 64 * 512 + 1024 + 9 * 64 * 512 + 1024 + 512 * 256 + 512
    assert rows["conv2_1"] == ((256, 32, 32), grouped + 64 * 256 + 512)
    assert rows["conv2_3"] == ((256, 32, 32), grouped + (256 - 64) * 512)
    assert rows["conv4_3"][0] == (1024, 8, 8)
    assert rows["fc"] == ((10,), 10_250)


def test_a_block_sums_the_transformations_of_its_groups() -> None:
    """Figure 3(a): as many bottlenecks as groups, each reading all and giving all, and their sum."""
    torch.manual_seed(0)
    network = cn.create("resnext11_4x8d_cifar").eval()
    weights = network.state_dict()
    arrives = torch.randn(2, 64, 8, 8).relu()
    block = "conv2_1"

    def norm(x: torch.Tensor, name: str, part: slice = slice(None)) -> torch.Tensor:
        kinds = ("running_mean", "running_var", "weight", "bias")
        mean, variance, scale, shift = (weights[f"{block}.{name}.{kind}"][part] for kind in kinds)
        return F.batch_norm(x, mean, variance, scale, shift)

    summed = torch.zeros(2, 256, 8, 8)
    for group in range(4):
        part = slice(8 * group, 8 * group + 8)
        reduced = F.conv2d(arrives, weights[f"{block}.branch.conv1.weight"][part])
        reduced = norm(reduced, "branch.norm1", part).relu()
        inner = F.conv2d(reduced, weights[f"{block}.branch.conv2.weight"][part], padding=1)
        inner = norm(inner, "branch.norm2", part).relu()
        summed += F.conv2d(inner, weights[f"{block}.branch.conv3.weight"][:, part])
    around = norm(F.conv2d(arrives, weights[f"{block}.shortcut.projection.weight"]), "shortcut.norm")
    expected = (norm(summed, "branch.norm3") + around).relu()
    torch.testing.assert_close(network.get_submodule(block)(arrives), expected)


@pytest.mark.parametrize("name", ["resnext50_32x4d", "resnext11_8x64d_cifar"])
def test_the_first_weights_are_he(name: str) -> None:
    torch.manual_seed(0)
    network = cn.create(name)
    for path, module in network.named_modules():
        if isinstance(module, nn.Conv2d) and module.weight.numel() > 4000:
            expected = (2 / module.weight[0].numel()) ** 0.5
            assert module.weight.std().item() == pytest.approx(expected, rel=0.05), path


def test_options() -> None:
    small = build("resnext50_32x4d", stem="small", blocks=[1, 1, 1, 1])
    assert small.input_shape == (3, 32, 32)
    assert small.sites["conv2_1"].shape == (256, 32, 32)
    padded = build("resnext29_8x64d_cifar", shortcut="A")
    assert not any("projection" in name for name in padded.state_dict())


@pytest.mark.parametrize("name", ["resnext50_32x4d", "resnext29_8x64d_cifar"])
def test_images_of_one_pixel_reach_the_end(name: str) -> None:
    assert build(name).smallest_input() == 1


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("resnext30_8x64d_cifar", {}, "resnext30_8x64d_cifar: the depth is 9n + 2, n at least 1: take 29 or 38"),
        ("resnext2_8x64d_cifar", {}, "take 11 or 20"),
        ("resnext29_8x64d_cifar", {"shortcut": "D"}, "shortcut must be"),
        ("resnext26_32x4d", {}, "depth must be 50, 101 or 152, not 26"),
        ("resnext50_32x4d", {"blocks": [1, 2]}, "blocks must be four whole numbers of at least 1, not [1, 2]"),
        ("resnext50_32x4d", {"stem": None}, "stem must be"),
        ("resnext50_32x4d", {"groups": 8}, "resnext50_32x4d has no option 'groups'"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_is_allowed(name: str, options: dict[str, Any], expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        build(name, **options)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
