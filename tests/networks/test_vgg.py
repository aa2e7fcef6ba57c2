"""VGG beside table 1 of Simonyan, Zisserman (ICLR 2015)."""

import math

import pytest
import torch
from torch import nn

import classicnets as cn
from classicnets.errors import UsageError
from classicnets.inspection.inspection import inspect
from classicnets.layers.response_norm import ResponseNorm
from classicnets.networks import build
from classicnets.networks.chain import Chain
from tests.networks.counting import count_macs, macs_by_row

# Parameters counted over the table, millions as printed, MACs.
SIZES = {
    "vgg11": (132_863_336, 133, 7_609_090_048),
    "vgg11_lrn": (132_863_336, 133, 7_609_090_048),
    "vgg13": (133_047_848, 133, 11_308_466_176),
    "vgg16_1x1": (133_638_952, 134, 11_770_888_192),
    "vgg16": (138_357_544, 138, 15_470_264_320),
    "vgg19": (143_667_240, 144, 19_632_062_464),
}
NORMALISED = {
    "vgg11_bn": (132_868_840, 7_609_090_048),
    "vgg13_bn": (133_053_736, 11_308_466_176),
    "vgg16_bn": (138_365_992, 15_470_264_320),
    "vgg19_bn": (143_678_248, 19_632_062_464),
}


@pytest.fixture(scope="module")
def small() -> Chain:
    torch.manual_seed(0)
    return cn.create("vgg11", input_size=32)


def layers(network: Chain) -> list[nn.Conv2d | nn.Linear]:
    return [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("head", ["connected", "convolutional"])
def test_sizes_are_as_printed(name: str, head: str) -> None:
    parameters, millions, macs = SIZES[name]
    network = build(name, head=head)
    assert inspect(network).parameters == parameters
    assert round(parameters / 1e6) == millions
    assert count_macs(network) == macs


@pytest.mark.parametrize("name", NORMALISED)
def test_normalisation_adds_two_parameters_a_map(name: str) -> None:
    parameters, macs = NORMALISED[name]
    network = build(name)
    assert inspect(network).parameters == parameters
    assert count_macs(network) == macs
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert parameters - SIZES[name.removesuffix("_bn")][0] == 2 * sum(module.out_channels for module in convolutions)
    assert all(module.bias is not None for module in convolutions)


@pytest.mark.parametrize("name", [*SIZES, *NORMALISED])
def test_the_name_counts_the_layers_with_weights(name: str) -> None:
    assert f"vgg{len(layers(build(name)))}" == name.split("_")[0]


def test_configuration_d_row_by_row() -> None:
    network = build("vgg16")
    macs = macs_by_row(network)
    assert [(row.name, row.output, row.parameters, macs[row.name]) for row in inspect(network).rows] == [
        ("conv1_1", (64, 224, 224), 1_792, 86_704_128),
        ("conv1_2", (64, 224, 224), 36_928, 1_849_688_064),
        ("pool1", (64, 112, 112), 0, 0),
        ("conv2_1", (128, 112, 112), 73_856, 924_844_032),
        ("conv2_2", (128, 112, 112), 147_584, 1_849_688_064),
        ("pool2", (128, 56, 56), 0, 0),
        ("conv3_1", (256, 56, 56), 295_168, 924_844_032),
        ("conv3_2", (256, 56, 56), 590_080, 1_849_688_064),
        ("conv3_3", (256, 56, 56), 590_080, 1_849_688_064),
        ("pool3", (256, 28, 28), 0, 0),
        ("conv4_1", (512, 28, 28), 1_180_160, 924_844_032),
        ("conv4_2", (512, 28, 28), 2_359_808, 1_849_688_064),
        ("conv4_3", (512, 28, 28), 2_359_808, 1_849_688_064),
        ("pool4", (512, 14, 14), 0, 0),
        ("conv5_1", (512, 14, 14), 2_359_808, 462_422_016),
        ("conv5_2", (512, 14, 14), 2_359_808, 462_422_016),
        ("conv5_3", (512, 14, 14), 2_359_808, 462_422_016),
        ("pool5", (512, 7, 7), 0, 0),
        ("fc6", (4096,), 102_764_544, 102_760_448),
        ("fc7", (4096,), 16_781_312, 16_777_216),
        ("fc8", (1000,), 4_097_000, 4_096_000),
    ]


TABLE_1 = {
    "vgg11": "3-64 M 3-128 M 3-256 3-256 M 3-512 3-512 M 3-512 3-512 M",
    "vgg11_lrn": "3-64 LRN M 3-128 M 3-256 3-256 M 3-512 3-512 M 3-512 3-512 M",
    "vgg13": "3-64 3-64 M 3-128 3-128 M 3-256 3-256 M 3-512 3-512 M 3-512 3-512 M",
    "vgg16_1x1": "3-64 3-64 M 3-128 3-128 M 3-256 3-256 1-256 M 3-512 3-512 1-512 M 3-512 3-512 1-512 M",
    "vgg16": "3-64 3-64 M 3-128 3-128 M 3-256 3-256 3-256 M 3-512 3-512 3-512 M 3-512 3-512 3-512 M",
    "vgg19": "3-64 3-64 M 3-128 3-128 M 3-256 3-256 3-256 3-256 M 3-512 3-512 3-512 3-512 M 3-512 3-512 3-512 3-512 M",
}


@pytest.mark.parametrize("name", TABLE_1)
def test_the_columns_of_table_1(name: str) -> None:
    found = []
    for row, module in build(name).row_modules():
        if isinstance(module, nn.MaxPool2d):
            assert (module.kernel_size, module.stride, module.padding) == (2, 2, 0)
            found.append("M")
        elif isinstance(module, ResponseNorm):
            found.append("LRN")
        elif row.startswith("conv"):
            first, relu = module.children()
            assert isinstance(first, nn.Conv2d)
            assert isinstance(relu, nn.ReLU)
            assert first.stride == (1, 1)
            assert first.padding == (first.kernel_size[0] // 2, first.kernel_size[0] // 2)
            found.append(f"{first.kernel_size[0]}-{first.out_channels}")
    assert " ".join(found) == TABLE_1[name]


@pytest.mark.parametrize(("name", "values"), [("vgg11", 9_116_136), ("vgg16", 15_237_608), ("vgg19", 16_542_184)])
def test_the_values_of_a_forward_are_15_million_not_24(name: str, values: int) -> None:
    network = build(name)
    outputs = sum(math.prod(site.shape) for site in network.sites.values())
    assert math.prod(network.input_shape) + outputs == values


def test_the_normalisation_of_a_lrn_follows_the_first_relu_with_alexnets_figures() -> None:
    network = build("vgg11_lrn")
    assert network.rows[:3] == ("conv1_1", "norm1", "pool1")
    norm = network.get_submodule("norm1")
    assert isinstance(norm, ResponseNorm)
    assert (norm.size, norm.alpha, norm.beta, norm.k, norm.divide_alpha) == (5, 1e-4, 0.75, 2.0, False)


def test_half_of_fc6_and_fc7_drops_out() -> None:
    modules = build("vgg16").named_modules()
    dropped = {path: module.p for path, module in modules if isinstance(module, nn.Dropout)}
    assert dropped == {"fc6.dropout": 0.5, "fc7.dropout": 0.5}


def test_the_first_weights_have_the_printed_variance(small: Chain) -> None:
    for layer in layers(small):
        assert layer.weight.var().item() == pytest.approx(0.01, rel=0.1)
        assert layer.weight.mean().item() == pytest.approx(0, abs=0.01)
        assert layer.bias is not None
        assert not layer.bias.any()


@pytest.mark.parametrize("rule", ["deviation", "glorot"])
def test_the_other_rules_for_first_weights(rule: str) -> None:
    torch.manual_seed(0)
    network = cn.create("vgg11", input_size=32, initialisation=rule)
    assert network.options == {"initialisation": rule}
    for layer in layers(network):
        pixels = layer.weight[0, 0].numel()
        glorot = math.sqrt(2 / (sum(layer.weight.shape[:2]) * pixels))
        deviation = glorot if rule == "glorot" else 0.01
        assert layer.weight.std().item() == pytest.approx(deviation, rel=0.05)
        assert (layer.weight.abs().max().item() <= math.sqrt(3) * deviation * 1.0001) == (rule == "glorot"), "uniform"
        assert layer.bias is not None
        assert not layer.bias.any()


def test_normalised_layers_begin_by_hes_rule() -> None:
    torch.manual_seed(0)
    network = cn.create("vgg11_bn", input_size=32)
    for layer in layers(network):
        assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / layer.weight[0].numel()), rel=0.05)


