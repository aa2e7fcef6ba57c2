"""What the folder of a run tells, whether the run has ended, was killed or goes on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from classicnets.errors import UsageError
from classicnets.evaluation.counting import interval
from classicnets.training.recipe.reading import complete, read_fields
from classicnets.training.recipe.recipe import Recipe
from classicnets.training.watch.names import GRADIENTS, METRICS, RECIPE, STEPS
from classicnets.training.watch.starts import Start, read_starts
from classicnets.training.watch.tables import read_table


@dataclass(frozen=True, kw_only=True)
class Record:
    """What is recorded of a run.

    Attributes:
        folder: of the run.
        recipe: complete.
        epochs: the lines of metrics.csv.
        steps: the lines of steps.csv.
        gradients: the lines of gradients.csv.
        starts: when training began, and when it went on.
        tested: whether a bundle is there.
    """

    folder: Path
    recipe: Recipe
    epochs: tuple[Mapping[str, float], ...]
    steps: tuple[Mapping[str, float], ...]
    gradients: tuple[Mapping[str, float], ...]
    starts: tuple[Start, ...]
    tested: bool

    @property
    def title(self) -> str:
        """What was trained on what."""
        return f"{self.recipe.network} on {self.recipe.data}"

    @property
    def done(self) -> int:
        """Steps that are recorded."""
        return max((int(table[-1]["step"]) for table in (self.epochs, self.steps) if table), default=0)

    @property
    def of_steps(self) -> int | None:
        """Steps of the whole run; None where it has not begun."""
        return self.starts[-1].steps if self.starts else None

    @property
    def steps_an_epoch(self) -> int | None:
        """Steps in each epoch; None where the run has not begun."""
        return self.starts[-1].steps_an_epoch if self.starts else None

    @property
    def finished(self) -> bool:
        """Whether all steps are done, and the last epoch is tested."""
        return self.tested and bool(self.epochs) and int(self.epochs[-1]["step"]) == self.of_steps

    @property
    def interruptions(self) -> tuple[int, ...]:
        """Steps after which the run was interrupted and gone on with."""
        return tuple(start.done for start in self.starts[1:])

    @property
    def kept(self) -> Mapping[str, float] | None:
        """The epoch whose network the bundle holds; None before the first has ended."""
        if not self.epochs:
            return None
        if self.recipe.keep == "last":
            return self.epochs[-1]
        return min(reversed(self.epochs), key=lambda epoch: epoch["test_error"])

    @property
    def seconds(self) -> float:
        """That the run has taken so far, interruptions left out."""
        return max((table[-1]["seconds"] for table in (self.epochs, self.steps) if table), default=0.0)

    def result(self) -> dict[str, float | int]:
        """What the tests of the epoch that is kept came to, as far as they are: see `Report.result`."""
        result: dict[str, float | int] = {"seconds": self.seconds}
        if self.kept is not None:
            images = int(self.kept["test_images"])
            error = self.kept["test_error"]
            low, high = interval(round(error * images / 100), images)
            result |= {
                "images": images,
                "top1_error": error,
                "top5_error": self.kept["test_error_top5"],
                "interval_low": low,
                "interval_high": high,
            }
        return result


def read_record(folder: Path) -> Record:
    """Read what is recorded in the folder of a run.

    Raises:
        UsageError: there is no run, or a file of it cannot be read.
    """
    try:
        there = (folder / RECIPE).is_file()
    except OSError as error:
        raise UsageError(f"{folder} cannot be looked into: {error.strerror or error}") from error
    if not there:
        raise UsageError(f"there is no run in {folder} (no {RECIPE}); name the folder of a run, such as runs/first")
    return Record(
        folder=folder,
        recipe=complete(read_fields(folder / RECIPE), source=str(folder / RECIPE)),
        epochs=tuple(read_table(folder / METRICS)),
        steps=tuple(read_table(folder / STEPS)),
        gradients=tuple(read_table(folder / GRADIENTS)),
        starts=tuple(read_starts(folder)),
        tested=(folder / "bundle").is_dir(),
    )
