"""What pages are made of, and how the template puts it together."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from classicnets.inspection.formats import CONVENTIONS
from classicnets.inspection.units import count
from classicnets.web.plotting import as_fragment, javascript
from classicnets.web.templates import fill

if TYPE_CHECKING:
    import plotly.graph_objects as go


class Fact(NamedTuple):
    """A figure of the headline: what it is, its value, and what a reader must know of it."""

    name: str
    value: str
    note: str


class Plot(NamedTuple):
    """A plot: what it shows in a few words, in a sentence, and its HTML."""

    heading: str
    caption: str
    fragment: str


class Column(NamedTuple):
    """A column's head, and whether numbers stand below it."""

    name: str
    number: bool


class Cell(NamedTuple):
    """What a cell says, and what its column is sorted by."""

    text: str
    value: str | int | float


class SortedTable(NamedTuple):
    """A table that a reader can sort; the totals stay below."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    totals: tuple[str, ...] = ()


class Section(NamedTuple):
    """A part of a page: those of drawing, plots, table, note and lists that there are, in this order."""

    heading: str
    drawing: str = ""
    plots: tuple[Plot, ...] = ()
    table: SortedTable | None = None
    note: str = ""
    lists: Mapping[str, Sequence[str]] = {}


MEANING = Section(
    heading="What the figures mean", lists={"": [*CONVENTIONS, "K, M, G and kB, MB, GB are powers of a thousand."]}
)
"""The end of every page."""


def render(
    *,
    title: str,
    sections: Sequence[Section],
    about: Sequence[str] = (),
    warnings: Sequence[str] = (),
    headline: Sequence[Fact] = (),
) -> str:
    """The whole page.

    Args:
        title: its name, and its first line.
        sections: in order.
        about: lines below the title, the first the most important.
        warnings: what a reader must know before the figures.
        headline: the main figures.

    Raises:
        UsageError: jinja2 is not installed.
    """
    return fill(
        __package__,
        "page.html",
        title=title,
        about=about,
        warnings=warnings,
        headline=headline,
        sections=sections,
        javascript=javascript(),
    )


def drawn(figures: Sequence[tuple[str, str, "go.Figure"]]) -> tuple[Plot, ...]:
    """Plots, each from its heading, its caption and its figure; a page has room for one call of this."""
    return tuple(
        Plot(heading, caption, as_fragment(figure, f"plot-{place}"))
        for place, (heading, caption, figure) in enumerate(figures, start=1)
    )


def columns(texts: Sequence[str], numbers: Sequence[str]) -> tuple[Column, ...]:
    """Columns of texts, then columns of numbers."""
    return (*(Column(name, False) for name in texts), *(Column(name, True) for name in numbers))


def number(value: int) -> Cell:
    """A cell with a whole number, empty for zero."""
    return Cell(count(value) if value else "", value)
