"""How commands speak: tables and JSON on standard output, everything else on standard error."""

import dataclasses
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import yaml

from classicnets.errors import UsageError

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130  # what shells report of a program that Ctrl-C ended

if TYPE_CHECKING:
    from rich.console import Console


@cache
def console() -> "Console":
    """Standard output, for tables."""
    from rich.console import Console

    return Console()


@cache
def messages() -> "Console":
    """Standard error, for messages and progress."""
    from rich.console import Console

    return Console(stderr=True)


def as_json(content: object, *, indent: int | None = 2) -> None:
    """Print ``content``, dataclasses as objects."""
    json.dump(content, sys.stdout, indent=indent, default=_plain, ensure_ascii=False)
    sys.stdout.write("\n")
    sys.stdout.flush()


def assignments(given: Iterable[str]) -> dict[str, Any]:
    """Options written as ``name=value``, the values read as YAML.

    Raises:
        UsageError: one is not written so.
    """
    options = {}
    for assignment in given:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise UsageError(f"--set {assignment}: write it as option=value, like shortcut=B")
        options[name.strip()] = yaml.safe_load(text)
    return options


class ProgressBar:
    """How far a job has come, on standard error where that is a terminal.

    Args:
        title: of the job.
        unit: of what is counted, ``bytes`` or a plural.
    """

    def __init__(self, title: str, unit: str) -> None:
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
            disable=not messages().is_terminal,
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
def progress_bar(title: str, unit: str = "images") -> Iterator[ProgressBar]:
    """A bar that is shown while the block runs."""
    bar = ProgressBar(title, unit)
    with bar.bar:
        yield bar


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
