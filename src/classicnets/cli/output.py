"""How commands speak: tables and JSON on standard output, everything else on standard error."""

import dataclasses
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from classicnets.inspection.terminal import table as table

if TYPE_CHECKING:
    from rich.console import Console

    from classicnets.evaluation.counting import Evaluation

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130  # what shells report of a program that Ctrl-C ended

_UNBOUNDED = 10_000  # columns; a file or another program gets each line whole


@cache
def console() -> "Console":
    """Standard output, for tables."""
    from rich.console import Console

    class StandardOutput(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # `main` decides how to end, whoever was writing

    return StandardOutput(width=_width(sys.stdout))


@cache
def messages() -> "Console":
    """Standard error, for messages and progress."""
    from rich.console import Console

    return Console(stderr=True, width=_width(sys.stderr))


def say(text: str, *, style: str = "") -> None:
    """Print a line on standard output as it stands: brackets in it are no markup."""
    console().print(text, style=style, markup=False, emoji=False, highlight=False)


def as_json(content: object, *, indent: int | None = 2) -> None:
    """Print ``content``, dataclasses as objects; all but ASCII is escaped, so that any terminal or pipe carries it."""
    sys.stdout.write(json.dumps(content, indent=indent, default=_plain) + "\n")
    sys.stdout.flush()


def result(evaluation: "Evaluation", *, bundle: Path | str, report: Path | None) -> dict[str, Any]:
    """What `train` and `evaluate` say of a bundle as JSON; errors in percent."""
    return {
        "bundle": str(bundle),
        "report": None if report is None else str(report),
        "images": evaluation.images,
        "top1_error": evaluation.top1_error,
        "top5_error": evaluation.top5_error,
        "interval": list(evaluation.interval),
    }


def assignments(given: Iterable[str]) -> dict[str, Any]:
    """Options written as ``name=value``, the values read as YAML.

    Raises:
        UsageError: one is not written so.
    """
    from classicnets.training.recipe.values import read_assignment

    return dict(read_assignment(assignment, like="shortcut=B") for assignment in given)


class ProgressBar:
    """How far a job has come, on standard error where that is a terminal.

    Args:
        title: of the job.
        unit: of what is counted, ``bytes`` or a plural.
        wanted: False for no bar at all.
    """

    def __init__(self, title: str, *, unit: str, wanted: bool) -> None:
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        counted = [DownloadColumn()] if unit == "bytes" else [MofNCompleteColumn(), TextColumn(unit)]
        self.bar = Progress(
            TextColumn(title),
            BarColumn(bar_width=24),
            *counted,
            TimeRemainingColumn(),
            console=messages(),
            transient=True,
            disable=not (wanted and messages().is_terminal),
            # Left to itself rich sends standard output to the bar's console: results would land on standard error.
            redirect_stdout=False,
        )
        self._task = self.bar.add_task(title, total=None)

    def begin(self, total: int | None) -> None:
        """Say how large the job is."""
        self.bar.update(self._task, total=total)

    def add(self, amount: int) -> None:
        """Say that so much more is done."""
        self.bar.advance(self._task, amount)

    def reached(self, done: int, total: int | None) -> None:
        """Say how much is done of how much."""
        self.bar.update(self._task, completed=done, total=total)


@contextmanager
def progress_bar(title: str, *, unit: str = "images", wanted: bool = True) -> Iterator[ProgressBar]:
    """A bar that is shown while the block runs; see `ProgressBar`."""
    bar = ProgressBar(title, unit=unit, wanted=wanted)
    with bar.bar:
        yield bar


def _width(stream: TextIO) -> int | None:
    """The columns to fill; None leaves it to rich, which asks the terminal."""
    return None if stream.isatty() or "COLUMNS" in os.environ else _UNBOUNDED


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
