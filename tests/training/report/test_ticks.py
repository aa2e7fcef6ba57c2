"""Ticks of logarithmic axes."""

from classicnets.training.report.ticks import logarithmic_ticks


def test_little_is_told_by_1_2_and_5() -> None:
    ticks = logarithmic_ticks(0.4, 7)
    assert ticks["ticktext"] == ["0.1", "0.2", "0.5", "1", "2", "5", "10", "20", "50"]
    assert [f"{value:g}" for value in ticks["tickvals"]] == ticks["ticktext"]


def test_much_is_told_by_powers_of_ten() -> None:
    assert logarithmic_ticks(2e-6, 300)["ticktext"] == [
        "10<sup>-6</sup>", "10<sup>-5</sup>", "10<sup>-4</sup>", "0.001", "0.01", "0.1", "1", "10", "100", "1000"
    ]  # fmt: skip
    assert len(logarithmic_ticks(1e-30, 1e10)["ticktext"]) <= 8


def test_a_single_value_has_a_tick() -> None:
    assert "1" in logarithmic_ticks(1, 1)["ticktext"]
