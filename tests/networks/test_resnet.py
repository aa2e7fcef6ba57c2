"""ResNet beside table 1 of He, Zhang, Ren, Sun (CVPR 2016), and its versions beside He et al. (CVPR 2019)."""

import math
from collections import Counter
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import classicnets as cn
from classicnets.errors import UsageError
from classicnets.inspection.inspection import inspect
from classicnets.networks import build
from classicnets.networks.blocks import Shortcut, shortcut_of
from classicnets.networks.chain import Chain, Site
from tests.networks.counting import macs_by_module

# Name: parameters and MACs counted over the table.
SIZES = {
    "resnet18": (11_689_512, 1_814_073_344),
    "resnet34": (21_797_672, 3_663_761_408),
    "resnet50": (25_557_032, 3_857_973_248),
    "resnet101": (44_549_160, 7_570_194_432),
    "resnet152": (60_192_808, 11_282_415_616),
    "plain18": (11_515_688, 1_794_805_760),
    "plain34": (21_623_848, 3_644_493_824),
    "resnet50_v1_5": (25_557_032, 4_089_184_256),
    "resnet101_v1_5": (44_549_160, 7_801_405_440),
    "resnet152_v1_5": (60_192_808, 11_513_626_624),
    "resnet50_b": (25_557_032, 4_089_184_256),
    "resnet50_c": (25_576_264, 4_328_824_832),
    "resnet50_d": (25_576_264, 4_328_824_832),
    "resnet101_d": (44_568_392, 8_041_046_016),
    "resnet152_d": (60_212_040, 11_753_267_200),
}
UNDER_OPTIONS = [
    ("resnet18", {"shortcut": "A"}, 11_515_688, 1_794_805_760),
    ("resnet34", {"shortcut": "A"}, 21_623_848, 3_644_493_824),
    ("resnet34", {"shortcut": "C"}, 22_716_840, 3_830_747_136),
    ("resnet18", {"shortcut": "A-pooled"}, 11_515_688, 1_794_805_760),
    ("resnet50", {"shortcut": "B-pooled"}, 25_557_032, 3_857_973_248),
    ("resnet50_v1_5", {"stem": "deep"}, 25_576_264, 4_328_824_832),
    ("resnet50", {"blocks": [3, 4, 23, 3]}, 44_549_160, 7_570_194_432),
    ("plain18", {"blocks": [3, 4, 6, 3]}, 21_623_848, 3_644_493_824),
    ("resnet50", {"conv_bias": True, "norm_epsilon": 1.001e-5}, 25_557_032 + 26_560, 3_857_973_248),
]
# Stage: parameters and MACs of its rows together.
STAGES = {
    "resnet18": {
        "conv1": (9_536, 118_013_952),
        "conv2": (147_968, 462_422_016),
        "conv3": (525_568, 411_041_792),
        "conv4": (2_099_712, 411_041_792),
        "conv5": (8_393_728, 411_041_792),
    },
    "resnet34": {
        "conv1": (9_536, 118_013_952),
        "conv2": (221_952, 693_633_024),
        "conv3": (1_116_416, 873_463_808),
        "conv4": (6_822_400, 1_335_885_824),
        "conv5": (13_114_368, 642_252_800),
    },
    "resnet50": {
        "conv1": (9_536, 118_013_952),
        "conv2": (215_808, 667_942_912),
        "conv3": (1_219_584, 950_534_144),
        "conv4": (7_098_368, 1_387_266_048),
        "conv5": (14_964_736, 732_168_192),
    },
    "resnet101": {
        "conv1": (9_536, 118_013_952),
        "conv2": (215_808, 667_942_912),
        "conv3": (1_219_584, 950_534_144),
        "conv4": (26_090_496, 5_099_487_232),
        "conv5": (14_964_736, 732_168_192),
    },
    "resnet152": {
        "conv1": (9_536, 118_013_952),
        "conv2": (215_808, 667_942_912),
        "conv3": (2_339_840, 1_823_997_952),
        "conv4": (40_613_888, 7_938_244_608),
        "conv5": (14_964_736, 732_168_192),
    },
}
# Of the blocks of 50 layers: parameters (normalisation included) and MACs of each layer; the projection comes last.
LAYERS_50 = {
    "conv2_1": [(4_224, 12_845_056), (36_992, 115_605_504), (16_896, 51_380_224), (16_896, 51_380_224)],
    "conv2_2": [(16_512, 51_380_224), (36_992, 115_605_504), (16_896, 51_380_224)],
    "conv2_3": [(16_512, 51_380_224), (36_992, 115_605_504), (16_896, 51_380_224)],
    "conv3_1": [(33_024, 25_690_112), (147_712, 115_605_504), (66_560, 51_380_224), (132_096, 102_760_448)],
    "conv3_2": [(65_792, 51_380_224), (147_712, 115_605_504), (66_560, 51_380_224)],
    "conv3_3": [(65_792, 51_380_224), (147_712, 115_605_504), (66_560, 51_380_224)],
    "conv3_4": [(65_792, 51_380_224), (147_712, 115_605_504), (66_560, 51_380_224)],
    "conv4_1": [(131_584, 25_690_112), (590_336, 115_605_504), (264_192, 51_380_224), (526_336, 102_760_448)],
    "conv4_2": [(262_656, 51_380_224), (590_336, 115_605_504), (264_192, 51_380_224)],
    "conv4_3": [(262_656, 51_380_224), (590_336, 115_605_504), (264_192, 51_380_224)],
    "conv4_4": [(262_656, 51_380_224), (590_336, 115_605_504), (264_192, 51_380_224)],
    "conv4_5": [(262_656, 51_380_224), (590_336, 115_605_504), (264_192, 51_380_224)],
    "conv4_6": [(262_656, 51_380_224), (590_336, 115_605_504), (264_192, 51_380_224)],
    "conv5_1": [(525_312, 25_690_112), (2_360_320, 115_605_504), (1_052_672, 51_380_224), (2_101_248, 102_760_448)],
    "conv5_2": [(1_049_600, 51_380_224), (2_360_320, 115_605_504), (1_052_672, 51_380_224)],
    "conv5_3": [(1_049_600, 51_380_224), (2_360_320, 115_605_504), (1_052_672, 51_380_224)],
}
LAYER_PARTS = [
    ("branch.conv1", "branch.norm1"),
    ("branch.conv2", "branch.norm2"),
    ("branch.conv3", "branch.norm3"),
    ("shortcut.projection", "shortcut.norm"),
]


