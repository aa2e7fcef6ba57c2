"""AlexNet and its successors beside Krizhevsky, Sutskever, Hinton (NIPS 2012) and the releases."""

from collections import OrderedDict
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import classicnets as cn
from classicnets.errors import UsageError
from classicnets.inspection.inspection import inspect
from classicnets.layers.overhanging_convolution import OverhangingConvolution
from classicnets.layers.response_norm import ResponseNorm
from classicnets.networks import build
from classicnets.networks.chain import Chain
from tests.networks.counting import count_macs, macs_by_row

TOTALS = [
    ("alexnet", {}, 60_965_224, 724_406_816),
    ("alexnet", {"input_size": 224}, 60_965_224, 724_406_816),
    ("alexnet", {"gpus": 1}, 59_798_312, 391_514_384),
    ("alexnet", {"response_norm": "none"}, 60_965_224, 724_406_816),
    ("alexnet", {"norm_over": "tower"}, 60_965_224, 724_406_816),
    ("alexnet", {"head": "convolutional"}, 60_965_224, 724_406_816),
    ("alexnet_single", {}, 62_378_344, 1_135_256_096),
    ("alexnet_single", {"order": "pool_norm"}, 62_378_344, 1_135_256_096),
    ("alexnet_caffe", {}, 60_965_224, 724_406_816),
    ("alexnet_caffe", {"pooling": "onnx_zoo"}, 60_965_224, 724_406_816),
    ("alexnet_caffe", {"input_size": 224}, 60_965_224, 720_608_384),
    ("caffenet", {}, 60_965_224, 724_406_816),
    ("alexnet_owt", {}, 61_100_840, 714_188_480),
    ("alexnet_owt", {"widths": "paper"}, 61_838_248, 838_788_800),
    ("alexnet_owt", {"release": "cuda_convnet2"}, 61_100_840, 714_188_480),
    ("alexnet_owt", {"release": "cuda_convnet2", "widths": "paper"}, 61_838_248, 838_788_800),
]

# Output, parameters, multiply-accumulates.
ALEXNET = {
    "conv1": ((96, 55, 55), 34_944, 105_415_200),
    "norm1": ((96, 55, 55), 0, 0),
    "pool1": ((96, 27, 27), 0, 0),
    "conv2": ((256, 27, 27), 307_456, 223_948_800),
    "norm2": ((256, 27, 27), 0, 0),
    "pool2": ((256, 13, 13), 0, 0),
    "conv3": ((384, 13, 13), 885_120, 149_520_384),
    "conv4": ((384, 13, 13), 663_936, 112_140_288),
    "conv5": ((256, 13, 13), 442_624, 74_760_192),
    "pool5": ((256, 6, 6), 0, 0),
    "fc6": ((4096,), 37_752_832, 37_748_736),
    "fc7": ((4096,), 16_781_312, 16_777_216),
    "fc8": ((1000,), 4_097_000, 4_096_000),
}
OWT = {
    "conv1": ((64, 55, 55), 23_296, 70_276_800),
    "pool1": ((64, 27, 27), 0, 0),
    "conv2": ((192, 27, 27), 307_392, 223_948_800),
    "pool2": ((192, 13, 13), 0, 0),
    "conv3": ((384, 13, 13), 663_936, 112_140_288),
    "conv4": ((256, 13, 13), 884_992, 149_520_384),
    "conv5": ((256, 13, 13), 590_080, 99_680_256),
    "pool5": ((256, 6, 6), 0, 0),
    "average": ((256, 6, 6), 0, 0),
    "fc6": ((4096,), 37_752_832, 37_748_736),
    "fc7": ((4096,), 16_781_312, 16_777_216),
    "fc8": ((1000,), 4_097_000, 4_096_000),
}

NORM_FIRST = "conv1 norm1 pool1 conv2 norm2 pool2 conv3 conv4 conv5 pool5 fc6 fc7 fc8"
POOL_FIRST = "conv1 pool1 norm1 conv2 pool2 norm2 conv3 conv4 conv5 pool5 fc6 fc7 fc8"
NO_NORM = "conv1 pool1 conv2 pool2 conv3 conv4 conv5 pool5 fc6 fc7 fc8"


