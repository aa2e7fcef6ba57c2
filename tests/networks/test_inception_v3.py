"""Inception-v3 beside its release and table 1 of Szegedy, Vanhoucke, Ioffe, Shlens, Wojna (CVPR 2016)."""

from typing import Any

import pytest
import torch
from torch import nn

import classicnets as cn
from classicnets.errors import UsageError
from classicnets.inspection.inspection import inspect
from classicnets.networks import build
from classicnets.networks.chain import Chain
from tests.networks.counting import count_macs, macs_by_row

# Name, options, parameters, those of the auxiliary head, MACs.
SIZES: list[tuple[str, dict[str, Any], int, int, int]] = [
    ("inception_v3", {}, 23_834_568, 3_326_696, 5_713_216_096),
    ("inception_v3", {"aux": False}, 23_834_568, 0, 5_713_216_096),
    ("inception_v3", {"count_padding": False, "dropout": 0.2}, 23_834_568, 3_326_696, 5_713_216_096),
    ("inception_v3_paper", {}, 24_263_240, 3_326_696, 5_864_860_256),
    ("inception_v3_paper", {"factorised_7x7": False}, 24_244_008, 3_326_696, 5_451_530_432),
    ("inception_v3_paper", {"norm_auxiliary": False}, 24_263_240, 3_325_928, 5_864_860_256),
    ("inception_v3_paper", {"reduction_counts": False}, 25_954_248, 3_326_696, 6_352_562_784),
    ("inception_v3_paper", {"receptive_field": 151}, 24_263_240, 3_326_696, 5_864_860_256),
    ("inception_v3_paper", {"receptive_field": 79}, 24_263_240, 3_326_696, 5_522_587_232),
]

# The kernels on the way through each branch, as the figures write them.
MODULE_A = {
    "one_by_one": ["1x1"],
    "five_by_five": ["1x1", "5x5"],
    "double_three_by_three": ["1x1", "3x3", "3x3"],
    "pool": ["1x1"],
}
FIGURE_5 = {
    "one_by_one": ["1x1"],
    "three_by_three": ["1x1", "3x3"],
    "double_three_by_three": ["1x1", "3x3", "3x3"],
    "pool": ["1x1"],
}
MODULE_C = {
    "one_by_one": ["1x1"],
    "seven_by_seven": ["1x1", "1x7", "7x1"],
    "double_seven_by_seven": ["1x1", "7x1", "1x7", "7x1", "1x7"],
    "pool": ["1x1"],
}
FIGURE_6 = MODULE_C | {"double_seven_by_seven": ["1x1", "1x7", "7x1", "1x7", "7x1"]}
FIGURE_7 = {
    "one_by_one": ["1x1"],
    "three_by_three": ["1x1", "1x3", "3x1"],
    "double_three_by_three": ["1x1", "3x3", "1x3", "3x1"],
    "pool": ["1x1"],
}
TO_17 = {"three_by_three": ["3x3/2"], "double_three_by_three": ["1x1", "3x3", "3x3/2"], "pool": []}
TO_8 = {"three_by_three": ["1x1", "3x3/2"], "seven_and_three": ["1x1", "1x7", "7x1", "3x3/2"], "pool": []}


@pytest.fixture(scope="module")
def network() -> Chain:
    torch.manual_seed(0)
    return cn.create("inception_v3", num_classes=10, input_size=75)


def branches_of(network: Chain, row: str) -> dict[str, list[str]]:
    return {name: kernels(branch) for name, branch in network.get_submodule(row).named_children()}


def kernels(branch: nn.Module) -> list[str]:
    found = [module for module in branch.modules() if isinstance(module, nn.Conv2d)]
    return [
        f"{layer.kernel_size[0]}x{layer.kernel_size[1]}" + ("/2" if layer.stride == (2, 2) else "") for layer in found
    ]


def convolution_at(network: Chain, path: str) -> nn.Conv2d:
    module = network.get_submodule(path)
    assert isinstance(module, nn.Conv2d)
    return module