def parameters_of(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def layers_with_weights(network: Chain) -> int:
    """Those of the table; projections of shortcuts are not counted as layers."""
    found = [path for path, module in network.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    return sum("shortcut" not in path for path in found)


@pytest.mark.parametrize("name", SIZES)
def test_sizes_are_those_of_the_table(name: str) -> None:
    network = build(name)
    assert (inspect(network).parameters, sum(macs_by_module(network).values())) == SIZES[name]
    assert (network.input_shape, network.num_classes) == ((3, 224, 224), 1000)


@pytest.mark.parametrize(("name", "options", "parameters", "macs"), UNDER_OPTIONS)
def test_sizes_under_options(name: str, options: dict[str, Any], parameters: int, macs: int) -> None:
    network = build(name, **options)
    assert inspect(network).parameters == parameters
    assert sum(macs_by_module(network).values()) == macs


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "plain18", "plain34"])
def test_depth_counts_the_layers_with_weights(name: str) -> None:
    assert layers_with_weights(build(name)) == int("".join(filter(str.isdigit, name)))


@pytest.mark.parametrize("name", STAGES)
def test_stage_by_stage(name: str) -> None:
    network = build(name)
    parameters, macs = Counter[str](), Counter[str]()
    for row in inspect(network).rows:
        parameters[row.name.split("_")[0]] += row.parameters
    for path, count in macs_by_module(network).items():
        macs[path.split("_")[0].split(".")[0]] += count
    assert {stage: (parameters[stage], macs[stage]) for stage in STAGES[name]} == STAGES[name]


