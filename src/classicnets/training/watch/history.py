"""What each epoch came to: kept with the checkpoints, written to metrics.csv."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from classicnets.training.watch.tables import write_table


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """What an epoch came to; errors in percent, losses are means.

    Attributes:
        epoch: counted from 1.
        step: steps of the run so far.
        learning_rate: of the epoch's last step.
        train_loss: while learning, augmentation and dropout included.
        train_error: likewise, top-1.
        test_loss: cross-entropy after the epoch.
        test_error: top-1, after the epoch.
        test_error_top5: after the epoch.
        test_images: that the errors were counted on.
        images_per_second: while training, tests and checkpoints left out.
        seconds: of the run so far, everything included, interruptions left out.
    """

    epoch: int
    step: int
    learning_rate: float
    train_loss: float
    train_error: float
    test_loss: float
    test_error: float
    test_error_top5: float
    test_images: int
    images_per_second: float
    seconds: float


def write_metrics(path: Path, history: Sequence[Epoch]) -> None:
    """Write a line an epoch, as CSV with a heading, whole or not at all."""
    heads = [field.name for field in fields(Epoch)]
    write_table(path, heads, (tuple(asdict(epoch).values()) for epoch in history))
