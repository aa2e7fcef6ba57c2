"""The lines of steps.csv, and the tables they are written to."""

from pathlib import Path

import pytest

from classicnets.errors import UsageError
from classicnets.training.watch.lines import StepLine, as_tensor, from_tensor, steps_a_line, write_steps
from classicnets.training.watch.starts import Start, add_start, read_starts
from classicnets.training.watch.tables import read_table, write_table


def line(step: int) -> StepLine:
    return StepLine(
        epoch=1,
        step=step,
        images=10**8 + step,
        learning_rate=0.1 / 3,
        loss=2.0 / 3,
        error=50.0,
        gradient_norm=float("nan") if step == 2 else 1.5,
        images_per_second=1e3 / 7,
        waiting=0.25,
        memory=3 * 10**11 + 1,
        seconds=12.5,
    )


@pytest.mark.parametrize(
    ("steps", "a_line"), [(1, 1), (999, 1), (1000, 1), (1001, 2), (64_000, 64), (450_450, 451), (10**7, 10_000)]
)
def test_no_run_has_more_than_a_thousand_lines(steps: int, a_line: int) -> None:
    assert steps_a_line(steps) == a_line
    assert steps / a_line <= 1000


def test_a_checkpoint_keeps_them_to_the_last_digit() -> None:
    lines = [line(1), line(3)]
    assert from_tensor(as_tensor(lines)) == lines
    assert from_tensor(as_tensor([])) == []


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_steps(tmp_path / "steps.csv", [line(1), line(2)])
    first, second = read_table(tmp_path / "steps.csv")
    assert (first["step"], first["images"], first["memory"]) == (1, 10**8 + 1, 3 * 10**11 + 1)
    assert first["loss"] == pytest.approx(2 / 3, rel=1e-8)
    assert second["gradient_norm"] != second["gradient_norm"], "not a number"


def test_what_is_no_table_is_said_in_one_line(tmp_path: Path) -> None:
    assert read_table(tmp_path / "none.csv") == []
    broken = tmp_path / "broken.csv"
    for text in ("step,loss\n1,abc\n", "step,loss\n1\n", "step,loss\n1,2,3\n"):
        broken.write_text(text)
        with pytest.raises(UsageError, match=r"broken\.csv is no table of numbers"):
            read_table(broken)
    with pytest.raises(UsageError, match="cannot read"):
        read_table(tmp_path)


def test_digits_are_as_many_as_asked_for(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", ["a", "b"], [(1, 2 / 3)], digits=3)
    assert (tmp_path / "t.csv").read_text() == "a,b\n1,0.667\n"


def start(done: int, time: str = "2012-09-30T12:00:00Z") -> Start:
    return Start(time=time, done=done, steps=90, steps_an_epoch=30, environment={"python": "3.11"})


def test_starts_are_those_that_led_to_what_is_there(tmp_path: Path) -> None:
    assert read_starts(tmp_path) == []
    for done in (0, 20, 40, 20):  # the checkpoint after step 40 was damaged
        add_start(tmp_path, start(done))
    assert [each.done for each in read_starts(tmp_path)] == [0, 20]
    add_start(tmp_path, start(0, "later"))
    assert read_starts(tmp_path) == [start(0, "later")]


@pytest.mark.parametrize("text", ["", "{", "[1]", '[{"done": 1}]'])
def test_starts_that_cannot_be_read(text: str, tmp_path: Path) -> None:
    (tmp_path / "starts.json").write_text(text)
    with pytest.raises(UsageError, match="does not tell of the starts"):
        read_starts(tmp_path)
