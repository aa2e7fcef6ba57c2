"""What a lesson consists of: tables of computed figures, and sentences that say what to see in them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from classicnets.inspection.units import count, short, size

Cell = str | int | float | None
"""What a table holds at one place; None where it has nothing to say."""

Kind = Literal["text", "count", "short", "bytes", "share", "percent", "factor", "decimal", "scientific"]
"""How a column is written: a share is a part of 1, a percentage one of 100, a factor says how many times as much."""

Progress = Callable[[int, int], None]
"""Told after each step of a lesson how many are done, and of how many."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class Column:
    """The head of a column, and how its cells are written."""

    name: str
    kind: Kind = "text"


@dataclass(frozen=True, kw_only=True)
class LessonTable:
    """A table of a lesson.

    Attributes:
        title: what it shows.
        columns: their names and kinds.
        rows: a cell for each column; numbers as they were computed, neither rounded nor scaled.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def __post_init__(self) -> None:
        for row in self.rows:
            assert len(row) == len(self.columns), f"{self.title}: {row} has not {len(self.columns)} cells"

    def shown(self) -> list[list[str]]:
        """The rows as they are read."""
        kinds = [column.kind for column in self.columns]
        return [[written(cell, kind) for cell, kind in zip(row, kinds, strict=True)] for row in self.rows]


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """The answer to a question.

    Attributes:
        topic: its name.
        title: in a few words.
        question: that it answers.
        tables: the figures.
        conclusions: what to see in them.
        papers: what the papers say to it, each with its source.
    """

    topic: str
    title: str
    question: str
    tables: tuple[LessonTable, ...]
    conclusions: tuple[str, ...]
    papers: tuple[str, ...] = ()


def table(title: str, columns: Sequence[Column], rows: Iterable[Iterable[Cell]]) -> LessonTable:
    """A table of that title."""
    return LessonTable(title=title, columns=tuple(columns), rows=tuple(tuple(row) for row in rows))


def text(name: str) -> Column:
    """A column of words."""
    return Column(name)


def counted(name: str) -> Column:
    """A column of whole numbers, written with all their digits."""
    return Column(name, "count")


def stepped(items: Sequence[Item], progress: Progress) -> Iterator[Item]:
    """The items, with word to ``progress`` after each."""
    for done, item in enumerate(items, start=1):
        yield item
        progress(done, len(items))


def written(cell: Cell, kind: Kind) -> str:
    """A cell as it is read: 1,814,073,344, 1.81 G, 74.3%, 12.35%, 2.8x, 3.0e-06."""
    if cell is None or isinstance(cell, str):
        return cell or ""
    assert kind != "text", f"{cell!r} in a column of words"
    return _WRITTEN[kind](cell)


def share(part: float) -> str:
    """A part of 1 in percent: 74.3%."""
    return f"{100 * part:.1f}%"


def times(factor: float) -> str:
    """How many times as much: 2.8x."""
    return f"{factor:.0f}x" if factor >= 99.5 else f"{factor:.1f}x" if factor >= 0.95 else f"{factor:.2f}x"


_WRITTEN: dict[Kind, Callable[[float], str]] = {
    "count": lambda number: count(int(number)),
    "short": short,
    "bytes": size,
    "share": share,
    "percent": lambda number: f"{number:.1f}%" if number == round(number, 1) else f"{number:.2f}%",
    "factor": times,
    "decimal": lambda number: f"{round(number, 2) + 0.0:.2f}",
    "scientific": lambda number: f"{number:.2g}" if 1e-3 <= abs(number) < 1e4 or number == 0 else f"{number:.1e}",
}
