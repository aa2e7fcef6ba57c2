"""Inception-v4 beside figures 3-9 of Szegedy, Ioffe, Vanhoucke, Alemi (AAAI 2017)."""

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
from classicnets.networks.chain import Chain
from tests.networks.counting import count_macs

# Row: what leaves it, parameters.
STEM = {
    "conv1": ((32, 149, 149), 928),
    "conv2": ((32, 147, 147), 9280),
    "conv3": ((64, 147, 147), 18_560),
    "mixed_3a": ((160, 73, 73), 55_488),
    "mixed_4a": ((192, 71, 71), 189_312),
    "mixed_5a": ((384, 35, 35), 332_160),
}
TABLE = {
    **STEM,
    **{f"inception_a_{number}": ((384, 35, 35), 317_632) for number in range(1, 5)},
    "reduction_a": ((1024, 17, 17), 2_306_112),
    **{f"inception_b_{number}": ((1024, 17, 17), 2_936_256) for number in range(1, 8)},
    "reduction_b": ((1536, 8, 8), 2_747_392),
    **{f"inception_c_{number}": ((1536, 8, 8), 4_553_088) for number in range(1, 4)},
    "average": ((1536,), 0),
    "dropout": ((1536,), 0),
    "fc": ((1000,), 1_537_000),
}


def kernels(network: Chain, branch: str) -> list[str]:
    """The kernels of a branch, as the figures write them."""
    found = [module for module in network.get_submodule(branch).modules() if isinstance(module, nn.Conv2d)]
    return [f"{convolution.kernel_size[0]}x{convolution.kernel_size[1]}" for convolution in found]


def test_parameters_and_sizes_row_by_row() -> None:
    facts = inspect(build("inception_v4"))
    rows = {row.name: (row.output, row.parameters) for row in facts.rows}
    assert list(rows.items()) == list(TABLE.items())
    assert facts.parameters == 42_679_816
    assert facts.aux_parameters == 0


@pytest.mark.parametrize("order", ["figures", "release"])
def test_the_order_of_the_factors_changes_no_count(order: str) -> None:
    network = build("inception_v4", order=order)
    assert inspect(network).parameters == 42_679_816
    assert count_macs(network) == 12_253_974_624


@pytest.mark.parametrize(
    ("order", "stem", "long_b", "long_c"),
    [
        ("figures", ["7x1", "1x7"], ["1x7", "7x1", "1x7", "7x1"], ["1x3", "3x1"]),
        ("release", ["1x7", "7x1"], ["7x1", "1x7", "7x1", "1x7"], ["3x1", "1x3"]),
    ],
)
def test_the_order_of_the_factors(order: str, stem: list[str], long_b: list[str], long_c: list[str]) -> None:
    network = build("inception_v4", order=order)
    assert kernels(network, "mixed_4a.long") == ["1x1", *stem, "3x3"]
    for number in range(1, 8):
        assert kernels(network, f"inception_b_{number}.long") == ["1x1", *long_b]
        assert kernels(network, f"inception_b_{number}.short") == ["1x1", "1x7", "7x1"]
    for number in range(1, 4):
        assert kernels(network, f"inception_c_{number}.long") == ["1x1", *long_c, "1x3", "3x1"]
        assert kernels(network, f"inception_c_{number}.short") == ["1x1", "1x3", "3x1"]
    assert kernels(network, "reduction_b.long") == ["1x1", "1x7", "7x1", "3x3"]


def test_normalisation_and_pooling_are_the_releases() -> None:
    modules = list(build("inception_v4").modules())
    norms = [module for module in modules if isinstance(module, nn.BatchNorm2d)]
    assert len(norms) == sum(isinstance(module, nn.Conv2d) for module in modules) == 149
    assert {norm.eps for norm in norms} == {0.001}
    pools = [module for module in modules if isinstance(module, nn.AvgPool2d)]
    assert len(pools) == 4 + 7 + 3
    assert not any(pool.count_include_pad for pool in pools)
    assert all(module.bias is None for module in modules if isinstance(module, nn.Conv2d))
    assert [module.p for module in modules if isinstance(module, nn.Dropout)] == [0.2]


def unit(network: Chain, path: str, images: torch.Tensor, padding: tuple[int, int] = (0, 0)) -> torch.Tensor:
    """A convolution with normalisation and ReLU, from the network's tensors alone."""
    tensors = network.state_dict()
    convolved = F.conv2d(images, tensors[f"{path}.convolution.weight"], padding=padding)
    mean, variance, scale, shift = (
        tensors[f"{path}.norm.{name}"][:, None, None] for name in ("running_mean", "running_var", "weight", "bias")
    )
    normalised: torch.Tensor = (convolved - mean) / (variance + 0.001).sqrt() * scale + shift
    return normalised.relu()