def facts(network: Chain) -> dict[str, tuple[tuple[int, ...], int, int]]:
    macs = macs_by_row(network)
    return {row.name: (row.output, row.parameters, macs[row.name]) for row in inspect(network).rows}


def sides(network: Chain) -> list[int]:
    """Of the maps, each size once."""
    return list(dict.fromkeys(site.height for site in network.sites.values() if not site.flat))


def norms(network: Chain) -> list[tuple[float, float, bool]]:
    """k, alpha, and whether it is divided by n, of each response normalisation."""
    found = [module for module in network.modules() if isinstance(module, ResponseNorm)]
    assert all((norm.size, norm.beta) == (5, 0.75) for norm in found)
    return [(norm.k, norm.alpha, norm.divide_alpha) for norm in found]


@pytest.fixture(scope="module")
def alexnet() -> Chain:
    torch.manual_seed(0)
    return cn.create("alexnet").eval()


@pytest.mark.parametrize(("name", "options", "parameters", "macs"), TOTALS)
def test_totals(name: str, options: dict[str, Any], parameters: int, macs: int) -> None:
    network = build(name, **options)
    assert inspect(network).parameters == parameters
    assert count_macs(network) == macs


@pytest.mark.parametrize("size", [227, 224])
def test_alexnet_row_by_row(size: int) -> None:
    assert facts(build("alexnet", input_size=size)) == ALEXNET


def test_the_one_gpu_network_has_half_the_kernels_in_the_first_four_layers() -> None:
    network = build("alexnet", gpus=1)
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert [module.out_channels for module in convolutions] == [48, 128, 192, 192, 256]
    assert {module.groups for module in convolutions} == {1}


@pytest.mark.parametrize("name", ["alexnet", "alexnet_caffe", "caffenet"])
def test_the_towers_meet_in_conv3_alone(name: str) -> None:
    network = build(name)
    groups = {row: network.get_submodule(f"{row}.convolution").groups for row in network.rows if "conv" in row}
    assert groups == {"conv1": 1, "conv2": 2, "conv3": 1, "conv4": 2, "conv5": 2}


def test_neurons_beside_the_counts_of_the_paper() -> None:
    network = build("alexnet")
    neurons = [torch.Size(site.shape).numel() for row, site in network.sites.items() if row[:2] in ("co", "fc")]
    # The paper prints 253,440 for the first, and 650,000 in all.
    assert neurons == [290_400, 186_624, 64_896, 64_896, 43_264, 4096, 4096, 1000]
    assert sum(neurons) == 659_272


@pytest.mark.parametrize(
    ("name", "options", "order"),
    [
        ("alexnet", {}, NORM_FIRST),
        ("alexnet", {"response_norm": "none"}, NO_NORM),
        ("alexnet_single", {}, NORM_FIRST),
        ("alexnet_single", {"order": "pool_norm"}, POOL_FIRST),
        ("alexnet_single", {"order": "pool_norm", "response_norm": "none"}, NO_NORM),
        ("alexnet_caffe", {}, NORM_FIRST),
        ("caffenet", {}, POOL_FIRST),
        ("alexnet_owt", {}, NO_NORM.replace("pool5", "pool5 average")),
        ("alexnet_owt", {"release": "cuda_convnet2"}, NORM_FIRST),
    ],
)
def test_the_order_of_the_rows(name: str, options: dict[str, Any], order: str) -> None:
    assert build(name, **options).rows == tuple(order.split())


@pytest.mark.parametrize(("name", "options"), [("alexnet_single", {"order": "pool_norm"}), ("caffenet", {})])
def test_normalisation_after_pooling_sees_the_smaller_maps(name: str, options: dict[str, Any]) -> None:
    network = build(name, **options)
    assert network.sites["norm1"].shape == (96, 27, 27)
    assert network.sites["norm2"].shape == (256, 13, 13)


