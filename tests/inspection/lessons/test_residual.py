"""Shortcuts: their memory, the gradient through them, and what they are for."""

import pytest

from classicnets.inspection.inspection import inspect
from tests.inspection.lessons.made import column, made, records, said


def test_degradation_is_as_the_paper_prints_it() -> None:
    rows = {row["network"]: row for row in records("degradation", "ImageNet")}
    errors = [row["top-1 error, 10 crops"] for row in rows.values()]
    assert errors == [27.94, 28.54, 27.88, 25.03]
    assert rows["plain34"]["parameters"] == rows["resnet34"]["parameters"] == 21_623_848
    assert rows["plain34"]["MACs"] == rows["resnet34"]["MACs"] == 3_644_493_824
    cifar = column("degradation", "CIFAR-10", "layers", "error, residual")
    assert cifar == {20: 8.75, 32: 7.51, 44: 7.17, 56: 6.97, 110: 6.43, 1202: 7.93}
    assert column("degradation", "CIFAR-10", "layers", "MACs")[1202] == 2_829_238_912


def test_live_memory_of_each_row_and_what_shortcuts_add_to_it() -> None:
    rows = {row["row"]: row for row in records("shortcut-memory", "The most")}
    maps = 64 * 56 * 56 * 4
    # While the second convolution of a block runs, what it reads and makes is alive, and what arrived at the block.
    assert rows["conv2_2"]["plain34, fused"] == 2 * maps
    assert rows["conv2_2"]["resnet34, fused"] == 3 * maps
    assert rows["conv2_2"]["held by shortcuts"] == maps
    assert rows["conv1"]["held by shortcuts"] is None
    for row in rows.values():
        assert row["plain34, fused"] <= row["resnet34, fused"] <= row["resnet34, eager"]
        assert row["resnet34, fused"] <= row["plain34, fused"] + (row["held by shortcuts"] or 0)
    more = [name for name, row in rows.items() if row["resnet34, eager"] > row["plain34, eager"]]
    assert more == ["conv3_1", "conv4_1", "conv5_1"]


def test_peaks_are_those_of_the_networks() -> None:
    rows = {row["network"]: row for row in records("shortcut-memory", "Live peaks")}
    peaks = {
        "plain34": inspect("plain34").live_peak,
        "resnet34, shortcut C": inspect("resnet34", shortcut="C").live_peak,
    }
    for name, peak in peaks.items():
        assert (rows[name]["eager"], rows[name]["fused"], rows[name]["training"]) == peak
    assert rows["resnet34, shortcut B"]["eager"] == 6_422_528  # two maps of 64x112x112 in conv1


def test_each_of_the_16_shortcuts_is_listed() -> None:
    rows = records("shortcut-memory", "What each")
    assert len({row["row"] for row in rows}) == 16
    assert rows[0] == {"row": "conv2_1", "bytes": 64 * 56 * 56 * 4, "from": "pool1", "to": "conv2_1"}


def test_the_gradient_of_a_sum_is_what_arrives_and_what_comes_through_the_branch() -> None:
    for row in records("why-addition", "The same for single"):
        assert row["leaves less their sum"] < 1e-5 * row["leaves"]
        assert row["through F"] > 0.1 * row["arrives"]


def test_the_gradient_stays_alike_through_shortcuts_alone() -> None:
    rows = {row["after"]: row for row in records("why-addition", "Its cosine")}
    for stage in ("conv2", "conv3", "conv4"):
        near = rows[f"{stage}_12"]
        assert near["pre-activation"] > 0.4
        assert near["residual"] > 0.3
        assert abs(near["plain"]) < 0.1
        assert rows[f"{stage}_18"]["plain"] == pytest.approx(1)


def test_gradients_of_the_plain_network_grow_by_far_more() -> None:
    rows = {row["after"]: row for row in records("why-addition", "110 layers")}
    assert rows["conv2_1"]["plain"] > 1e5 * rows["conv4_18"]["plain"]
    assert rows["conv2_1"]["residual"] < 1e3 * rows["conv4_18"]["residual"]


def test_factors_on_the_shortcut_multiply() -> None:
    rows = {row["shortcut"]: row for row in records("why-addition", "What shortcuts")}
    assert rows["identity"]["product of 51"] == 1
    assert rows["both ways x 0.5"]["factor, mean"] == pytest.approx(0.5, rel=1e-5)
    assert rows["both ways x 0.5"]["product of 51"] == pytest.approx(0.5**51, rel=1e-3)
    assert rows["dropout of 0.5"]["factor, mean"] == pytest.approx(0.5, abs=0.02)
    assert rows["gate, bias 0"]["product of 51"] < 1e-10
    assert rows["gate, bias 0"]["product of 51"] < rows["gate, bias -6"]["product of 51"] < 1
    assert rows["1x1 convolution"]["product of 17"] < 1e-6
    errors = {name: row["error"] for name, row in rows.items()}
    assert errors == {
        "identity": 6.61,
        "both ways x 0.5": 12.35,
        "gate, bias 0": 12.86,
        "gate, bias -6": 6.91,
        "exclusive gate, -6": 8.7,
        "1x1 convolution": 12.22,
        "dropout of 0.5": "fails",
    }


def test_concatenation_costs_more_than_addition() -> None:
    rows = {(row["units"], row["ways are"]): row for row in records("why-addition", "Units")}
    added, joined = rows[18, "added"], rows[18, "concatenated"]
    assert (added["maps that leave"], joined["maps that leave"]) == (16, 16 + 18 * 16)
    assert added["parameters"] == 18 * (2 * 9 * 16 * 16 + 4 * 16)
    assert joined["parameters"] == sum(9 * 16 * 16 * (unit + 1) + 4 * 16 for unit in range(1, 19))
    assert joined["live peak"] > 5 * added["live peak"]
    assert "304 maps for 16" in said("why-addition")


def test_the_paper_has_its_say() -> None:
    assert any("identity" in claim and "ECCV 2016" in claim for claim in made("why-addition").papers)
