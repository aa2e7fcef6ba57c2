"""What a person sees while a network trains."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from classicnets.training.watch.clock import Clock
from classicnets.training.watch.durations import duration
from classicnets.training.watch.history import Epoch
from classicnets.training.watch.pace import Pace

_SECONDS_BETWEEN_LOOKS = 0.25
_SECONDS_BETWEEN_LINES = 30.0  # where there is no terminal to draw a bar on


class TrainingProgress:
    """A bar on standard error with loss, error, images/s and time left, and a line for each finished epoch.

    Where standard error is no terminal there is no bar, but a line every half a minute.

    Args:
        epochs: of the run.
        steps: of the run.
        done: steps that were taken before.

    Attributes:
        clock: of the training; who stops it for tests and checkpoints keeps the time left right.
        pace: what the time left is computed from.
    """

    def __init__(self, epochs: int, steps: int, done: int, console: Console) -> None:
        self.epochs = epochs
        self.steps = steps
        self.console = console
        self.clock = Clock()
        self.pace = Pace(steps, epochs, done)
        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(bar_width=12),
            TextColumn("{task.fields[figures]}"),
            console=console,
            disable=not console.is_terminal,
            transient=True,
            redirect_stdout=False,
        )
        begun = min(epochs, int(done / self.pace.steps_an_epoch) + 1)
        self._task: TaskID = self._bar.add_task(
            "train", total=steps, completed=done, epoch=begun, epochs=epochs, figures=""
        )
        self._looked = time.monotonic() if not console.is_terminal else 0.0
        self._left_out_before = 0.0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def due(self) -> bool:
        """Whether enough time has passed to show new figures."""
        between = _SECONDS_BETWEEN_LOOKS if self.console.is_terminal else _SECONDS_BETWEEN_LINES
        return time.monotonic() - self._looked > between

    def step(self, step: int, epoch: int, loss: float, error: float, images_per_second: float) -> None:
        """Show where training stands."""
        self._looked = time.monotonic()
        self.pace.reached(step, self.clock.running)
        figures = f"loss {loss:.4f}  error {error:5.2f}%  {images_per_second:,.0f} images/s{self._left()}"
        if self.console.is_terminal:
            self._bar.update(self._task, completed=step, epoch=epoch, figures=figures)
        else:
            where = f"epoch {self._of_epochs(epoch)}  step {step:,} of {self.steps:,}"
            self.console.print(f"{where}  {figures}", highlight=False)

    def epoch(self, epoch: Epoch) -> None:
        """Print what an epoch came to."""
        self._looked = time.monotonic()
        self.pace.epoch_ended(self.clock.left_out - self._left_out_before)
        self._left_out_before = self.clock.left_out
        self.pace.reached(epoch.step, self.clock.running)
        next_epoch = min(epoch.epoch + 1, self.epochs)
        figures = f"{epoch.images_per_second:,.0f} images/s{self._left()}"
        self._bar.update(self._task, completed=epoch.step, epoch=next_epoch, figures=figures)
        self.console.print(
            f"epoch {self._of_epochs(epoch.epoch)}  loss {epoch.train_loss:8.4f}"
            f"  train error {epoch.train_error:5.2f}%  test error [bold]{epoch.test_error:5.2f}%[/bold]"
            f"  learning rate {epoch.learning_rate:.3g}  {figures}",
            highlight=False,
        )

    def _of_epochs(self, epoch: int) -> str:
        return f"{epoch:>{len(str(self.epochs))}}/{self.epochs}"

    def _left(self) -> str:
        left = self.pace.left()
        return "" if not left else f"  {duration(left)} left"
