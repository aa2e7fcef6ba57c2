"""The curves of a run: by epoch, and by step."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from classicnets.training.report.figures import Axis, Figure, Line, line_figure
from classicnets.web.plotting import BLUE, ORANGE

Record = Mapping[str, float]
"""A line of one of the run's tables."""

_FEWEST_SMOOTHED = 60  # lines; of fewer the eye sees the course

LOSS = Axis(title="loss", number=".4~g", scale="switch")
ERROR = Axis(title="top-1 error (%)", number=".2f", scale="switch")
LEARNING_RATE = Axis(title="learning rate", number=".3~g")
GRADIENT_NORM = Axis(title="norm of the gradient", number=".3~g", scale="logarithmic")
THROUGHPUT = Axis(title="images per second", number=",.4~r", ticks=",")
WAITING = Axis(title="waiting for images (%)", number=".1f")


@dataclass(frozen=True, kw_only=True)
class _Column:
    key: str
    name: str
    colour: str = BLUE
    dash: str = "solid"


def _training_and_test(what: str) -> tuple[_Column, ...]:
    return (
        _Column(key=f"train_{what}", name="training", dash="dash"),
        _Column(key=f"test_{what}", name="test", colour=ORANGE),
    )


_BY_EPOCH = (
    ("loss", "Loss", LOSS, _training_and_test("loss")),
    ("error", "Error", ERROR, _training_and_test("error")),
    ("learning-rate", "Learning rate", LEARNING_RATE, (_Column(key="learning_rate", name="learning rate"),)),
    ("throughput", "Throughput", THROUGHPUT, (_Column(key="images_per_second", name="images per second"),)),
)
# The heading, the axis, what the line is called, and whether single steps scatter so much that a mean helps to see.
_BY_STEP = {
    "loss": ("Training loss by step", LOSS, True),
    "error": ("Training error by step", ERROR, True),
    "learning_rate": ("Learning rate", LEARNING_RATE, False),
    "gradient_norm": ("Gradient", GRADIENT_NORM, True),
    "images_per_second": ("Throughput", THROUGHPUT, True),
    "waiting": ("Waiting for images", WAITING, True),
}


def epoch_curves(history: Sequence[Record], *, steps_too: bool = False) -> tuple[Figure, ...]:
    """Loss, error, learning rate and throughput over the epochs.

    Args:
        history: one entry an epoch. A curve of which no epoch knows a value is left out.
        steps_too: whether there are `step_curves`, which tell the last two better.
    """
    epochs = [entry.get("epoch", position) for position, entry in enumerate(history, start=1)]
    drawn = []
    for name, heading, axis, columns in _BY_EPOCH[:2] if steps_too else _BY_EPOCH:
        lines = [
            Line(
                name=column.name,
                x=epochs,
                y=[entry.get(column.key) for entry in history],
                colour=column.colour,
                dash=column.dash,
            )
            for column in columns
            if any(column.key in entry for entry in history)
        ]
        if lines:
            drawn.append(line_figure(name, heading, lines, axis, over="epoch", whole=True))
    return tuple(drawn)


def step_curves(steps: Sequence[Record], interruptions: Sequence[float] = ()) -> tuple[Figure, ...]:
    """Loss, error, learning rate, gradient, throughput and waiting over the steps.

    Args:
        steps: the lines of steps.csv; of none there are no figures.
        interruptions: steps after which the run was interrupted.
    """
    if not steps:
        return ()
    drawn = []
    for key, (heading, axis, scatters) in _BY_STEP.items():
        line = Line(
            name=axis.title,
            x=[entry["step"] for entry in steps],
            y=[entry[key] if math.isfinite(entry[key]) else None for entry in steps],
            colour=BLUE,
        )
        lines = smoothed(line) if scatters else [line]
        name = f"step-{key.replace('_', '-')}"
        drawn.append(line_figure(name, heading, lines, axis, over="step", interruptions=interruptions))
    return tuple(drawn)


def smoothed(line: Line) -> list[Line]:
    """A long line faint, with the mean of the points around each; a short one as it is."""
    if len(line.x) < _FEWEST_SMOOTHED:
        return [line]
    around = len(line.x) // 60
    values = [math.nan if value is None else value for value in line.y]
    means: list[float | None] = []
    for place in range(len(values)):
        window = np.array(values[max(0, place - around) : place + around + 1])
        known = window[np.isfinite(window)]
        means.append(float(f"{known.mean():.4g}") if len(known) else None)
    return [replace(line, faint=True), replace(line, y=means)]