@pytest.mark.parametrize(("name", "options", "parameters", "aux_parameters", "macs"), SIZES)
def test_sizes(name: str, options: dict[str, Any], parameters: int, aux_parameters: int, macs: int) -> None:
    network = build(name, **options)
    assert (inspect(network).parameters, inspect(network).aux_parameters) == (parameters, aux_parameters)
    assert count_macs(network) == macs


def test_the_release_row_by_row() -> None:
    network = build("inception_v3")
    macs = macs_by_row(network)
    assert [(row.name, row.output, row.parameters, macs[row.name]) for row in inspect(network).rows] == [
        ("conv1", (32, 149, 149), 928, 19_181_664),
        ("conv2", (32, 147, 147), 9280, 199_148_544),
        ("conv3", (64, 147, 147), 18_560, 398_297_088),
        ("pool1", (64, 73, 73), 0, 0),
        ("conv4", (80, 73, 73), 5280, 27_284_480),
        ("conv5", (192, 71, 71), 138_624, 696_867_840),
        ("pool2", (192, 35, 35), 0, 0),
        ("mixed_5b", (256, 35, 35), 255_904, 312_345_600),
        ("mixed_5c", (288, 35, 35), 277_472, 338_688_000),
        ("mixed_5d", (288, 35, 35), 285_152, 348_096_000),
        ("mixed_6a", (768, 17, 17), 1_153_280, 401_937_408),
        ("mixed_6b", (768, 17, 17), 1_297_408, 374_063_104),
        ("mixed_6c", (768, 17, 17), 1_691_008, 487_702_528),
        ("mixed_6d", (768, 17, 17), 1_691_008, 487_702_528),
        ("mixed_6e", (768, 17, 17), 2_141_952, 617_914_368),
        ("mixed_7a", (1280, 8, 8), 1_698_304, 291_004_416),
        ("mixed_7b", (2048, 8, 8), 5_044_608, 322_437_120),
        ("mixed_7c", (2048, 8, 8), 6_076_800, 388_497_408),
        ("average", (2048,), 0, 0),
        ("dropout", (2048,), 0, 0),
        ("fc", (1000,), 2_049_000, 2_048_000),
    ]


def test_each_row_of_table_1_gets_the_printed_size() -> None:
    network = build("inception_v3_paper")
    arrives = dict(zip(network.rows[1:], (network.sites[row].shape for row in network.rows[:-1]), strict=True))
    printed = {
        "conv2": (32, 149, 149),
        "conv3": (32, 147, 147),
        "pool1": (64, 147, 147),
        "conv4": (64, 73, 73),
        "conv5": (80, 71, 71),
        "conv6": (192, 35, 35),
        "figure5_1": (288, 35, 35),
        "figure6_1": (768, 17, 17),
        "figure7_1": (1280, 8, 8),
        "average": (2048, 8, 8),
        "fc": (2048,),
    }
    assert {row: arrives[row] for row in printed} == printed
    assert [(row.name, row.parameters) for row in inspect(network).rows] == [
        ("conv1", 928),
        ("conv2", 9280),
        ("conv3", 18_560),
        ("pool1", 0),
        ("conv4", 46_240),
        ("conv5", 138_624),
        ("conv6", 498_240),
        *[(f"figure5_{number}", 236_000) for number in (1, 2, 3)],
        ("reduction1", 1_153_280),
        ("figure6_1", 1_297_408),
        ("figure6_2", 1_691_008),
        ("figure6_3", 1_691_008),
        ("figure6_4", 2_141_952),
        ("reduction2", 1_698_304),
        ("figure7_1", 5_044_608),
        ("figure7_2", 6_076_800),
        ("average", 0),
        ("fc", 2_049_000),
    ]


def test_the_modules_have_the_branches_of_the_figures() -> None:
    release, paper = build("inception_v3"), build("inception_v3_paper")
    for row in ("mixed_5b", "mixed_5c", "mixed_5d"):
        assert branches_of(release, row) == MODULE_A
    for row in ("mixed_6b", "mixed_6c", "mixed_6d", "mixed_6e"):
        assert branches_of(release, row) == MODULE_C
    for number in (1, 2, 3):
        assert branches_of(paper, f"figure5_{number}") == FIGURE_5
    for number in (1, 2, 3, 4):
        assert branches_of(paper, f"figure6_{number}") == FIGURE_6
    for row in ("mixed_7b", "mixed_7c"):
        assert branches_of(release, row) == FIGURE_7
    for row in ("figure7_1", "figure7_2"):
        assert branches_of(paper, row) == FIGURE_7
    assert branches_of(release, "mixed_6a") == branches_of(paper, "reduction1") == TO_17
    assert branches_of(release, "mixed_7a") == branches_of(paper, "reduction2") == TO_8