def test_fifty_layers_one_by_one() -> None:
    network = build("resnet50")
    macs = macs_by_module(network)
    for row, layers in LAYERS_50.items():
        block = network.get_submodule(row)
        found = [
            (
                parameters_of(block.get_submodule(convolution)) + parameters_of(block.get_submodule(norm)),
                macs[f"{row}.{convolution}"],
            )
            for convolution, norm in LAYER_PARTS[: len(layers)]
        ]
        assert found == layers, row
        assert parameters_of(block) == sum(parameters for parameters, _ in layers)
    assert [row for row in network.rows if "_" in row] == list(LAYERS_50)


@pytest.mark.parametrize(("name", "widths"), [("resnet34", (64, 128, 256, 512)), ("resnet50", (256, 512, 1024, 2048))])
def test_the_rows_have_the_sizes_of_the_table(name: str, widths: tuple[int, ...]) -> None:
    found = {row: site.shape for row, site in build(name).sites.items()}
    expected: dict[str, tuple[int, ...]] = {"conv1": (64, 112, 112), "pool1": (64, 56, 56)}
    for stage, (blocks, width, side) in enumerate(zip((3, 4, 6, 3), widths, (56, 28, 14, 7), strict=True), start=2):
        expected |= {f"conv{stage}_{number}": (width, side, side) for number in range(1, blocks + 1)}
    assert found == {**expected, "average": widths[-1:], "fc": (1000,)}


def test_the_deep_stem_has_three_rows() -> None:
    sites = build("resnet50_c").sites
    assert [(row, sites[row].shape) for row in list(sites)[:4]] == [
        ("conv1_1", (32, 112, 112)),
        ("conv1_2", (32, 112, 112)),
        ("conv1_3", (64, 112, 112)),
        ("pool1", (64, 56, 56)),
    ]


@pytest.mark.parametrize("option", ["A", "B", "C", "A-pooled", "B-pooled"])
def test_a_stride_changes_the_shape_even_where_the_channels_stay(option: Shortcut) -> None:
    module, out = shortcut_of(option, 8, 2)(Site(8, 7, 5, classes=10))
    assert out.shape == (8, 4, 3)
    assert module(torch.randn(2, 8, 7, 5)).shape == (2, 8, 4, 3)


@pytest.mark.parametrize(
    ("name", "first", "second"), [("resnet50", 2, 1), ("resnet50_v1_5", 1, 2), ("resnet50_c", 1, 2)]
)
@pytest.mark.parametrize("row", ["conv3_1", "conv4_1", "conv5_1"])
def test_where_a_version_has_its_stride(name: str, first: int, second: int, row: str) -> None:
    block = build(name).get_submodule(row)
    strides = [block.get_submodule(f"branch.conv{number}").stride for number in (1, 2, 3)]
    assert strides == [(first, first), (second, second), (1, 1)]
    assert block.get_submodule("shortcut.projection").stride == (2, 2)


def test_the_shortcut_of_version_d_projects_the_mean_of_pixels() -> None:
    network = cn.create("resnet50_d", input_size=32).eval()
    shortcut = network.get_submodule("conv3_1.shortcut")
    weight = network.get_parameter("conv3_1.shortcut.projection.weight")
    arrives = torch.randn(2, 256, 8, 8, generator=torch.manual_seed(0))
    means = F.avg_pool2d(arrives, 2)
    torch.testing.assert_close(shortcut(arrives), F.conv2d(means, weight) / math.sqrt(1 + 1e-5))
    # A map of odd size: what hangs over its border does not count.
    odd = shortcut(torch.ones(1, 256, 5, 5))
    torch.testing.assert_close(odd, odd[:, :, :1, :1].expand(-1, -1, 3, 3))
    # Where only the channels grow nothing is averaged.
    assert not hasattr(network.get_submodule("conv2_1.shortcut"), "pool")