@pytest.mark.parametrize(
    ("name", "options", "norm"),
    [
        ("alexnet", {}, (2.0, 1e-4, False)),
        ("alexnet", {"response_norm": "cuda_convnet2"}, (2.0, 1e-4, True)),
        ("alexnet_single", {"response_norm": "caffe"}, (1.0, 1e-4, True)),
        ("alexnet_caffe", {}, (1.0, 1e-4, True)),
        ("caffenet", {}, (1.0, 1e-4, True)),
        ("alexnet_owt", {"release": "cuda_convnet2"}, (2.0, 1e-4, True)),
    ],
)
def test_the_formula_of_the_normalisation(name: str, options: dict[str, Any], norm: tuple[float, float, bool]) -> None:
    assert norms(build(name, **options)) == [norm, norm]


def test_images_of_224_pixels_are_images_of_227_with_zeros_at_the_right_and_the_bottom(alexnet: Chain) -> None:
    images = torch.randn(1, 3, 224, 224, generator=torch.manual_seed(1))
    with torch.no_grad():
        assert torch.equal(alexnet(images), alexnet(F.pad(images, (0, 3, 0, 3))))
    smaller = build("alexnet", input_size=224)
    assert {key: value.shape for key, value in smaller.state_dict().items()} == {
        key: value.shape for key, value in alexnet.state_dict().items()
    }


def test_the_head_as_convolutions_computes_the_same_and_reads_larger_images(alexnet: Chain) -> None:
    dense = build("alexnet", head="convolutional")
    wanted = dense.state_dict()
    weights = zip(wanted.items(), alexnet.state_dict().values(), strict=True)
    dense.load_state_dict({key: value.view(shape.shape) for (key, shape), value in weights}, assign=True)
    images = torch.randn(1, 3, 259, 227, generator=torch.manual_seed(1))
    with torch.no_grad():
        maps = alexnet.upto("pool5")(images)
        assert maps.shape == (1, 256, 7, 6)
        fc6, fc7, fc8 = (alexnet.get_submodule(row) for row in ("fc6", "fc7", "fc8"))
        above, below = (fc8(fc7(fc6(places))) for places in (maps[:, :, :6], maps[:, :, 1:]))
        torch.testing.assert_close(dense.eval()(images), (above + below) / 2, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "expected"),
    [({}, [54, 27, 13, 6]), ({"pooling": "onnx_zoo"}, [54, 26, 12, 6])],
)
def test_maps_of_224_pixels_in_caffe_and_in_the_onnx_zoo(options: dict[str, Any], expected: list[int]) -> None:
    assert sides(build("alexnet_caffe", input_size=224, **options)) == expected
    assert sides(build("alexnet_caffe", **options)) == [55, 27, 13, 6]


def test_only_the_authors_own_conv1_hangs_over() -> None:
    names = ["alexnet", "alexnet_single", "alexnet_caffe", "caffenet", "alexnet_owt"]
    assert [isinstance(build(name).get_submodule("conv1.convolution"), OverhangingConvolution) for name in names] == [
        *(True, True),
        *(False, False, False),
    ]


@pytest.mark.parametrize("name", ["alexnet", "alexnet_single", "alexnet_caffe", "caffenet"])
def test_dropout_follows_the_hidden_layers(name: str) -> None:
    network = build(name)
    for row in ("fc6", "fc7"):
        assert list(dict(network.get_submodule(row).named_children())) == ["flatten", "linear", "relu", "dropout"]
        assert network.get_submodule(f"{row}.dropout").p == 0.5


