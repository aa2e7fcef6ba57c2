"""Inception modules, fully connected layers and what averaging saves: the figures of GoogLeNet's and VGG's papers."""

import pytest

from tests.inspection.lessons.made import column, made, records, said


def test_the_naive_module_against_the_one_that_reduces() -> None:
    rows = {row["branch"]: row for row in records("inception", "One module")}
    total = rows["all, joined"]
    assert (total["maps, naive"], total["maps"]) == (672, 480)
    assert (total["MACs, naive"], total["MACs"]) == (854_196_224, 304_267_264)
    parts = [rows[branch]["MACs, naive"] for branch in ("one by one", "three by three", "five by five", "pool")]
    assert parts == [25_690_112, 346_816_512, 481_689_600, 0]
    assert total["weights"] == 388_736
    assert "854.2 million" in said("inception")
    assert "304.3" in said("inception")


def test_naive_modules_grow_from_row_to_row() -> None:
    rows = {row["row"]: row for row in records("inception", "GoogLeNet")}
    assert rows["inception_5b"]["maps, naive"] == "4944 x 7 x 7"
    assert (rows["whole network"]["MACs, naive"], rows["whole network"]["MACs"]) == (12_568_061_056, 1_582_671_872)


def test_where_vgg16_keeps_its_parameters() -> None:
    rows = {row["rows"]: row for row in records("fully-connected", "VGG-16")}
    assert (rows["all"]["parameters"], rows["fc6"]["parameters"]) == (138_357_544, 102_764_544)
    assert rows["fc6"]["share"] == pytest.approx(102_764_544 / 138_357_544)
    assert sum(row["parameters"] for name, row in rows.items() if name != "all") == 138_357_544
    assert sum(row["MACs"] for name, row in rows.items() if name != "all") == rows["all"]["MACs"] == 15_470_264_320
    assert rows["all"]["bytes out"] == 4 * (15_237_608 - 3 * 224 * 224)
    assert next(iter(rows)) == "conv1, pool1"
    assert "102,764,544 of VGG-16's 138,357,544 parameters, 74.3%" in said("fully-connected")


def test_who_is_fully_connected() -> None:
    connected = column("fully-connected", "What is", "network", "fully connected")
    assert connected == {
        "lenet5_dense": 120 * 84 + 84 + 84 * 10 + 10,
        "alexnet": 58_631_144,
        "zfnet": 58_631_144,
        "vgg16": 123_642_856,
        "vgg19": 123_642_856,
        "googlenet": 1_025_000,
        "resnet50": 2_049_000,
        "inception_v3": 2_049_000,
    }


def test_what_averaging_saves() -> None:
    heads = {(row["network"], row["head"]): row for row in records("average-pooling", "Two heads")}
    connected, averaged = heads["vgg16", "fc 4096, 4096, 1000"], heads["vgg16", "average, fc 1000"]
    assert (connected["all parameters"], averaged["all parameters"]) == (138_357_544, 14_714_688 + 513_000)
    assert heads["googlenet", "average, fc 1000"]["all parameters"] == 6_998_552
    assert (
        heads["googlenet", "fc 4096, 4096, 1000"]["its parameters"] == 1024 * 49 * 4096 + 4096 + 16_781_312 + 4_097_000
    )
    assert heads["alexnet", "fc 4096, 4096, 1000"]["all parameters"] == 60_965_224
    assert any("0.6%" in claim for claim in made("average-pooling").papers)


def test_connected_layers_are_made_for_one_size_of_image() -> None:
    (vgg16, googlenet) = (list(row.values()) for row in records("average-pooling", "The same"))
    assert vgg16 == ["vgg16", 138_357_544, 138_357_544 + 512 * (14 * 14 - 7 * 7) * 4096]
    assert googlenet == ["googlenet", 6_998_552, 6_998_552]
