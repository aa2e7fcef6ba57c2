"""The Inception-ResNets beside figures 10-19 of Szegedy, Ioffe, Vanhoucke, Alemi (AAAI 2017), and the released one."""

import math

import pytest
import torch
from torch import nn

import classicnets as cn
from classicnets.errors import UsageError
from classicnets.inspection.inspection import inspect
from classicnets.layers.residual import Residual
from classicnets.layers.scaling import Scaling
from classicnets.networks import build
from classicnets.networks.chain import Chain
from tests.networks.counting import count_macs
from tests.networks.test_inception_v4 import STEM, kernels

NAMES = ["inception_resnet_v1", "inception_resnet_v2", "inception_resnet_v2_paper"]


def numbered(name: str, count: int, *facts: object) -> dict[str, tuple[object, ...]]:
    return {f"{name}_{number}": facts for number in range(1, count + 1)}


# Row: what leaves it, parameters.
FIRST_ROWS = {
    "conv1": ((32, 149, 149), 928),
    "conv2": ((32, 147, 147), 9280),
    "conv3": ((64, 147, 147), 18_560),
    "pool1": ((64, 73, 73), 0),
    "conv4": ((80, 73, 73), 5280),
    "conv5": ((192, 71, 71), 138_624),
}
TABLES = {
    "inception_resnet_v1": {
        **FIRST_ROWS,
        "conv6": ((256, 35, 35), 442_880),
        **numbered("inception_resnet_a", 5, (256, 35, 35), 77_440),
        "reduction_a": ((896, 17, 17), 1_710_080),
        **numbered("inception_resnet_b", 10, (896, 17, 17), 690_048),
        "reduction_b": ((1792, 8, 8), 3_346_176),
        **numbered("inception_resnet_c", 5, (1792, 8, 8), 1_600_768),
        "average": ((1792,), 0),
        "dropout": ((1792,), 0),
        "fc": ((1000,), 1_793_000),
    },
    "inception_resnet_v2": {
        **FIRST_ROWS,
        "pool2": ((192, 35, 35), 0),
        "mixed_5b": ((320, 35, 35), 268_320),
        **numbered("block35", 10, (320, 35, 35), 123_168),
        "mixed_6a": ((1088, 17, 17), 2_664_960),
        **numbered("block17", 20, (1088, 17, 17), 1_126_784),
        "mixed_7a": ((2080, 8, 8), 3_880_960),
        **numbered("block8", 10, (2080, 8, 8), 2_035_424),
        "conv6": ((1536, 8, 8), 3_197_952),
        "average": ((1536,), 0),
        "dropout": ((1536,), 0),
        "fc": ((1000,), 1_537_000),
    },
    "inception_resnet_v2_paper": {
        **STEM,
        **numbered("inception_resnet_a", 5, (384, 35, 35), 137_568),
        "reduction_a": ((1152, 17, 17), 2_902_528),
        **numbered("inception_resnet_b", 10, (1152, 17, 17), 1_171_904),
        "reduction_b": ((2144, 8, 8), 3_930_112),
        **numbered("inception_resnet_c", 5, (2144, 8, 8), 2_088_736),
        "average": ((2144,), 0),
        "dropout": ((2144,), 0),
        "fc": ((1000,), 2_145_000),
    },
}


@pytest.mark.parametrize(
    ("name", "parameters", "macs"),
    [
        ("inception_resnet_v1", 22_756_328, 6_206_361_696),
        ("inception_resnet_v2", 55_843_464, 13_155_794_016),
        ("inception_resnet_v2_paper", 32_433_928, 9_257_953_632),
    ],
)
def test_totals(name: str, parameters: int, macs: int) -> None:
    network = build(name)
    assert inspect(network).parameters == parameters
    assert inspect(network).aux_parameters == 0
    assert count_macs(network) == macs


@pytest.mark.parametrize("name", NAMES)
def test_parameters_and_sizes_row_by_row(name: str) -> None:
    rows = {row.name: (row.output, row.parameters) for row in inspect(build(name)).rows}
    assert list(rows.items()) == list(TABLES[name].items())


@pytest.mark.parametrize("name", NAMES)
def test_normalisation_and_biases(name: str) -> None:
    modules = dict(build(name).named_modules())
    for path, module in modules.items():
        if isinstance(module, nn.Conv2d):
            linear = path.endswith(".branch.linear")
            assert (module.bias is not None) == linear, path
            assert linear or path.replace(".convolution", ".norm") in modules, path
        elif isinstance(module, nn.BatchNorm2d):
            assert module.eps == 0.001
        elif isinstance(module, nn.AvgPool2d):
            assert not module.count_include_pad
    assert [module.p for module in modules.values() if isinstance(module, nn.Dropout)] == [0.2]


def scales(network: Chain) -> list[float]:
    """What the residuals are multiplied by, block by block."""
    return [module.factor for module in network.modules() if isinstance(module, Scaling)]


def test_residuals_are_scaled_as_in_the_release() -> None:
    network = build("inception_resnet_v2")
    assert scales(network) == [0.17] * 10 + [0.1] * 20 + [0.2] * 9 + [1.0]
    after = [type(module.after) for module in network.modules() if isinstance(module, Residual)]
    assert after == [nn.ReLU] * 39 + [nn.Identity]