@pytest.mark.parametrize(
    ("name", "options", "deviations", "biases"),
    [
        ("alexnet", {}, {}, {"conv2": 1, "conv4": 1, "conv5": 1, "fc6": 1, "fc7": 1}),
        ("alexnet_single", {}, {}, {"conv2": 1, "conv4": 1, "conv5": 1, "fc6": 1, "fc7": 1}),
        (
            "alexnet_caffe",
            {},
            {"fc6": 0.005, "fc7": 0.005},
            dict.fromkeys(("conv2", "conv4", "conv5", "fc6", "fc7"), 0.1),
        ),
        ("caffenet", {}, {"fc6": 0.005, "fc7": 0.005}, dict.fromkeys(("conv2", "conv4", "conv5", "fc6", "fc7"), 1)),
        (
            "alexnet_owt",
            {},
            {"conv3": 0.03, "conv4": 0.03, "conv5": 0.03},
            {"conv2": 1, "conv4": 1, "conv5": 1, "fc6": 1, "fc7": 1, "fc8": -7},
        ),
        ("alexnet", {"head": "convolutional"}, {}, {"conv2": 1, "conv4": 1, "conv5": 1, "fc6": 1, "fc7": 1}),
    ],
)
def test_first_weights(
    name: str, options: dict[str, Any], deviations: dict[str, float], biases: dict[str, float]
) -> None:
    torch.manual_seed(0)
    network = cn.create(name, input_size=67, **options)
    layers = {
        path.split(".")[0]: module
        for path, module in network.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    }
    assert list(layers) == ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"]
    for row, module in layers.items():
        assert module.weight.std().item() == pytest.approx(deviations.get(row, 0.01), rel=0.02), row
        assert module.bias is not None
        assert torch.equal(module.bias, torch.full_like(module.bias, biases.get(row, 0.0))), row


def test_a_new_head_begins_by_the_same_rule() -> None:
    torch.manual_seed(0)
    network = cn.create("alexnet_owt", input_size=63).replace_head(7)
    assert network.get_parameter("fc8.weight").std().item() == pytest.approx(0.01, rel=0.02)
    assert (network.get_parameter("fc8.bias") == -7).all()


def test_owt_row_by_row() -> None:
    assert facts(build("alexnet_owt")) == OWT


def torchvisions() -> nn.Sequential:
    """torchvision's alexnet, in its order and with its numbers."""

    def layer(below: int, above: int, kernel: int, *, padding: int, stride: int = 1) -> list[nn.Module]:
        return [nn.Conv2d(below, above, kernel, stride, padding), nn.ReLU()]

    pool = nn.MaxPool2d(3, 2)
    convolutions = [
        *(*layer(3, 64, 11, padding=2, stride=4), pool),
        *(*layer(64, 192, 5, padding=2), pool),
        *layer(192, 384, 3, padding=1),
        *layer(384, 256, 3, padding=1),
        *(*layer(256, 256, 3, padding=1), pool),
    ]
    connected = [
        *(nn.Dropout(), nn.Linear(9216, 4096), nn.ReLU()),
        *(nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU()),
        nn.Linear(4096, 1000),
    ]
    parts = {
        "features": nn.Sequential(*convolutions),
        "avgpool": nn.AdaptiveAvgPool2d(6),
        "flatten": nn.Flatten(),
        "classifier": nn.Sequential(*connected),
    }
    return nn.Sequential(OrderedDict(parts))


def test_owt_is_torchvisions_alexnet_at_any_size() -> None:
    ours = {
        "features.0": "conv1.convolution",
        "features.3": "conv2.convolution",
        "features.6": "conv3.convolution",
        "features.8": "conv4.convolution",
        "features.10": "conv5.convolution",
        "classifier.1": "fc6.linear",
        "classifier.4": "fc7.linear",
        "classifier.6": "fc8",
    }
    torch.manual_seed(0)
    network = cn.create("alexnet_owt", first_weights="modern")
    with torch.device("meta"):
        theirs = torchvisions()
    state = {
        f"{path}.{end}": network.get_parameter(f"{ours[path]}.{end}") for path in ours for end in ("weight", "bias")
    }
    theirs.load_state_dict(state, assign=True)
    for side in (224, 150):
        images = torch.randn(1, 3, side, side)
        with torch.no_grad():
            torch.testing.assert_close(network.eval()(images), theirs.eval()(images))
            # In training dropout draws before fc6 and before fc7, in both alike.
            torch.manual_seed(1)
            mine = network.train()(images)
            torch.manual_seed(1)
            torch.testing.assert_close(mine, theirs.train()(images))


