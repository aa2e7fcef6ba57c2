"""BN-Inception beside figure 5 of Ioffe, Szegedy (ICML 2015)."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import classicnets as cn
from classicnets.errors import UsageError
from classicnets.inspection.inspection import inspect
from classicnets.networks import build
from classicnets.networks.bn_inception import HalvingPool, separable
from classicnets.networks.chain import Chain, Site
from tests.networks.counting import count_macs, macs_by_module, macs_by_row

# Options, parameters, MACs.
SIZES: list[tuple[dict[str, Any], int, int]] = [
    ({}, 11_278_528, 1_948_605_440),
    ({"projection": 96}, 11_188_288, 1_934_857_216),
    ({"projection": 96, "conv1": "dense"}, 11_194_984, 2_018_851_840),
    ({"conv1": "dense"}, 11_285_224, 2_032_600_064),
    ({"conv1": "dense", "biases": True}, 11_295_240, 2_032_600_064),
    ({"biases": True}, 11_288_544, 1_948_605_440),
    ({"stem": "small"}, 11_277_568, 2_149_842_944),
]

# Figure 5: the printed size, then 1x1, 3x3 reduce, 3x3, double 3x3 reduce, double 3x3, pool projection.
FIGURE_5 = {
    "inception_3a": ((256, 28, 28), (64, 64, 64, 64, 96, 32)),
    "inception_3b": ((320, 28, 28), (64, 64, 96, 64, 96, 64)),
    "inception_3c": ((576, 28, 28), (0, 128, 160, 64, 96, 0)),
    "inception_4a": ((576, 14, 14), (224, 64, 96, 96, 128, 128)),
    "inception_4b": ((576, 14, 14), (192, 96, 128, 96, 128, 128)),
    "inception_4c": ((576, 14, 14), (160, 128, 160, 128, 160, 128)),
    "inception_4d": ((576, 14, 14), (96, 128, 192, 160, 192, 128)),
    "inception_4e": ((1024, 14, 14), (0, 128, 192, 192, 256, 0)),
    "inception_5a": ((1024, 7, 7), (352, 192, 320, 160, 224, 128)),
    "inception_5b": ((1024, 7, 7), (352, 192, 320, 192, 224, 128)),
}

# The convolutions of a module, each with its kernel and its place among the columns above.
CONVOLUTIONS = {
    "one_by_one": (1, 0),
    "three_by_three.reduce": (1, 1),
    "three_by_three.convolve": (3, 2),
    "double_three_by_three.reduce": (1, 3),
    "double_three_by_three.conv1": (3, 4),
    "double_three_by_three.conv2": (3, 4),
    "pool.project": (1, 5),
}

HALVING = ("inception_3c", "inception_4e")


def convolutions(network: Chain) -> dict[str, nn.Conv2d]:
    return {path: module for path, module in network.named_modules() if isinstance(module, nn.Conv2d)}


@pytest.mark.parametrize(("options", "parameters", "macs"), SIZES)
def test_the_sizes_of_every_reading(options: dict[str, Any], parameters: int, macs: int) -> None:
    network = build("bn_inception", **options)
    assert inspect(network).parameters == parameters
    assert count_macs(network) == macs
    assert not network.aux


def test_figure_5_row_by_row() -> None:
    network = build("bn_inception")
    macs = macs_by_row(network)
    assert [(row.name, row.output, row.parameters, macs[row.name]) for row in inspect(network).rows] == [
        ("conv1", (64, 112, 112), 2840, 34_019_328),
        ("pool1", (64, 56, 56), 0, 0),
        ("conv2", (192, 56, 56), 115_200, 359_661_568),
        ("pool2", (192, 28, 28), 0, 0),
        ("inception_3a", (256, 28, 28), 219_072, 170_999_808),
        ("inception_3b", (320, 28, 28), 260_160, 203_112_448),
        ("inception_3c", (576, 14, 14), 385_088, 143_904_768),
        ("inception_4a", (576, 14, 14), 609_984, 119_218_176),
        ("inception_4b", (576, 14, 14), 665_344, 130_056_192),
        ("inception_4c", (608, 14, 14), 914_432, 178_827_264),
        ("inception_4d", (608, 14, 14), 1_142_912, 223_584_256),
        ("inception_4e", (1056, 7, 7), 1_449_984, 164_577_280),
        ("inception_5a", (1024, 7, 7), 2_208_896, 108_079_104),
        ("inception_5b", (1024, 7, 7), 2_279_616, 111_541_248),
        ("average", (1024,), 0, 0),
        ("fc", (1000,), 1_025_000, 1_024_000),
    ]


def test_inception_v2_is_the_same_network() -> None:
    ours, theirs = build("bn_inception"), build("inception_v2")
    assert (theirs.name, theirs.rows, theirs.sites) == ("inception_v2", ours.rows, ours.sites)
    shapes = [{name: tensor.shape for name, tensor in network.state_dict().items()} for network in (ours, theirs)]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("row", FIGURE_5)
def test_the_modules_have_the_columns_of_figure_5(row: str) -> None:
    network = build("bn_inception")
    found = convolutions(network)
    columns = FIGURE_5[row][1]
    for branch, (kernel, column) in CONVOLUTIONS.items():
        path = f"{row}.{branch}.convolution"
        if not columns[column]:
            assert path not in found
            continue
        layer = found[path]
        halves = row in HALVING and branch in ("three_by_three.convolve", "double_three_by_three.conv2")
        assert layer.out_channels == columns[column]
        assert layer.kernel_size == (kernel, kernel)
        assert layer.padding == (kernel // 2, kernel // 2)
        assert layer.stride == ((2, 2) if halves else (1, 1))


def test_the_pools_are_those_of_figure_5() -> None:
    network = build("bn_inception")
    for row in FIGURE_5:
        if row in HALVING:
            assert isinstance(network.get_submodule(f"{row}.pool"), HalvingPool)
            continue
        pool = network.get_submodule(f"{row}.pool.pool")
        assert isinstance(pool, nn.MaxPool2d if row == "inception_5b" else nn.AvgPool2d)
        assert (pool.kernel_size, pool.stride, pool.padding) == (3, 1, 1)
    for row in ("pool1", "pool2"):
        pool = network.get_submodule(row)
        assert isinstance(pool, nn.MaxPool2d)
        assert (pool.kernel_size, pool.stride, pool.padding, pool.ceil_mode) == (3, 2, 0, True)


def test_with_projections_of_96_the_printed_numbers_of_maps_hold() -> None:
    sites = build("bn_inception", projection=96).sites
    assert {row: sites[row].channels for row in FIGURE_5} == {row: size[0] for row, (size, _) in FIGURE_5.items()}
    printed = {row: size[1:] for row, (size, _) in FIGURE_5.items()}
    differ = {row for row, size in printed.items() if size != (sites[row].height, sites[row].width)}
    assert differ == set(HALVING), "where the size that arrives is printed"


def test_the_cost_is_the_printed_30_percent_above_googlenets() -> None:
    googlenet = count_macs(build("googlenet", conv1="separable"))
    assert count_macs(build("bn_inception")) / googlenet == pytest.approx(1.3, abs=0.005)


def test_every_convolution_is_normalised_before_its_relu() -> None:
    network = build("bn_inception")
    found = convolutions(network)
    assert len(found) == 70, "69 and the first one's kernels of each channel by itself"
    for path in found:
        if not path.endswith("depthwise"):
            unit = network.get_submodule(path.removesuffix(".convolution"))
            assert [type(part) for part in unit.children()][-3:] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]
    assert all(layer.bias is None for layer in found.values())
    with_biases = convolutions(build("bn_inception", biases=True))
    assert {path for path, layer in with_biases.items() if layer.bias is None} == {"conv1.depthwise"}


def test_a_separable_convolution_is_eight_kernels_a_channel_then_1x1() -> None:
    torch.manual_seed(0)
    layer, out = separable(6, 7, stride=2)(Site(3, 20, 16, 10))
    layer.eval()
    assert out.shape == (6, 10, 8)
    images = torch.randn(2, 3, 20, 16)
    own, mixed = layer.get_parameter("depthwise.weight"), layer.get_parameter("convolution.weight")
    assert own.shape == (24, 1, 7, 7)
    planes = [F.conv2d(images[:, [place // 8]], own[[place]], stride=2, padding=3) for place in range(24)]
    expected = (torch.einsum("oi,nihw->nohw", mixed[:, :, 0, 0], torch.cat(planes, dim=1)) / math.sqrt(1 + 1e-5)).relu()
    torch.testing.assert_close(layer(images), expected)
    macs = macs_by_module(build("bn_inception"))
    assert (macs["conv1.depthwise"], macs["conv1.convolution"]) == (14_751_744, 19_267_584)


@pytest.mark.parametrize("side", [1, 2, 3, 4, 7, 8, 14, 15, 28])
def test_a_halving_pool_fits_beside_a_padded_convolution(side: int) -> None:
    images = torch.randn(2, 3, side, side + 1)
    pooled = HalvingPool()(images)
    assert pooled.shape == F.conv2d(images, torch.zeros(3, 3, 3, 3), stride=2, padding=1).shape
    # TensorFlow's SAME: as many zeros as are needed, the odd one at the end.
    padded = F.pad(images, ((side + 1) % 2, 1, side % 2, 1), value=-math.inf)
    assert torch.equal(pooled, F.max_pool2d(padded, 3, 2))


@pytest.mark.parametrize("side", [7, 8, 33, 100, 225, 239, 240, 255])
def test_it_takes_images_of_any_size(side: int) -> None:
    images = torch.empty(2, 3, side, side, device="meta")
    assert build("bn_inception")(images).shape == (2, 1000)
    assert build("bn_inception", input_size=side)(images).shape == (2, 1000)


def test_padding_counts_in_the_average_where_asked() -> None:
    ones = torch.ones(1, 192, 5, 5)
    for counted in (False, True):
        pool = build("bn_inception", count_padding=counted).get_submodule("inception_3a.pool.pool")
        corner = pool(ones)[0, 0, 0, 0].item()
        assert corner == pytest.approx(4 / 9 if counted else 1.0)


def test_dropout_is_a_row_of_its_own_where_asked() -> None:
    network = build("bn_inception", dropout=0.1)
    assert network.rows[-3:] == ("average", "dropout", "fc")
    drop = network.get_submodule("dropout")
    assert isinstance(drop, nn.Dropout)
    assert drop.p == 0.1
    assert "dropout" not in build("bn_inception").rows


@pytest.mark.parametrize("conv1", ["separable", "dense"])
def test_the_small_stem_keeps_32_pixels_up_to_the_modules(conv1: str) -> None:
    network = build("bn_inception", stem="small", conv1=conv1, num_classes=10)
    assert network.input_shape == (3, 32, 32)
    assert network.rows[:3] == ("conv1", "conv2", "inception_3a")
    sides = {
        row: network.sites[row].height for row in ("conv1", "conv2", "inception_3b", "inception_3c", "inception_5b")
    }
    assert sides == {"conv1": 32, "conv2": 32, "inception_3b": 32, "inception_3c": 16, "inception_5b": 8}
    assert network(torch.empty(2, 3, 32, 32, device="meta")).shape == (2, 10)


def test_first_weights_have_variance_two_by_fan_in() -> None:
    torch.manual_seed(0)
    network = cn.create("bn_inception", num_classes=10)
    for path, layer in convolutions(network).items():
        if layer.weight.numel() > 5000:
            assert layer.weight.var().item() == pytest.approx(2 / layer.weight[0].numel(), rel=0.1), path


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"conv1": "grouped"}, "conv1 must be separable or dense, not 'grouped'"),
        ({"projection": 112}, "projection must be 128 or 96, not 112"),
        ({"biases": "yes"}, "biases must be True or False, not 'yes'"),
        ({"count_padding": None}, "count_padding must be True or False, not None"),
        ({"dropout": 1}, "dropout must be a number from 0 to below 1, not 1"),
        ({"dropout": True}, "dropout must be a number from 0 to below 1, not True"),
        ({"dropout": "0.1"}, "dropout must be a number from 0 to below 1, not '0.1'"),
        ({"stem": "large"}, "stem must be paper or small, not 'large'"),
    ],
)
def test_a_wrong_option_is_named_in_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        build("bn_inception", **options)
    assert str(caught.value) == message
