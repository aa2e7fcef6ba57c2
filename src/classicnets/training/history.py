"""What each epoch came to: kept with the checkpoints, written to metrics.csv."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from classicnets.files import write_text


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
    images_per_second: float
    seconds: float


def write_metrics(path: Path, history: Sequence[Epoch]) -> None:
    """Write a line an epoch, as CSV with a heading, whole or not at all."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Epoch)], lineterminator="\n")
    writer.writeheader()
    for epoch in history:
        writer.writerow({name: _short(value) for name, value in asdict(epoch).items()})
    write_text(path, text.getvalue())


def _short(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.6g}"
