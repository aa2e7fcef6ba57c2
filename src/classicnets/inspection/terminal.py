"""An inspection as a table in the terminal."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from classicnets.inspection.units import count, shape, short, size

if TYPE_CHECKING:
    from rich.table import Table

    from classicnets.inspection.inspection import Inspection
    from classicnets.inspection.modes import Mode
    from classicnets.inspection.tree import Branch

TOTAL = "total"
"""The name of the last row."""


def table(*columns: str, numbers: Iterable[str] = ()) -> "Table":
    """An empty table without lines; the columns named in ``numbers`` are flush right."""
    from rich.table import Table

    made = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    right = frozenset(numbers)
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left")
    return made


def rows_table(
    found: "Inspection", *, mode: "Mode | None" = None, beside: Mapping[str, Mapping[str, str]] | None = None
) -> "Table":
    """The rows with what each holds, computes and sees.

    Args:
        found: the network.
        mode: adds a column of the memory alive in each row in that mode.
        beside: further columns, each a text for some of the rows; perhaps for `TOTAL` too.
    """
    beside = beside or {}
    live = found.live_by_row(mode) if mode else {}
    figures = [
        "output",
        "parameters",
        "MACs",
        "bytes out",
        "sees",
        "stride",
        *([f"live, {mode}"] if mode else []),
        *beside,
    ]
    made = table("row", *figures, numbers=figures)
    for column in made.columns[:3]:
        column.no_wrap = True
    for row in found.rows:
        beyond = "+" if row.exceeds_image else ""
        made.add_row(
            row.name,
            shape(row.output),
            _or_nothing(row.parameters),
            short(row.macs) if row.macs else "",
            size(row.activation_bytes) if row.activation_bytes else "",
            f"{row.receptive_field}{beyond}" if row.receptive_field else "",
            _or_nothing(row.stride),
            *([size(live[row.name])] if mode else []),
            *(texts.get(row.name, "") for texts in beside.values()),
        )
    made.add_section()
    totals = (count(found.parameters), short(found.macs), size(found.activation_bytes), "", "")
    alive = [size(max(live.values()))] if mode else []
    further = (texts.get(TOTAL, "") for texts in beside.values())
    made.add_row(TOTAL, "", *totals, *alive, *further, style="bold")
    return made


def tree_table(branches: "tuple[Branch, ...]") -> "Table":
    """The modules, those within others moved in."""
    figures = ("output", "parameters", "MACs")
    made = table("module", "kind", *figures, numbers=figures)
    for branch in branches:
        made.add_row(
            "  " * branch.depth + (branch.path.rpartition(".")[2] or "(all)"),
            branch.kind,
            shape(branch.output),
            _or_nothing(branch.parameters),
            short(branch.macs) if branch.macs else "",
        )
    return made


def _or_nothing(number: int) -> str:
    return count(number) if number else ""
