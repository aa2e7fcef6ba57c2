"""ZFNet beside Zeiler, Fergus (ECCV 2014), and ZFNet-512 beside the graph of ONNX's model zoo."""

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
from tests.networks.counting import count_macs, macs_by_row

FIGURE_3 = {
    "conv1": ((96, 110, 110), 14_208, 170_755_200),
    "pool1": ((96, 55, 55), 0, 0),
    "contrast_norm1": ((96, 55, 55), 0, 0),
    "conv2": ((256, 26, 26), 614_656, 415_334_400),
    "pool2": ((256, 13, 13), 0, 0),
    "contrast_norm2": ((256, 13, 13), 0, 0),
    "conv3": ((384, 13, 13), 885_120, 149_520_384),
    "conv4": ((384, 13, 13), 1_327_488, 224_280_576),
    "conv5": ((256, 13, 13), 884_992, 149_520_384),
    "pool5": ((256, 6, 6), 0, 0),
    "fc6": ((4096,), 37_752_832, 37_748_736),
    "fc7": ((4096,), 16_781_312, 16_777_216),
    "fc8": ((1000,), 4_097_000, 4_096_000),
}
LARGE = FIGURE_3 | {
    "conv3": ((512, 13, 13), 1_180_160, 199_360_512),
    "conv4": ((1024, 13, 13), 4_719_616, 797_442_048),
    "conv5": ((512, 13, 13), 4_719_104, 797_442_048),
    "pool5": ((512, 6, 6), 0, 0),
    "fc6": ((4096,), 75_501_568, 75_497_472),
}
ONNX_ZOO = {
    "conv1": ((96, 109, 109), 14_208, 167_664_672),
    "contrast_norm1": ((96, 109, 109), 0, 0),
    "pool1": ((96, 54, 54), 0, 0),
    "conv2": ((256, 25, 25), 614_656, 384_000_000),
    "contrast_norm2": ((256, 25, 25), 0, 0),
    "pool2": ((256, 12, 12), 0, 0),
    "conv3": ((512, 12, 12), 1_180_160, 169_869_312),
    "conv4": ((512, 12, 12), 2_359_808, 339_738_624),
    "conv5": ((512, 12, 12), 2_359_808, 339_738_624),
    "pool5": ((512, 6, 6), 0, 0),
    "fc6": ((4096,), 75_501_568, 75_497_472),
    "fc7": ((1024,), 4_195_328, 4_194_304),
    "fc8": ((1000,), 1_025_000, 1_024_000),
}


@pytest.mark.parametrize(
    ("name", "options", "parameters", "macs"),
    [
        ("zfnet", {}, 62_357_608, 1_168_032_896),
        ("zfnet", {"head": "convolutional"}, 62_357_608, 1_168_032_896),
        ("zfnet", {"response_norm": "none"}, 62_357_608, 1_168_032_896),
        ("zfnet", {"widths": [512, 1024, 512]}, 107_627_624, 2_476_704_896),
        ("zfnet", {"widths": [512, 512, 512]}, 102_908_520, 1_679_262_848),
        ("zfnet_large", {}, 107_627_624, 2_476_704_896),
        ("zfnet512", {}, 87_250_536, 1_481_727_008),
        ("zfnet512", {"head": "convolutional"}, 87_250_536, 1_481_727_008),
    ],
)
def test_totals(name: str, options: dict[str, Any], parameters: int, macs: int) -> None:
    network = build(name, **options)
    assert inspect(network).parameters == parameters
    assert count_macs(network) == macs


@pytest.mark.parametrize(("name", "expected"), [("zfnet", FIGURE_3), ("zfnet_large", LARGE), ("zfnet512", ONNX_ZOO)])
def test_row_by_row(name: str, expected: dict[str, tuple[tuple[int, ...], int, int]]) -> None:
    network = build(name)
    macs = macs_by_row(network)
    found = {row.name: (row.output, row.parameters, macs[row.name]) for row in inspect(network).rows}
    assert found == expected
    assert list(found) == list(expected)


def test_there_are_no_towers() -> None:
    for name in ("zfnet", "zfnet_large", "zfnet512"):
        assert {module.groups for module in build(name).modules() if isinstance(module, nn.Conv2d)} == {1}