@pytest.mark.parametrize("name", ["inception_v3", "inception_v3_paper"])
def test_every_convolution_is_normalised_with_the_releases_epsilon(name: str) -> None:
    network = build(name)
    convolutions = [path for path, module in network.named_modules() if isinstance(module, nn.Conv2d)]
    for path in convolutions:
        norm = network.get_submodule(path.replace(".convolution", ".norm"))
        assert isinstance(norm, nn.BatchNorm2d)
        assert norm.eps == 0.001
        assert convolution_at(network, path).bias is None


def test_padding_counts_in_the_average_unless_asked_otherwise() -> None:
    ones = torch.ones(1, 192, 5, 5)
    for name, row in (("inception_v3", "mixed_5b"), ("inception_v3_paper", "figure5_1")):
        counting, other = build(name), build(name, count_padding=False)
        for network, expected in ((counting, 4 / 9), (other, 1.0)):
            pool = network.get_submodule(f"{row}.pool.average")
            assert pool(ones)[0, 0, 0, 0].item() == pytest.approx(expected)


@pytest.mark.parametrize(("side", "kernel"), [(75, 1), (224, 3), (298, 4), (299, 5), (331, 5)])
def test_the_auxiliary_heads_kernels_shrink_with_the_image(side: int, kernel: int) -> None:
    network = build("inception_v3", input_size=side)
    assert convolution_at(network, "aux.mixed_6e.conv2.convolution").kernel_size == (kernel, kernel)
    pool = network.get_submodule("aux.mixed_6e.pool")
    assert isinstance(pool, nn.AvgPool2d)
    assert (pool.kernel_size, pool.stride) == (min(5, network.sites["mixed_6e"].height), 3)
    logits, auxiliary = network.forward_with_aux(torch.empty(2, 3, side, side, device="meta"))
    assert logits.shape == auxiliary["mixed_6e"].shape == (2, 1000)


def test_the_smallest_image_has_75_pixels_a_side() -> None:
    assert build("inception_v3").smallest_input() == 75
    assert build("inception_v3_paper").smallest_input() == 75
    network = build("inception_v3")
    small = torch.empty(2, 3, 75, 75, device="meta")
    assert network(small).shape == (2, 1000)
    with pytest.raises(UsageError, match=r"made with input_size=\(75, 75\)$"):
        network.forward_with_aux(small)
    with pytest.raises(UsageError, match="takes images of at least 75x75 pixels, not 74x74"):
        network(torch.empty(2, 3, 74, 74, device="meta"))


@pytest.mark.parametrize(("size", "kernel"), [((75, 299), (1, 5)), ((299, 75), (5, 1))])
def test_images_need_not_be_square(size: tuple[int, int], kernel: tuple[int, int]) -> None:
    network = build("inception_v3", input_size=size)
    assert convolution_at(network, "aux.mixed_6e.conv2.convolution").kernel_size == kernel
    logits, auxiliary = network.forward_with_aux(torch.empty(2, 3, *size, device="meta"))
    assert logits.shape == auxiliary["mixed_6e"].shape == (2, 1000)


def test_first_weights_are_truncated_normal(network: Chain) -> None:
    deviations = {"aux.mixed_6e.conv2.convolution": 0.01, "aux.mixed_6e.fc": 0.001}
    for path, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            deviation = deviations.get(path, 0.1)
            largest = module.weight.abs().max().item()
            assert 1.9 * deviation < largest < 2.00001 * deviation, path
            if module.weight.numel() > 5000:
                assert module.weight.std().item() == pytest.approx(0.8796 * deviation, rel=0.05), path
    assert not network.get_parameter("fc.bias").any()


