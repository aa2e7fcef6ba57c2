"""The lines of steps.csv: what every so many steps of a run came to."""

import math
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path

import torch

from classicnets.training.watch.tables import write_table

MOST_LINES = 1000


@dataclass(frozen=True, kw_only=True)
class StepLine:
    """What the steps since the line before came to; losses and errors are means over their images.

    Attributes:
        epoch: of the last of the steps, counted from 1.
        step: steps of the run so far.
        images: that the run has learned from so far, each time counted.
        learning_rate: of the last step, the largest where parameters have their own.
        loss: while learning, augmentation and dropout included.
        error: likewise, top-1, percent.
        gradient_norm: of the last step, over all parameters, before clipping.
        images_per_second: tests and checkpoints left out.
        waiting: percent of that time in which training waited for images.
        memory: bytes: on an accelerator the most that tensors have held so far, else what the process holds.
        seconds: of the run so far, everything included, interruptions left out.
    """

    epoch: int
    step: int
    images: int
    learning_rate: float
    loss: float
    error: float
    gradient_norm: float
    images_per_second: float
    waiting: float
    memory: int
    seconds: float


_WHOLE = ("epoch", "step", "images", "memory")
_NAMES = tuple(field.name for field in fields(StepLine))


def steps_a_line(steps: int) -> int:
    """How many steps of a run of so many share a line: so many that `MOST_LINES` lines are enough."""
    return max(1, math.ceil(steps / MOST_LINES))


def write_steps(path: Path, lines: Sequence[StepLine]) -> None:
    """Write the lines as CSV with a heading, whole or not at all."""
    write_table(path, _NAMES, (tuple(asdict(line).values()) for line in lines), digits=9)


def as_tensor(lines: Sequence[StepLine]) -> torch.Tensor:
    """The lines as float64, (lines, columns), for a checkpoint."""
    return torch.tensor([astuple(line) for line in lines], dtype=torch.float64).reshape(len(lines), len(_NAMES))


def from_tensor(kept: torch.Tensor) -> list[StepLine]:
    """The lines that `as_tensor` was given."""
    return [
        StepLine(**{name: int(value) if name in _WHOLE else value for name, value in zip(_NAMES, row, strict=True)})
        for row in kept.tolist()
    ]
