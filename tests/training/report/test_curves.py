"""The curves of a run."""

import math

import pytest

from classicnets.training.report.curves import smoothed, step_curves
from classicnets.training.report.figures import Line
from classicnets.training.report.gradient_strip import MOST_COLUMNS, gradient_strip


def line(y: list[float | None]) -> Line:
    return Line(name="loss", x=list(range(len(y))), y=y, colour="#000000")


def test_a_short_line_stays_as_it_is() -> None:
    short = line([1.0, 5.0, 3.0])
    assert smoothed(short) == [short]


def test_a_long_line_is_joined_by_the_mean_of_what_stands_around() -> None:
    values: list[float | None] = [float(place % 2) for place in range(120)]
    values[60] = None
    faint, mean = smoothed(line(values))
    assert faint.faint
    assert faint.y == values
    assert not mean.faint
    assert mean.y[10] == pytest.approx(0.4)  # 0, 1, 0, 1, 0 around an even place
    assert mean.y[60] == pytest.approx(0.5)  # 0, 1, -, 1, 0
    assert mean.y[0] == pytest.approx(1 / 3, abs=1e-4)  # at an end there is less: 0, 1, 0


def test_no_steps_no_curves() -> None:
    assert step_curves(()) == ()


def test_a_value_that_is_none_leaves_a_gap() -> None:
    known = {"learning_rate": 0.1, "error": 50.0, "gradient_norm": 1.0, "images_per_second": 9.0, "waiting": 0.0}
    steps = [{"step": 1.0, "loss": 2.0, **known}, {"step": 2.0, "loss": math.nan, **known}]
    loss = step_curves(steps)[0]
    assert '"y":[2.0,null]' in loss.fragment
    assert loss.caption == "Loss by step"


def test_the_strip_has_no_more_columns_than_can_be_told_apart_and_the_first_row_on_top() -> None:
    table = [{"step": float(step), "conv1": 1e-3, "fc": 10.0, "frozen": 0.0} for step in range(1, 1001)]
    strip = gradient_strip(table)
    assert strip.fragment.count("conv1") == MOST_COLUMNS + 1  # a name for each cell, and one beside the axis
    assert '"range":[2.5,-0.5]' in strip.fragment
    assert '"z":[[-3.0,' in strip.fragment
    assert "[null,null," in strip.fragment, "a row without a gradient has no colour"
