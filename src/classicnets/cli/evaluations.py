"""Tables of what tests found."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from classicnets.cli.output import table

if TYPE_CHECKING:
    from rich.table import Table

    from classicnets.evaluation.counting import Evaluation
    from classicnets.evaluation.protocols.testing import Tested

_HEADS = ("error", "95% interval", "wrong", "images")


def error_table(evaluation: "Evaluation") -> "Table":
    """Top-1 and top-5 error."""
    made = table("", *_HEADS, numbers=_HEADS)
    images = f"{evaluation.images:,}"
    made.add_row(
        "top-1",
        f"{evaluation.top1_error:.2f}%",
        _interval(evaluation.interval),
        f"{evaluation.top1_errors:,}",
        images,
    )
    made.add_row("top-5", f"{evaluation.top5_error:.2f}%", "", f"{evaluation.top5_errors:,}", images)
    return made


def class_table(evaluation: "Evaluation") -> "Table":
    """The error of each class."""
    from rich.markup import escape

    made = table("class", *_HEADS, numbers=_HEADS)
    for row in evaluation.per_class():
        made.add_row(
            escape(row["class"]),
            f"{row['top1_error']:.2f}%",
            _interval(row["interval"]),
            f"{row['errors']:,}",
            f"{row['images']:,}",
        )
    return made


def protocol_table(tested: "Iterable[Tested]") -> "Table":
    """Protocols side by side: errors, and what they cost."""
    numbers = ("top-1 error", "95% interval", "top-5 error", "views", "MACs an image", "images/s")
    made = table("protocol", *numbers, numbers=numbers)
    for one in tested:
        made.add_row(
            one.protocol,
            f"{one.evaluation.top1_error:.2f}%",
            _interval(one.evaluation.interval),
            f"{one.evaluation.top5_error:.2f}%",
            f"{one.views:,}",
            f"{one.macs:,}",
            f"{one.images_per_second:,.1f}",
        )
    return made


def _interval(given: Iterable[float]) -> str:
    low, high = given
    return f"{low:.2f} - {high:.2f}%"