@pytest.mark.parametrize(
    ("options", "norm"),
    [
        ({}, (2.0, False)),
        ({"response_norm": "cuda_convnet2"}, (2.0, True)),
        ({"response_norm": "caffe"}, (1.0, True)),
    ],
)
def test_the_formula_of_the_contrast_normalisation(options: dict[str, Any], norm: tuple[float, bool]) -> None:
    norms = [module for module in build("zfnet", **options).modules() if isinstance(module, ResponseNorm)]
    assert [(module.k, module.divide_alpha) for module in norms] == [norm, norm]
    assert all((module.size, module.alpha, module.beta) == (5, 1e-4, 0.75) for module in norms)


def test_the_contrast_normalisation_can_be_left_out() -> None:
    network = build("zfnet", response_norm="none")
    assert network.rows == tuple(row for row in FIGURE_3 if "norm" not in row)


def test_zfnet512_computes_what_the_graph_says() -> None:
    torch.manual_seed(0)
    network = cn.create("zfnet512", input_size=96, first_weights="modern").eval()
    weights = list(network.parameters())

    def layer(maps: torch.Tensor, number: int, stride: int, padding: int) -> torch.Tensor:
        weight, bias = weights[2 * number : 2 * number + 2]
        return F.conv2d(maps, weight, bias, stride, padding).relu()

    def norm(maps: torch.Tensor) -> torch.Tensor:
        return F.local_response_norm(maps, 5, alpha=5e-4, beta=0.75, k=2.0)

    images = 60 * torch.randn(1, 3, 96, 96)
    with torch.no_grad():
        maps = F.max_pool2d(norm(layer(images, 0, 2, 0)), 3, 2)
        maps = F.max_pool2d(norm(layer(maps, 1, 2, 0)), 3, 2)
        for number in (2, 3, 4):
            maps = layer(maps, number, 1, 1)
        vector = F.max_pool2d(maps, 2, 2).flatten(1)
        vector = F.linear(vector, *weights[10:12]).relu()
        vector = F.linear(vector, *weights[12:14]).relu()
        torch.testing.assert_close(network(images), F.linear(vector, *weights[14:16]), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("name", ["zfnet", "zfnet512"])
def test_first_weights(name: str) -> None:
    torch.manual_seed(0)
    network = cn.create(name, input_size=72)
    for path, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            assert module.weight.std().item() == pytest.approx(0.01, rel=0.02), path
            assert module.bias is not None
            assert not module.bias.any(), path


@pytest.mark.parametrize("name", ["zfnet", "zfnet_large", "zfnet512"])
def test_dropout_follows_the_hidden_layers(name: str) -> None:
    network = build(name)
    for row in ("fc6", "fc7"):
        assert list(dict(network.get_submodule(row).named_children())) == ["flatten", "linear", "relu", "dropout"]
        assert network.get_submodule(f"{row}.dropout").p == 0.5


@pytest.mark.parametrize(("name", "smallest"), [("zfnet", 47), ("zfnet_large", 47), ("zfnet512", 59)])
def test_the_smallest_image(name: str, smallest: int) -> None:
    assert build(name).smallest_input() == smallest


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"widths": [384, 384]},
            "widths must be three whole numbers of at least 1, for conv3, conv4, conv5, not [384, 384]",
        ),
        (
            {"widths": [384, 0, 256]},
            "widths must be three whole numbers of at least 1, for conv3, conv4, conv5, not [384, 0, 256]",
        ),
        ({"widths": 512}, "widths must be three whole numbers of at least 1, for conv3, conv4, conv5, not 512"),
        (
            {"widths": ["a", 1, 1]},
            "widths must be three whole numbers of at least 1, for conv3, conv4, conv5, not ['a', 1, 1]",
        ),
        ({"response_norm": "l2"}, "response_norm must be paper, cuda_convnet2, caffe or none, not 'l2'"),
        ({"head": "pooled"}, "head must be connected or convolutional, not 'pooled'"),
    ],
)
def test_a_wrong_option_is_refused_in_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        build("zfnet", **options)
    assert str(caught.value) == message


def test_the_larger_network_has_its_widths_by_name() -> None:
    with pytest.raises(UsageError, match="zfnet_large has no option 'widths'"):
        build("zfnet_large", widths=[1, 2, 3])