def test_images_of_32_pixels_are_the_smallest() -> None:
    assert all(build(name).smallest_input() == 32 for name in (*SIZES, *NORMALISED))
    with pytest.raises(UsageError, match="vgg16 takes images of at least 32x32 pixels, not 31x40: 1x2 pixels arrive"):
        build("vgg16", input_size=(31, 40))


def test_fc6_is_made_for_the_input_size(small: Chain) -> None:
    assert small.get_parameter("fc6.linear.weight").shape == (4096, 512)
    assert small.eval()(torch.zeros(1, 3, 32, 32)).shape == (1, 1000)
    assert build("vgg11", input_size=(64, 128)).get_parameter("fc6.linear.weight").shape == (4096, 512 * 2 * 4)
    with pytest.raises(UsageError, match=r"vgg11 takes images of 32x32 pixels, not 64x64: the weights of row fc6"):
        small(torch.zeros(1, 3, 64, 64))


def test_a_convolutional_head_takes_larger_images() -> None:
    with torch.device("meta"):
        network = cn.create("vgg11", head="convolutional")
        images = torch.empty(2, 3, 256, 384)
    assert network(images).shape == (2, 1000)
    assert network.upto("fc7")(images).shape == (2, 4096, 2, 6)
    with pytest.raises(UsageError, match="vgg11 takes images of 224x224 pixels, not 192x384"):
        network(images[:, :, :192])


@pytest.mark.parametrize("name", ["vgg16", "vgg16_bn"])
@pytest.mark.parametrize("wrong", ["dense", None, ["connected"]])
def test_an_unknown_head_is_named(name: str, wrong: object) -> None:
    with pytest.raises(UsageError, match="head must be connected or convolutional, not "):
        build(name, head=wrong)


@pytest.mark.parametrize("wrong", ["he", 0.1, None, ["variance"]])
def test_an_unknown_rule_is_named(wrong: object) -> None:
    with pytest.raises(UsageError, match="initialisation must be variance, deviation or glorot, not ") as caught:
        build("vgg16", initialisation=wrong)
    assert "\n" not in str(caught.value)