def test_a_bottleneck_is_relu_of_branch_plus_shortcut() -> None:
    network = cn.create("resnet50", input_size=32).eval()
    weights = network.state_dict()
    arrives = torch.randn(2, 64, 8, 8, generator=torch.manual_seed(0)).relu()

    def layer(images: torch.Tensor, path: str, norm: str, padding: int = 0) -> torch.Tensor:
        convolved = F.conv2d(images, weights[f"conv2_1.{path}.weight"], padding=padding)
        statistics = [weights[f"conv2_1.{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        return F.batch_norm(convolved, *statistics)

    first = layer(arrives, "branch.conv1", "branch.norm1").relu()
    second = layer(first, "branch.conv2", "branch.norm2", padding=1).relu()
    sums = layer(second, "branch.conv3", "branch.norm3") + layer(arrives, "shortcut.projection", "shortcut.norm")
    torch.testing.assert_close(network.get_submodule("conv2_1")(arrives), sums.relu())


def test_first_weights_are_by_hes_rule() -> None:
    torch.manual_seed(0)
    network = cn.create("resnet50", input_size=32)
    for path, fan_in in (("conv1.convolution", 147), ("conv3_1.branch.conv2", 1152), ("fc", 2048)):
        weight = network.get_parameter(f"{path}.weight")
        assert weight.std().item() == pytest.approx(math.sqrt(2 / fan_in), rel=0.03)
    assert not network.get_parameter("fc.bias").any()
    assert network.get_parameter("conv2_1.branch.norm3.weight").eq(1).all()
    modern = cn.create("resnet50", input_size=32, first_weights="modern")
    assert not modern.get_parameter("conv2_1.branch.norm3.weight").any()


def test_keras_has_biases_and_an_epsilon_of_its_own() -> None:
    network = build("resnet50", conv_bias=True, norm_epsilon=1.001e-5)
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert len(convolutions) == 53
    assert sum(module.bias.numel() for module in convolutions if module.bias is not None) == 26_560
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert {module.eps for module in norms} == {1.001e-5}
    assert {module.eps for module in build("resnet50").modules() if isinstance(module, nn.BatchNorm2d)} == {1e-5}


def test_the_small_stem_is_for_images_of_32_pixels() -> None:
    network = build("resnet18", stem="small", num_classes=10)
    assert network.input_shape == (3, 32, 32)
    assert "pool1" not in network.rows
    shapes = [network.sites[row].shape for row in ("conv1", "conv2_2", "conv3_2", "conv4_2", "conv5_2")]
    assert shapes == [(64, 32, 32), (64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4)]
    # conv1 and fc alone differ from the paper's: 64 x 3 x (49 - 9) weights and 990 classes fewer.
    assert inspect(network).parameters == 11_689_512 - 7_680 - 990 * 513


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "resnet50_d", "plain34"])
def test_a_single_pixel_is_enough(name: str) -> None:
    network = build(name)
    assert network.smallest_input() == 1
    assert network(torch.empty(2, 3, 1, 1, device="meta")).shape == (2, 1000)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("resnet50", {"shortcut": "D"}, "shortcut must be A, B, C, A-pooled or B-pooled, not 'D'"),
        ("resnet50", {"stem": "tiny"}, "stem must be 7x7, deep or small, not 'tiny'"),
        ("plain18", {"stem": ["small"]}, "stem must be 7x7, deep or small, not ['small']"),
        ("resnet18", {"blocks": [2, 2, 2]}, "blocks must be four whole numbers of at least 1, not [2, 2, 2]"),
        ("resnet18", {"blocks": [2, 2, 2, 0]}, "blocks must be four whole numbers of at least 1, not [2, 2, 2, 0]"),
        ("plain34", {"blocks": 3}, "blocks must be four whole numbers of at least 1, not 3"),
        ("resnet50", {"norm_epsilon": 0}, "norm_epsilon must be a number between 0 and 1, not 0"),
        ("resnet50", {"norm_epsilon": "small"}, "norm_epsilon must be a number between 0 and 1, not 'small'"),
        ("resnet50", {"conv_bias": "yes"}, "conv_bias must be True or False, not 'yes'"),
        ("resnet50", {"version": "v2"}, "resnet50 has no option 'version'"),
        ("plain18", {"shortcut": "A"}, "plain18 has no option 'shortcut'"),
    ],
)
def test_a_wrong_option_is_named_in_one_line(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        build(name, **options)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
