"""Small, thin and grouped kernels: the figures of VGG's, Inception-v3's, ResNet's and ResNeXt's papers."""

import pytest

from classicnets.inspection.inspection import inspect
from tests.inspection.lessons.made import column, made, records, said


@pytest.mark.parametrize("maps", [64, 128, 256, 512])
def test_three_3x3_see_what_a_7x7_sees_with_27_weights_for_49(maps: int) -> None:
    rows = {row["layers"]: row for row in records("small-kernels", "C maps") if row["maps C"] == maps}
    seven, three = rows["1 of 7x7"], rows["3 of 3x3"]
    assert (seven["weights"], three["weights"]) == (49 * maps**2, 27 * maps**2)
    assert (seven["of C^2"], three["of C^2"]) == (49, 27)
    assert seven["sees"] == three["sees"] == 7
    assert (seven["ReLUs"], three["ReLUs"]) == (1, 3)
    assert (seven["MACs"], three["MACs"]) == (28 * 28 * 49 * maps**2, 28 * 28 * 27 * maps**2)
    five, two = rows["1 of 5x5"], rows["2 of 3x3"]
    assert (five["weights"], two["weights"], five["sees"], two["sees"]) == (25 * maps**2, 18 * maps**2, 5, 5)


def test_the_7x7_has_81_percent_more() -> None:
    assert "81.5% more, the stack 44.9% fewer, and 3 non-linearities for 1" in said("small-kernels")
    assert any("81% more" in claim and "Simonyan" in claim for claim in made("small-kernels").papers)


def test_vgg_with_large_kernels_is_vgg_otherwise() -> None:
    layers = column("small-kernels", "VGG", "network", "convolutions")
    assert list(layers.values()) == [10, 5, 13, 5]
    weights = column("small-kernels", "VGG", "network", "parameters of convolutions")
    assert weights["vgg16"] == 14_714_688
    assert weights["vgg13, 5x5 for each two 3x3"] == sum(
        25 * before * after + after for before, after in ((3, 64), (64, 128), (128, 256), (256, 512), (512, 512))
    )


def test_the_first_layers() -> None:
    weights = column("small-kernels", "The first", "network", "weights")
    assert (weights["alexnet"], weights["zfnet"], weights["googlenet"]) == (34_848, 14_112, 9_408)
    assert column("small-kernels", "The first", "network", "sees")["inception_v3"] == 11
    assert column("small-kernels", "The first", "network", "layers")["zfnet"] == "7x7"


def test_a_bottleneck_costs_a_seventeenth_of_its_width_in_3x3() -> None:
    first = {row["block"]: row for row in records("bottleneck", "Blocks")[:3]}
    assert {name: row["weights"] for name, row in first.items()} == {
        "two 3x3, narrow": 2 * 9 * 64**2,
        "two 3x3, wide": 2 * 9 * 256**2,
        "bottleneck": 2 * 64 * 256 + 9 * 64**2,
    }
    assert first["bottleneck"]["MACs"] == 218_365_952  # as conv2_2 of ResNet-50
    assert (first["bottleneck"]["sees"], first["two 3x3, narrow"]["sees"]) == (3, 5)
    assert "16.9x as many" in said("bottleneck")
    assert column("bottleneck", "Networks", "network", "parameters")["resnet50"] == 25_557_032


def test_factorised_kernels_cost_two_of_n() -> None:
    weights = column("factorised", "192 maps", "kernels", "weights")
    assert (weights["7x7"], weights["7x1, 1x7"]) == (49 * 192**2, 14 * 192**2)
    assert column("factorised", "192 maps", "kernels", "of nxn")["3x1, 1x3"] == pytest.approx(2 / 3)
    assert set(column("factorised", "192 maps", "kernels", "sees").values()) == {3, 5, 7}


def test_inception_v3_would_cost_far_more_with_whole_kernels() -> None:
    rows = {row["module"]: row for row in records("factorised", "Inception-v3's")}
    first = rows["mixed_6b"]
    assert (first["parameters"], first["MACs"]) == (1_297_408, 374_063_104)
    # Three 7x7 in the place of pairs: 128 to 192 maps, 128 to 128, 128 to 192, where 7 of 49 read in each of the pair.
    pairs = 7 * (128 * 128 + 128 * 192) + 7 * 3 * 128 * 128 + 7 * 128 * 192
    whole = 49 * (128 * 192 + 128 * 128 + 128 * 192)
    assert first["MACs if 7x7"] - first["MACs"] == (whole - pairs) * 17 * 17


def test_a_7x7_on_8x8_pixels_reads_much_padding() -> None:
    padding = column("factorised", "A 7x7", "after", "padding")
    assert padding["mixed_7a"] == pytest.approx(1 - (44 / 56) ** 2)
    assert padding["mixed_6a"] == pytest.approx(1 - (107 / 119) ** 2)


def test_towers_halve_three_convolutions() -> None:
    rows = {row["row"]: row for row in records("groups", "AlexNet")}
    assert (rows["conv2"]["MACs"], rows["conv2"]["MACs in one column"]) == (223_948_800, 447_897_600)
    assert (rows["all"]["parameters"], rows["all"]["in one column"]) == (60_965_224, 62_378_344)
    assert [rows[f"conv{number}"]["groups"] for number in range(1, 6)] == [1, 2, 1, 2, 2]


def test_resnext_at_equal_cost() -> None:
    rows = {row["groups x channels"]: row for row in records("groups", "ResNet-50")}
    assert (rows["1x64d"]["MACs"], rows["32x4d"]["MACs"]) == (4_089_184_256, 4_230_479_872)
    assert (rows["1x64d"]["parameters"], rows["32x4d"]["parameters"]) == (25_557_032, 25_028_904)
    assert [row["top-1 error in the paper"] for row in rows.values()] == [23.9, 23.0, 22.6, 22.3, 22.2]
    assert [row["maps of a 3x3 in conv2"] for row in rows.values()] == [64, 80, 96, 112, 128]


def test_what_the_last_maps_see() -> None:
    sees = column("receptive-field", "The last maps", "network", "see")
    assert (sees["vgg16"], sees["resnet18"]) == (212, 435)
    assert column("receptive-field", "resnet18", "row", "sees")["conv1"] == 7
    beyond = column("receptive-field", "The last maps", "network", "more than the image from")
    assert (beyond["vgg16"], beyond["resnet18"]) == ("nowhere", "conv5_1")
    assert sees["resnet34"] == next(row for row in inspect("resnet34").rows if row.name == "conv5_3").receptive_field
