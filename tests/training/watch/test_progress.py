"""What a person sees: on a terminal, and in the log of a cluster."""

import io
import time

import pytest
from rich.console import Console

from classicnets.training.watch.history import Epoch
from classicnets.training.watch.progress import TrainingProgress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, in its first place."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def epoch(number: int, step: int) -> Epoch:
    return Epoch(
        epoch=number,
        step=step,
        learning_rate=0.05,
        train_loss=0.25,
        train_error=7.5,
        test_loss=0.3,
        test_error=8.25,
        test_error_top5=1.0,
        test_images=360,
        images_per_second=1234.4,
        seconds=60.0,
    )


def test_a_log_gets_a_line_every_half_minute_and_one_an_epoch(clock: list[float]) -> None:
    said = io.StringIO()
    with TrainingProgress(10, 1000, 0, Console(file=said, width=200)) as progress:
        for step in range(1, 101):
            clock[0] += 1
            if progress.due():
                progress.step(step, 1, 0.5, 20.0, 640.0)
        with progress.clock.stopped():
            clock[0] += 10
            progress.epoch(epoch(1, 100))
    assert said.getvalue().splitlines() == [
        "epoch  1/10  step 31 of 1,000  loss 0.5000  error 20.00%  640 images/s  16 min 09 s left",
        "epoch  1/10  step 62 of 1,000  loss 0.5000  error 20.00%  640 images/s  15 min 38 s left",
        "epoch  1/10  step 93 of 1,000  loss 0.5000  error 20.00%  640 images/s  15 min 07 s left",
        # 900 steps of a second each, and nine tests of ten seconds.
        "epoch  1/10  loss   0.2500  train error  7.50%  test error  8.25%  learning rate 0.05  1,234 images/s"
        "  16 min 30 s left",
    ]


def test_after_an_interruption_what_is_left_is_computed_from_what_came_since(clock: list[float]) -> None:
    said = io.StringIO()
    with TrainingProgress(10, 1000, 950, Console(file=said, width=200)) as progress:
        progress.pace.left_out, progress.pace.ended = 90.0, 9  # as a checkpoint told
        clock[0] += 40
        assert progress.due()
        progress.step(960, 10, 0.5, 20.0, 640.0)
    # 40 steps of four seconds each, and four tenths of an epoch's test.
    assert "2 min 44 s left" in said.getvalue()


def test_a_terminal_gets_a_bar_with_the_time_left(clock: list[float]) -> None:
    said = io.StringIO()
    with TrainingProgress(10, 1000, 0, Console(file=said, width=120, force_terminal=True)) as progress:
        clock[0] += 50
        assert progress.due()
        progress.step(100, 1, 0.5, 20.0, 640.0)
        assert not progress.due(), "it has just been shown"
        progress._bar.refresh()
    assert "epoch 1/10" in said.getvalue()
    assert "7 min 30 s left" in said.getvalue()


def test_the_last_epoch_leaves_nothing(clock: list[float]) -> None:
    said = io.StringIO()
    with TrainingProgress(1, 100, 0, Console(file=said, width=200)) as progress:
        clock[0] += 50
        progress.epoch(epoch(1, 100))
    assert "left" not in said.getvalue()