@pytest.mark.parametrize(("name", "row"), [("inception_v3", "mixed_6e"), ("inception_v3_paper", "figure6_4")])
def test_new_heads_begin_by_the_same_rule(name: str, row: str) -> None:
    heads = cn.create(name, num_classes=10, input_size=75).replace_head(20)
    assert 0.19 < heads.get_parameter("fc.weight").abs().max() < 0.20001
    assert 0.019 < heads.get_parameter(f"aux.{row}.conv2.convolution.weight").abs().max() < 0.020001
    assert 0.0019 < heads.get_parameter(f"aux.{row}.fc.weight").abs().max() < 0.0020001


def test_dropout_stands_before_the_last_row() -> None:
    for network, share in ((build("inception_v3"), 0.5), (build("inception_v3", dropout=0.2), 0.2)):
        drop = network.get_submodule("dropout")
        assert isinstance(drop, nn.Dropout)
        assert drop.p == share
    assert "dropout" not in build("inception_v3_paper").rows


def test_one_7x7_convolution_gives_what_three_3x3_give() -> None:
    network = build("inception_v3_paper", factorised_7x7=False)
    assert network.rows[:3] == ("conv1", "pool1", "conv4")
    conv1 = convolution_at(network, "conv1.convolution")
    assert (conv1.kernel_size, conv1.stride, conv1.padding) == ((7, 7), (2, 2), (0, 0))
    assert network.sites["conv1"] == build("inception_v3_paper").sites["conv3"]


def test_without_its_normalisation_the_fully_connected_layer_has_biases() -> None:
    head = build("inception_v3_paper", norm_auxiliary=False).get_submodule("aux.figure6_4")
    parts = {name: [part for part, _ in unit.named_children()] for name, unit in head.named_children()}
    assert parts["conv1"] == ["convolution", "norm", "relu"]
    assert parts["conv2"] == ["convolution", "relu"]
    assert head.get_parameter("conv2.convolution.bias").shape == (768,)


def test_five_modules_may_follow_the_reduction() -> None:
    network = build("inception_v3_paper", reduction_counts=False)
    assert [row for row in network.rows if row.startswith("figure6")] == [f"figure6_{number}" for number in range(1, 6)]
    assert list(network.aux) == ["figure6_5"]
    assert network.sites["figure6_5"].shape == (768, 17, 17)


@pytest.mark.parametrize("side", [299, 151, 79])
def test_a_smaller_receptive_field_keeps_the_maps_of_the_modules(side: int) -> None:
    network = build("inception_v3_paper", receptive_field=side)
    assert network.input_shape == (3, side, side)
    assert ("pool1" in network.rows) == (side != 79)
    assert convolution_at(network, "conv1.convolution").stride == ((2, 2) if side == 299 else (1, 1))
    sizes = {network.sites[row].height for row in ("figure6_1", "figure6_4")}
    assert sizes == {17}
    assert network.sites["figure7_2"].shape == (2048, 8, 8)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("inception_v3", {"count_padding": "no"}, "count_padding must be True or False, not 'no'"),
        ("inception_v3", {"dropout": 1.0}, "dropout must be a number from 0 to below 1, not 1.0"),
        ("inception_v3", {"dropout": False}, "dropout must be a number from 0 to below 1, not False"),
        ("inception_v3", {"aux": "mixed_6e"}, "aux must be True or False, not 'mixed_6e'"),
        ("inception_v3_paper", {"factorised_7x7": None}, "factorised_7x7 must be True or False, not None"),
        ("inception_v3_paper", {"norm_auxiliary": "yes"}, "norm_auxiliary must be True or False, not 'yes'"),
        ("inception_v3_paper", {"reduction_counts": 5}, "reduction_counts must be True or False, not 5"),
        ("inception_v3_paper", {"receptive_field": 224}, "receptive_field must be 299, 151 or 79, not 224"),
        ("inception_v3_paper", {"count_padding": 2}, "count_padding must be True or False, not 2"),
    ],
)
def test_a_wrong_option_is_named_in_one_line(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        build(name, **options)
    assert str(caught.value) == message
