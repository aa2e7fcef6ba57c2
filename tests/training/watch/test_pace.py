"""How long a run will yet take."""

import time

import pytest

from classicnets.training.watch.clock import Clock, Wait
from classicnets.training.watch.durations import duration
from classicnets.training.watch.pace import Pace


class TestPace:
    def test_knows_nothing_before_the_first_step(self) -> None:
        assert Pace(1000, 10, 0).left() is None

    def test_steps_alone(self) -> None:
        pace = Pace(1000, 10, 0)
        pace.reached(100, 20.0)
        assert pace.left() == pytest.approx(180.0)

    def test_tests_of_the_epochs_that_are_left_count(self) -> None:
        pace = Pace(1000, 10, 0)
        for epoch in (1, 2):
            pace.reached(100 * epoch, 20.0 * epoch)
            pace.epoch_ended(left_out=5.0)
        assert pace.left() == pytest.approx(8 * (20 + 5))
        pace.reached(250, 50.0)  # in the midst of an epoch, whose test is still to come
        assert pace.left() == pytest.approx(7.5 * (20 + 5))

    def test_steps_from_before_an_interruption_took_no_time(self) -> None:
        pace = Pace(1000, 10, 900)
        pace.reached(910, 4.0)
        assert pace.left() == pytest.approx(90 * 0.4)

    def test_only_the_last_minute_counts(self) -> None:
        pace = Pace(10_000, 10, 0)
        pace.reached(1, 100.0)  # a first step that took its time
        for second in range(1, 120):
            pace.reached(1 + 10 * second, 100.0 + second)
        assert pace.left() == pytest.approx((10_000 - 1191) / 10)

    def test_steps_that_take_longer_than_a_minute_are_compared_with_the_one_before(self) -> None:
        pace = Pace(10, 1, 0)
        pace.reached(1, 500.0)
        pace.reached(2, 600.0)
        pace.reached(3, 700.0)
        assert pace.left() == pytest.approx(700)

    def test_nothing_is_left_at_the_end(self) -> None:
        pace = Pace(100, 2, 0)
        pace.reached(100, 20.0)
        pace.epoch_ended(left_out=3.0)
        assert pace.left() == 0


def test_a_clock_stands_still_while_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    clock = Clock()
    now = 103.0
    with clock.stopped():
        now = 110.0
        assert (clock.running, clock.left_out) == (3.0, 7.0)
    now = 112.0
    assert (clock.running, clock.left_out) == (5.0, 7.0)
    clock.restart()
    assert (clock.running, clock.left_out) == (0.0, 0.0)


def test_waiting_is_what_the_items_take_and_not_what_is_done_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)

    def slow() -> object:
        nonlocal now
        for item in "abc":
            now += 2.0
            yield item

    wait = Wait()
    seen = []
    for item in wait.timed(slow()):  # type: ignore[arg-type, var-annotated]
        seen.append(item)
        now += 50.0
    assert (seen, wait.seconds) == (["a", "b", "c"], 6.0)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.44, "0.4 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (3599.7, "1 h 00 min"), (7500, "2 h 05 min")],
)
def test_durations_are_said_as_a_person_says_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said