@pytest.mark.parametrize("name", ["inception_resnet_v1", "inception_resnet_v2_paper"])
def test_residuals_are_scaled_by_a_tenth_and_followed_by_a_relu(name: str) -> None:
    network = build(name)
    assert scales(network) == [0.1] * 20
    assert all(isinstance(module.after, nn.ReLU) for module in network.modules() if isinstance(module, Residual))


def test_the_scale_is_an_option() -> None:
    assert scales(build("inception_resnet_v1", scale=1)) == [1] * 20
    assert scales(build("inception_resnet_v2_paper", scale=[0.3, 0.2, 0.1])) == [0.3] * 5 + [0.2] * 10 + [0.1] * 5
    assert scales(build("inception_resnet_v2", scale=0.3)) == [0.3] * 39 + [1.0]


@pytest.mark.parametrize(
    ("name", "row", "relu"),
    [
        ("inception_resnet_v1", "inception_resnet_a_1", True),
        ("inception_resnet_v1", "inception_resnet_b_1", True),
        ("inception_resnet_v2_paper", "inception_resnet_c_1", True),
        ("inception_resnet_v2", "block35_1", True),
        ("inception_resnet_v2", "block8_1", False),
    ],
)
def test_a_block_adds_its_scaled_residual(name: str, row: str, relu: bool) -> None:
    torch.manual_seed(0)
    network = cn.create(name, blocks=[1, 1, 1], scale=0.3).eval()
    block = network.get_submodule(row)
    images = torch.randn(2, network.sites[row].channels, 4, 3).relu()
    residual = block.get_submodule("branch.linear")(block.get_submodule("branch.inception")(images))
    expected = (images + 0.3 * residual).relu() if relu else images + residual
    torch.testing.assert_close(block(images), expected)
    assert not torch.equal(expected, images)


def test_the_branches_of_the_figures() -> None:
    network = build("inception_resnet_v2_paper")
    for row, branches in {
        "inception_resnet_a_5": {"one_by_one": "1x1", "short": "1x1 3x3", "long": "1x1 3x3 3x3"},
        "inception_resnet_b_10": {"one_by_one": "1x1", "long": "1x1 1x7 7x1"},
        "inception_resnet_c_5": {"one_by_one": "1x1", "long": "1x1 1x3 3x1"},
    }.items():
        found = dict(network.get_submodule(f"{row}.branch.inception").named_children())
        assert {name: " ".join(kernels(network, f"{row}.branch.inception.{name}")) for name in found} == branches
    assert kernels(network, "mixed_4a.long") == ["1x1", "7x1", "1x7", "3x3"]


def test_the_auxiliary_head_of_the_release_is_an_option() -> None:
    network = build("inception_resnet_v2", aux=True)
    assert list(network.aux) == ["block17_20"]
    facts = inspect(network)
    assert (facts.parameters, facts.aux_parameters) == (55_843_464, 3_367_656)
    with pytest.raises(UsageError, match="inception_resnet_v1 has no option 'aux'"):
        build("inception_resnet_v1", aux=True)


@pytest.mark.parametrize("name", NAMES)
def test_a_network_of_few_blocks_learns_from_images_of_other_sizes(name: str) -> None:
    assert build(name).smallest_input() == 75
    network = cn.create(name, blocks=(1, 1, 2))
    for size in ((75, 75), (80, 110)):
        logits = network(torch.randn(2, 3, *size))
        assert logits.shape == (2, 1000)
        torch.autograd.backward(logits.square().sum())
    assert all(parameter.grad is not None for parameter in network.parameters())
    with pytest.raises(UsageError, match="takes images of at least 75x75 pixels, not 74x74"):
        network(torch.randn(1, 3, 74, 74))


def test_first_weights_have_variance_two_over_fan_in() -> None:
    torch.manual_seed(0)
    tensors = cn.create("inception_resnet_v2", blocks=[1, 1, 1]).state_dict()
    for path in ("mixed_7a.long.conv1.convolution", "block8_1.branch.linear", "fc"):
        weight = tensors[f"{path}.weight"]
        assert weight.std().item() == pytest.approx(math.sqrt(2 / weight[0].numel()), rel=0.01), path
    assert not tensors["block8_1.branch.linear.bias"].any()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "wrong", [0, -0.1, 1.5, [0.1, 0.2], [0.1, 0.2, 0], "0.1", None, True, math.nan, [0.1, 0.2, "0.3"]]
)
def test_a_wrong_scale_is_named_in_one_line(name: str, wrong: object) -> None:
    with pytest.raises(UsageError, match="scale must be a number above 0 and at most 1, or three of A, B and C, not"):
        build(name, scale=wrong)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("wrong", [[5, 10], [5, 10, 0], 5, None])
def test_a_wrong_number_of_blocks_is_named_in_one_line(name: str, wrong: object) -> None:
    with pytest.raises(UsageError, match="blocks must be three whole numbers of at least 1, of A, B and C, not"):
        build(name, blocks=wrong)
