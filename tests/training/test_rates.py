"""Learning rates that papers ask for: tables, staircases, plateaus, and runs shortened in proportion."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classicnets.training.rates import falls, learning_rate_of
from classicnets.training.recipe.sections import Schedule
from tests.training.small_runs import equal, go_on, run, weights

PLATEAU: dict[str, Any] = {"name": "plateau", "patience": 2, "length": 10, "factor": 0.1, "falls": 3}


def shares(steps: int, **schedule: Any) -> list[float]:
    share = learning_rate_of(Schedule.model_validate(schedule), steps)
    return [share(step) for step in range(steps)]


class TestSchedules:
    def test_exponential_falls_like_a_staircase(self) -> None:
        found = shares(12, name="exponential", length=6, every=2, factor=0.5)
        assert found == pytest.approx([1.0] * 4 + [0.5] * 4 + [0.25] * 4)

    def test_exponential_without_stairs_is_the_curve_through_them(self) -> None:
        found = shares(12, name="exponential", length=6, every=2, factor=0.5, staircase=False)
        assert [found[0], found[4], found[6]] == pytest.approx([1, 0.5, 0.5**1.5])

    def test_a_table_is_read_line_by_line(self) -> None:
        found = shares(10, name="table", length=5, table=[[1, 1.0], [3, 0.4], [1, 0.0]])
        assert found == [1.0] * 2 + [0.4] * 6 + [0.0] * 2

    def test_a_flat_warm_up_jumps(self) -> None:
        found = shares(8, name="constant", length=64, warmup=16, warmup_from=0.1, warmup_shape="flat")
        assert found == [0.1, 0.1, 1, 1, 1, 1, 1, 1]

    @given(per_step=st.integers(1, 9), milestone=st.integers(1, 99))
    def test_a_milestone_falls_on_its_step_exactly(self, per_step: int, milestone: int) -> None:
        found = shares(100 * per_step, name="step", length=100, milestones=[milestone], factor=0.5)
        assert found.index(0.5) == milestone * per_step

    @given(length=st.floats(0.1, 1e6), steps=st.integers(1, 200))
    def test_counting_in_other_units_changes_nothing(self, length: float, steps: int) -> None:
        plain = shares(steps, name="cosine", warmup=0.25, warmup_from=0.1)
        counted = shares(steps, name="cosine", length=length, warmup=0.25 * length, warmup_from=0.1)
        assert counted == pytest.approx(plain, abs=1e-9)

    @pytest.mark.parametrize(
        ("schedule", "told"),
        [
            ({"name": "exponential"}, "exponential needs every"),
            ({"name": "plateau"}, "plateau needs patience"),
            ({"name": "table"}, "table needs table"),
            ({"name": "step", "length": 10, "milestones": [11]}, "milestones go up to 11, but the run ends at 10"),
            ({"warmup": 3, "length": 2}, "warmup is 3, but the run ends at 2"),
            ({"name": "table", "length": 9, "table": [[4, 1.0]]}, "the lines of table last 4 together, but the run 9"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, schedule: dict[str, Any], told: str) -> None:
        with pytest.raises(ValueError, match=told):
            Schedule.model_validate(schedule)


class TestPlateau:
    @pytest.mark.parametrize(
        ("errors", "expected"),
        [
            ([], 0),
            ([9, 8, 7, 6], 0),
            ([9, 9], 0),
            ([9, 9, 9], 1),
            ([9, 10, 8, 8, 7, 8, 7.5], 1),
            ([9] * 5, 2),
            ([9] * 7, 3),
            ([9] * 30, 3),
        ],
    )
    def test_falls_when_patience_is_at_its_end(self, errors: list[float], expected: int) -> None:
        assert falls(Schedule.model_validate(PLATEAU), errors, epochs=10) == expected

    def test_patience_shrinks_with_the_run_down_to_an_epoch(self) -> None:
        schedule = Schedule(name="plateau", patience=4, length=20)
        assert [falls(schedule, [5.0] * 5, epochs) for epochs in (20, 10, 5, 1)] == [1, 2, 3, 3]

    def test_others_never_fall(self) -> None:
        assert falls(Schedule(), [5.0] * 50, 50) == 0

    def test_lowers_the_rate_of_a_run_and_resumes_where_it_was(self, tmp_path: Path) -> None:
        """A rate of nearly nothing improves nothing, so that the error stalls from the first epoch on."""
        slow = {"optimizer": {"name": "sgd", "lr": 1e-12}, "schedule": {**PLATEAU, "patience": 1, "falls": 2}}
        folder = tmp_path / "run"
        run(folder, epochs=5, batch_size=512, **slow)
        rates = column(folder, "learning_rate")
        assert rates == pytest.approx([1e-12, 1e-12, 1e-13, 1e-14, 1e-14])
        before = weights(folder)
        newest = sorted((folder / "checkpoints").iterdir())[-1]
        newest.unlink()
        go_on(folder)
        assert column(folder, "learning_rate") == pytest.approx(rates)
        assert equal(weights(folder), before)


class TestSteps:
    def test_a_run_ends_after_its_steps_in_the_midst_of_an_epoch(self, tmp_path: Path) -> None:
        folder = tmp_path / "run"
        run(folder, epochs=None, steps=5, batch_size=480)  # three an epoch
        assert column(folder, "step") == [3, 5]
        assert column(folder, "epoch") == [1, 2]
        before = weights(folder)
        sorted((folder / "checkpoints").iterdir())[-1].unlink()
        go_on(folder)
        assert equal(weights(folder), before)

    def test_what_comes_first_ends_it(self, tmp_path: Path) -> None:
        run(tmp_path / "run", epochs=1, steps=50, batch_size=480)
        assert column(tmp_path / "run", "step") == [3]


def column(folder: Path, name: str) -> list[float]:
    heads, *lines = (folder / "metrics.csv").read_text().splitlines()
    return [float(line.split(",")[heads.split(",").index(name)]) for line in lines]