def test_the_authors_release_of_owt_rectifies_conv1_after_pooling() -> None:
    torch.manual_seed(0)
    network = build("alexnet_owt", release="cuda_convnet2", input_size=64)
    early = network.to_empty(device="cpu").reset().upto("pool1")
    images = 100 * torch.randn(1, 3, 64, 64)
    weight, bias = network.get_parameter("conv1.convolution.weight"), network.get_parameter("conv1.convolution.bias")
    maps = F.conv2d(F.pad(images, (0, 3, 0, 3)), weight, bias, stride=4)
    assert (maps < 0).any()
    expected = F.max_pool2d(F.local_response_norm(maps, 5, 1e-4, 0.75, 2.0), 3, 2, ceil_mode=True).relu()
    torch.testing.assert_close(early(images), expected)
    assert list(dict(network.get_submodule("fc6").named_children())) == ["flatten", "linear", "relu", "dropout"]


def test_the_convolutional_head_of_owt_reads_larger_maps_place_by_place() -> None:
    network = build("alexnet_owt", head="convolutional", input_size=288)
    assert network.sites["average"].shape == (256, 8, 8)
    assert network.upto("fc7")(torch.empty(1, 3, 288, 288, device="meta")).shape == (1, 4096, 3, 3)
    with pytest.raises(UsageError, match="takes images of at least 223x223 pixels, not 150x150"):
        build("alexnet_owt", head="convolutional", input_size=150)


@pytest.mark.parametrize(
    ("name", "options", "smallest"),
    [
        ("alexnet", {}, 36),
        ("alexnet_single", {}, 36),
        ("alexnet_caffe", {}, 39),
        ("alexnet_caffe", {"pooling": "onnx_zoo"}, 51),
        ("caffenet", {}, 39),
        ("alexnet_owt", {}, 63),
        ("alexnet_owt", {"release": "cuda_convnet2"}, 36),
    ],
)
def test_the_smallest_image(name: str, options: dict[str, Any], smallest: int) -> None:
    assert build(name, **options).smallest_input() == smallest


def test_an_image_smaller_than_a_window_is_refused() -> None:
    with pytest.raises(UsageError, match=r"at least 36x36 pixels, not 10x227: 10x227 pixels arrive at a 11x11"):
        build("alexnet", input_size=(10, 227))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("alexnet", {"gpus": 3}, "gpus must be 1 or 2, not 3"),
        ("alexnet", {"norm_over": "map"}, "norm_over must be layer or tower, not 'map'"),
        (
            "alexnet",
            {"response_norm": "torch"},
            "response_norm must be paper, cuda_convnet2, caffe or none, not 'torch'",
        ),
        (
            "alexnet",
            {"response_norm": ["paper"]},
            "response_norm must be paper, cuda_convnet2, caffe or none, not ['paper']",
        ),
        ("alexnet", {"head": "dense"}, "head must be connected or convolutional, not 'dense'"),
        ("alexnet_single", {"order": "pool"}, "order must be norm_pool or pool_norm, not 'pool'"),
        ("alexnet_single", {"order": None}, "order must be norm_pool or pool_norm, not None"),
        ("alexnet_caffe", {"pooling": "ceil"}, "pooling must be caffe or onnx_zoo, not 'ceil'"),
        ("caffenet", {"head": None}, "head must be connected or convolutional, not None"),
        ("alexnet_owt", {"release": "caffe"}, "release must be torchvision or cuda_convnet2, not 'caffe'"),
        ("alexnet_owt", {"widths": [384, 256]}, "widths must be released or paper, not [384, 256]"),
        ("alexnet_owt", {"head": 1}, "head must be connected or convolutional, not 1"),
    ],
)
def test_a_wrong_option_is_refused_in_one_line(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        build(name, **options)
    assert str(caught.value) == message
