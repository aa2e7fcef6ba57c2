"""GoogLeNet beside table 1 and figure 3 of Szegedy et al. (CVPR 2015)."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import classicnets as cn
from classicnets.errors import UsageError
from classicnets.inspection.inspection import inspect
from classicnets.layers.response_norm import ResponseNorm
from classicnets.networks import build
from classicnets.networks.chain import Chain, Site
from classicnets.networks.googlenet import inception, naive_inception
from tests.networks.counting import count_macs, macs_by_module, macs_by_row

# Name, options, parameters, those of the auxiliary heads, MACs.
SIZES: list[tuple[str, dict[str, Any], int, int, int]] = [
    ("googlenet", {}, 6_998_552, 6_379_728, 1_582_671_872),
    ("googlenet", {"conv1": "separable"}, 6_991_792, 6_379_728, 1_498_677_248),
    ("googlenet", {"stem": "small"}, 6_990_872, 6_379_728, 1_562_157_056),
    ("googlenet_caffe", {}, 6_998_552, 6_379_728, 1_582_671_872),
    ("googlenet_bn", {}, 6_624_904, 6_379_984, 1_498_376_192),
    ("googlenet_bn", {"stem": "small"}, 6_617_224, 6_379_984, 1_452_056_576),
    ("inception_naive", {}, 97_526_008, 6_748_368, 12_568_061_056),
    ("inception_naive", {"stem": "small"}, 97_518_328, 6_748_368, 15_909_220_480),
]

# Table 1: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool proj.
COLUMNS = {
    "inception_3a": (64, 96, 128, 16, 32, 32),
    "inception_3b": (128, 128, 192, 32, 96, 64),
    "inception_4a": (192, 96, 208, 16, 48, 64),
    "inception_4b": (160, 112, 224, 24, 64, 64),
    "inception_4c": (128, 128, 256, 24, 64, 64),
    "inception_4d": (112, 144, 288, 32, 64, 64),
    "inception_4e": (256, 160, 320, 32, 128, 128),
    "inception_5a": (256, 160, 320, 32, 128, 128),
    "inception_5b": (384, 192, 384, 48, 128, 128),
}

# Their order in `COLUMNS`, with the sides of the kernels.
CONVOLUTIONS = {
    "one_by_one": 1,
    "three_by_three.reduce": 1,
    "three_by_three.convolve": 3,
    "five_by_five.reduce": 1,
    "five_by_five.convolve": 5,
    "pool.project": 1,
}


@pytest.fixture(scope="module")
def small() -> Chain:
    torch.manual_seed(0)
    return cn.create("googlenet", stem="small", num_classes=10)


def convolution_at(network: Chain, path: str) -> nn.Conv2d:
    module = network.get_submodule(path)
    assert isinstance(module, nn.Conv2d)
    return module


@pytest.mark.parametrize(("name", "options", "parameters", "aux_parameters", "macs"), SIZES)
def test_sizes(name: str, options: dict[str, Any], parameters: int, aux_parameters: int, macs: int) -> None:
    network = build(name, **options)
    assert (inspect(network).parameters, inspect(network).aux_parameters) == (parameters, aux_parameters)
    assert count_macs(network) == macs


def test_the_auxiliary_heads_of_torchvisions_network_count_in_all() -> None:
    _, _, parameters, aux_parameters, _ = SIZES[4]
    assert parameters + aux_parameters == 13_004_888


def test_table_1_row_by_row() -> None:
    network = build("googlenet")
    macs = macs_by_row(network)
    assert [(row.name, row.output, row.parameters, macs[row.name]) for row in inspect(network).rows] == [
        ("conv1", (64, 112, 112), 9_472, 118_013_952),
        ("pool1", (64, 56, 56), 0, 0),
        ("norm1", (64, 56, 56), 0, 0),
        ("conv2", (192, 56, 56), 114_944, 359_661_568),
        ("norm2", (192, 56, 56), 0, 0),
        ("pool2", (192, 28, 28), 0, 0),
        ("inception_3a", (256, 28, 28), 163_696, 128_049_152),
        ("inception_3b", (480, 28, 28), 388_736, 304_267_264),
        ("pool3", (480, 14, 14), 0, 0),
        ("inception_4a", (512, 14, 14), 376_176, 73_608_192),
        ("inception_4b", (512, 14, 14), 449_160, 87_908_352),
        ("inception_4c", (512, 14, 14), 510_104, 99_850_240),
        ("inception_4d", (528, 14, 14), 605_376, 118_515_712),
        ("inception_4e", (832, 14, 14), 868_352, 169_996_288),
        ("pool4", (832, 7, 7), 0, 0),
        ("inception_5a", (832, 7, 7), 1_043_456, 51_079_168),
        ("inception_5b", (1024, 7, 7), 1_444_080, 70_697_984),
        ("average", (1024,), 0, 0),
        ("dropout", (1024,), 0, 0),
        ("fc", (1000,), 1_025_000, 1_024_000),
    ]


@pytest.mark.parametrize("name", ["googlenet", "googlenet_caffe", "googlenet_bn"])
@pytest.mark.parametrize("row", COLUMNS)
def test_the_modules_have_the_columns_of_table_1(name: str, row: str) -> None:
    network = build(name)
    for channels, (path, kernel) in zip(COLUMNS[row], CONVOLUTIONS.items(), strict=True):
        layer = convolution_at(network, f"{row}.{path}.convolution")
        side = 3 if (name, kernel) == ("googlenet_bn", 5) else kernel
        assert layer.out_channels == channels
        assert layer.kernel_size == (side, side)
        assert layer.padding == (side // 2, side // 2)
        assert (layer.bias is None) == (name == "googlenet_bn")


def test_it_is_22_layers_deep_with_parameters() -> None:
    network = build("googlenet")
    modules = [row for row in network.rows if row.startswith("inception")]
    assert len(modules) == 9
    conv1, conv2, fc = 1, 2, 1
    assert conv1 + conv2 + 2 * len(modules) + fc == 22
    pools = [row for row in network.rows if row.startswith(("pool", "average"))]
    assert 22 + len(pools) == 27


def test_a_module_joins_four_ways_to_see_its_input() -> None:
    torch.manual_seed(0)
    module, out = inception(4, (3, 5), (2, 6), 7)(Site(8, 9, 11, 10))
    assert out.shape == (4 + 5 + 6 + 7, 9, 11)
    weights = dict(module.named_parameters())
    images = torch.randn(2, 8, 9, 11)

    def layer(inputs: torch.Tensor, path: str, padding: int = 0) -> torch.Tensor:
        bias = weights[f"{path}.convolution.bias"]
        return F.conv2d(inputs, weights[f"{path}.convolution.weight"], bias, padding=padding).relu()

    expected = [
        layer(images, "one_by_one"),
        layer(layer(images, "three_by_three.reduce"), "three_by_three.convolve", padding=1),
        layer(layer(images, "five_by_five.reduce"), "five_by_five.convolve", padding=2),
        layer(F.max_pool2d(images, 3, stride=1, padding=1), "pool.project"),
    ]
    torch.testing.assert_close(module(images), torch.cat(expected, dim=1))


def test_the_module_of_the_lectures_gives_672_maps_for_854_million() -> None:
    widths = (128, (128, 192), (32, 96), 64)
    site = Site(256, 28, 28, 1000)
    naive, out = naive_inception(*widths)(site)
    assert out.shape == (128 + 192 + 96 + 256, 28, 28)
    weights = sum(layer.weight.numel() for layer in naive.modules() if isinstance(layer, nn.Conv2d))
    assert weights * 28 * 28 == 854_196_224
    reduced, out = inception(*widths)(site)
    assert out.shape == (480, 28, 28)
    weights = sum(layer.weight.numel() for layer in reduced.modules() if isinstance(layer, nn.Conv2d))
    assert weights * 28 * 28 == 304_267_264


def test_the_maps_of_naive_modules_grow() -> None:
    network = build("inception_naive")
    assert network.rows == build("googlenet").rows
    channels = [network.sites[row].channels for row in COLUMNS]
    assert channels == [416, 832, 1280, 1728, 2176, 2640, 3344, 4048, 4944]


@pytest.mark.parametrize("name", ["googlenet", "googlenet_caffe"])
def test_pooling_comes_before_the_first_normalisation_and_after_the_second(name: str) -> None:
    network = build(name)
    assert network.rows[:6] == ("conv1", "pool1", "norm1", "conv2", "norm2", "pool2")
    for row in ("norm1", "norm2"):
        norm = network.get_submodule(row)
        assert isinstance(norm, ResponseNorm)
        caffe = name == "googlenet_caffe"
        assert (norm.size, norm.alpha, norm.beta) == (5, 1e-4, 0.75)
        assert (norm.k, norm.divide_alpha) == ((1.0, True) if caffe else (2.0, False))


def test_pooling_that_rounds_down_gives_the_sides_of_onnx() -> None:
    floor = build("googlenet_caffe", pools="floor")
    sides = [floor.sites[row].height for row in ("conv1", "pool1", "pool2", "pool3", "pool4")]
    assert sides == [112, 55, 27, 13, 6]
    assert inspect(floor).parameters == 6_998_552
    assert count_macs(floor) == 1_431_556_352


@pytest.mark.parametrize("name", ["googlenet", "googlenet_caffe", "googlenet_bn", "inception_naive"])
def test_dropout_is_the_papers_but_for_torchvisions(name: str) -> None:
    modules = build(name).named_modules()
    dropped = {path: module.p for path, module in modules if isinstance(module, nn.Dropout)}
    assert dropped == {
        "dropout": 0.2 if name == "googlenet_bn" else 0.4,
        "aux.inception_4a.hidden.dropout": 0.7,
        "aux.inception_4d.hidden.dropout": 0.7,
    }


def test_the_auxiliary_heads_read_4x4_means() -> None:
    network = build("googlenet")
    sizes = {row: sum(parameter.numel() for parameter in head.parameters()) for row, head in network.aux.items()}
    assert sizes == {"inception_4a": 3_188_840, "inception_4d": 3_190_888}
    for row, channels in (("inception_4a", 512), ("inception_4d", 528)):
        head = network.aux[row]
        maps = torch.empty(1, channels, 14, 14, device="meta")
        assert head.get_submodule("average")(maps).shape == (1, channels, 4, 4)
        assert head.get_parameter("project.convolution.weight").shape == (128, channels, 1, 1)
        assert head.get_parameter("hidden.linear.weight").shape == (1024, 2048)


def test_the_auxiliary_heads_are_made_for_one_size_of_image() -> None:
    with torch.device("meta"):
        network = cn.create("googlenet")
        larger = torch.empty(1, 3, 288, 288)
    assert network(larger).shape == (1, 1000)
    with pytest.raises(UsageError, match=r"googlenet takes images of 224x224 pixels, not 288x288: .*aux.inception_4a"):
        network.forward_with_aux(larger)


def test_torchvisions_auxiliary_heads_take_any_size() -> None:
    with torch.device("meta"):
        logits, auxiliary = cn.create("googlenet_bn").eval().forward_with_aux(torch.empty(1, 3, 288, 160))
    assert {tuple(head.shape) for head in (logits, *auxiliary.values())} == {(1, 1000)}


def test_the_separable_convolution_is_what_table_1_prints() -> None:
    network = build("googlenet", conv1="separable")
    parameters = {row.name: row.parameters for row in inspect(network).rows}
    assert parameters["conv1"] == 49 * 3 * 8 + 24 * 64 == 2_712
    assert f"{2_712 / 1000:.1f}K" == "2.7K"
    macs = macs_by_module(network)
    assert macs["conv1.depthwise"] + macs["conv1.convolution"] == 34_019_328
    depthwise = convolution_at(network, "conv1.depthwise")
    assert (depthwise.groups, depthwise.out_channels, depthwise.kernel_size) == (3, 24, (7, 7))
    assert convolution_at(build("googlenet", conv1="separable", in_channels=1), "conv1.depthwise").out_channels == 8


def test_the_small_stem_keeps_32_pixels_up_to_the_modules(small: Chain) -> None:
    assert small.input_shape == (3, 32, 32)
    assert small.rows[:5] == ("conv1", "norm1", "conv2", "norm2", "inception_3a")
    sides = {row: site.height for row, site in small.sites.items() if not site.flat}
    assert {row: sides[row] for row in ("conv1", "inception_3b", "inception_4e", "inception_5b")} == {
        "conv1": 32,
        "inception_3b": 32,
        "inception_4e": 16,
        "inception_5b": 8,
    }
    logits, auxiliary = small.eval().forward_with_aux(torch.zeros(1, 3, 32, 32))
    assert {tuple(head.shape) for head in (logits, *auxiliary.values())} == {(1, 10)}
    assert build("googlenet_bn", stem="small").rows[:3] == ("conv1", "conv2", "inception_3a")


def test_torchvisions_network_normalises_before_each_relu() -> None:
    network = build("googlenet_bn")
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert {norm.eps for norm in norms} == {0.001}
    assert len(norms) == 57 + 2
    unit = [type(module) for module in network.get_submodule("conv2.convolve").children()]
    assert unit == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]
    assert not any(isinstance(module, ResponseNorm) for module in network.modules())
    pool4 = network.get_submodule("pool4")
    assert isinstance(pool4, nn.MaxPool2d)
    assert (pool4.kernel_size, pool4.stride) == (2, 2)


def test_the_first_weights_are_caffes(small: Chain) -> None:
    for path, layer in small.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            bound = math.sqrt(3 / layer.weight[0].numel())
            assert layer.weight.abs().max().item() <= bound * (1 + 1e-6)  # the bound itself is rounded to float32
            assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.15), path
            assert layer.bias is not None
            bias = 0.0 if path in ("fc", "aux.inception_4a.fc", "aux.inception_4d.fc") else 0.2
            assert torch.equal(layer.bias, torch.full_like(layer.bias, bias)), path


def test_a_new_head_begins_as_the_old_one_did(small: Chain) -> None:
    other = cn.create("googlenet", stem="small", num_classes=10).replace_head(3)
    for path in ("fc", "aux.inception_4a.fc"):
        assert not other.get_parameter(f"{path}.bias").any()
    assert other.get_parameter("aux.inception_4a.hidden.linear.bias").mean().item() == pytest.approx(0.2)


def test_the_first_weights_of_torchvisions_are_cut_at_two_deviations() -> None:
    torch.manual_seed(0)
    network = cn.create("googlenet_bn", stem="small")
    weights = [layer.weight for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    everything = torch.cat([weight.flatten() for weight in weights])
    assert everything.abs().max().item() <= 0.02
    assert everything.std().item() == pytest.approx(0.0088, rel=0.01)


@pytest.mark.parametrize(
    ("name", "options", "smallest"),
    [
        ("googlenet", {}, 79),
        ("googlenet", {"stem": "small"}, 10),
        ("googlenet_caffe", {"pools": "floor"}, 93),
        ("googlenet_bn", {}, 15),
        ("inception_naive", {}, 79),
    ],
)
def test_the_smallest_images_are_those_that_the_auxiliary_heads_take(
    name: str, options: dict[str, Any], smallest: int
) -> None:
    assert build(name, **options).smallest_input() == smallest
    expected = f"{name} takes images of at least {smallest}x{smallest} pixels, not {smallest - 1}x{smallest - 1}: "
    with pytest.raises(UsageError, match=expected) as caught:
        build(name, input_size=smallest - 1, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "option", "choices"),
    [
        ("googlenet", "conv1", "dense or separable"),
        ("googlenet", "stem", "paper or small"),
        ("googlenet_bn", "stem", "paper or small"),
        ("inception_naive", "stem", "paper or small"),
        ("googlenet_caffe", "pools", "ceil or floor"),
    ],
)
@pytest.mark.parametrize("wrong", ["big", None, 7, ["small"]])
def test_an_unknown_option_is_named(name: str, option: str, choices: str, wrong: object) -> None:
    with pytest.raises(UsageError, match=f"{option} must be {choices}, not ") as caught:
        build(name, **dict[str, Any]({option: wrong}))
    assert "\n" not in str(caught.value)
