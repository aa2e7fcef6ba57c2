"""What a person sees while a network trains."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from classicnets.training.history import Epoch

_SECONDS_BETWEEN_LOOKS = 0.25


class TrainingProgress:
    """A bar on standard error with loss, error, images/s and time left, and a line for each finished epoch.

    Where standard error is no terminal there is no bar, only the lines.

    Args:
        epochs: of the run.
        steps: of the run.
        done: steps that were taken before.
    """

    def __init__(self, epochs: int, steps: int, done: int, console: Console) -> None:
        self.epochs = epochs
        self.console = console
        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(bar_width=12),
            TextColumn("{task.fields[figures]}"),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=console,
            disable=not console.is_terminal,
            transient=True,
            redirect_stdout=False,
            speed_estimate_period=60,
        )
        self._task: TaskID = self._bar.add_task(
            "train", total=steps, completed=done, epoch=1, epochs=epochs, figures=""
        )
        self._looked = 0.0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def due(self) -> bool:
        """Whether enough time has passed to show new figures."""
        return self.console.is_terminal and time.monotonic() - self._looked > _SECONDS_BETWEEN_LOOKS

    def step(self, step: int, epoch: int, loss: float, error: float, images_per_second: float) -> None:
        """Show where training stands."""
        self._looked = time.monotonic()
        figures = f"loss {loss:.4f}  error {error:5.2f}%  {images_per_second:,.0f} images/s"
        self._bar.update(self._task, completed=step, epoch=epoch, figures=figures)

    def epoch(self, epoch: Epoch) -> None:
        """Print what an epoch came to."""
        self.console.print(
            f"epoch {epoch.epoch:>{len(str(self.epochs))}}/{self.epochs}"
            f"  loss {epoch.train_loss:8.4f}  train error {epoch.train_error:5.2f}%"
            f"  test error [bold]{epoch.test_error:5.2f}%[/bold]  {epoch.images_per_second:,.0f} images/s",
            highlight=False,
        )