def test_inception_c_joins_its_branches_in_the_releases_order() -> None:
    torch.manual_seed(0)
    network = cn.create("inception_v4", blocks=[1, 1, 1], order="release")
    images = torch.randn(1, 1536, 3, 4).relu()
    network.get_submodule("inception_c_1")(images)  # moves the running statistics away from their first values
    network.eval()
    along, down = (0, 1), (1, 0)
    row = "inception_c_1"
    short = unit(network, f"{row}.short.reduce", images)
    long = unit(network, f"{row}.long.reduce", images)
    long = unit(network, f"{row}.long.conv1", long, down)
    long = unit(network, f"{row}.long.conv2", long, along)
    expected = [
        unit(network, f"{row}.one_by_one", images),
        unit(network, f"{row}.short.split.one_by_three", short, along),
        unit(network, f"{row}.short.split.three_by_one", short, down),
        unit(network, f"{row}.long.split.one_by_three", long, along),
        unit(network, f"{row}.long.split.three_by_one", long, down),
        unit(network, f"{row}.pool.project", F.avg_pool2d(images, 3, 1, 1, count_include_pad=False)),
    ]
    torch.testing.assert_close(network.get_submodule(row)(images), torch.cat(expected, dim=1))


def test_the_auxiliary_head_of_the_release_is_an_option() -> None:
    network = build("inception_v4", aux=True)
    assert list(network.aux) == ["inception_b_7"]
    facts = inspect(network)
    assert (facts.parameters, facts.aux_parameters) == (42_679_816, 3_359_464)
    assert kernels(network, "aux.inception_b_7") == ["1x1", "5x5"]
    images = torch.empty(2, 3, 299, 299, device="meta")
    logits, auxiliary = network.forward_with_aux(images)
    assert logits.shape == auxiliary["inception_b_7"].shape == (2, 1000)


def test_the_auxiliary_head_shrinks_with_the_image() -> None:
    network = cn.create("inception_v4", blocks=[1, 1, 1], aux=True, input_size=107)
    assert network.smallest_input() == 75
    assert kernels(network, "aux.inception_b_1") == ["1x1", "1x1"]
    logits, auxiliary = network.forward_with_aux(torch.randn(2, 3, 107, 107))
    torch.autograd.backward(logits.sum() + auxiliary["inception_b_1"].sum())
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_any_number_of_blocks() -> None:
    network = build("inception_v4", blocks=[1, 2, 5], aux=True)
    assert [row for row in network.rows if row.startswith("inception")] == [
        *["inception_a_1", "inception_b_1", "inception_b_2"],
        *[f"inception_c_{number}" for number in range(1, 6)],
    ]
    assert list(network.aux) == ["inception_b_2"]
    blocks = 317_632 - 4 * 317_632, (2 - 7) * 2_936_256, (5 - 3) * 4_553_088
    assert inspect(network).parameters == 42_679_816 + sum(blocks)


def test_images_of_other_sizes_pass_down_to_75_pixels() -> None:
    assert build("inception_v4").smallest_input() == 75
    network = cn.create("inception_v4", blocks=[1, 1, 1]).eval()
    for size in ((75, 75), (90, 130)):
        assert network(torch.randn(1, 3, *size)).shape == (1, 1000)
    with pytest.raises(UsageError, match="takes images of at least 75x75 pixels, not 74x74: 2x2 pixels arrive"):
        network(torch.randn(1, 3, 74, 74))


def test_first_weights_have_variance_two_over_fan_in() -> None:
    torch.manual_seed(0)
    network = cn.create("inception_v4", blocks=[1, 1, 1])
    tensors = network.state_dict()
    for path in ("reduction_a.long.conv1.convolution", "inception_b_1.long.conv4.convolution", "fc"):
        weight = tensors[f"{path}.weight"]
        assert weight.std().item() == pytest.approx(math.sqrt(2 / weight[0].numel()), rel=0.01), path
    assert not tensors["fc.bias"].any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": "paper"}, "order must be figures or release, not 'paper'"),
        ({"order": None}, "order must be figures or release, not None"),
        ({"aux": "yes"}, "aux must be True or False, not 'yes'"),
        ({"blocks": [4, 7]}, r"blocks must be three whole numbers of at least 1, of A, B and C, not \[4, 7\]"),
        ({"blocks": [4, 0, 3]}, r"blocks must be three whole numbers of at least 1, of A, B and C, not \[4, 0, 3\]"),
        ({"blocks": [4, 7.5, 3]}, "blocks must be three whole numbers"),
        ({"blocks": [True, 7, 3]}, "blocks must be three whole numbers"),
        ({"blocks": "473"}, "blocks must be three whole numbers"),
        ({"blocks": 4}, "blocks must be three whole numbers"),
    ],
)
def test_a_wrong_option_is_named_in_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        build("inception_v4", **options)
    assert "\n" not in str(caught.value)
