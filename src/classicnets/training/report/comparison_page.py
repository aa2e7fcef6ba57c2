"""The page that shows several runs beside each other."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from classicnets.files import write_text
from classicnets.training.report import curves
from classicnets.training.report.comparison import HEADS, compared, differences, names_of, said, table_row
from classicnets.training.report.figures import Axis, Figure, Line, line_figure
from classicnets.training.report.records import Record
from classicnets.web.plotting import BLUE, GREEN, ORANGE, javascript
from classicnets.web.templates import fill

# The rest of Okabe and Ito's palette; a ninth run begins anew with the first colour, dashed.
_COLOURS = (BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", "#56B4E9", "#8C6D1F", "#7F7F7F")
_DASHES = ("solid", "dash", "dot", "dashdot")


def write_comparison(path: Path, records: Sequence[Record]) -> None:
    """Write the runs beside each other as one HTML file that needs no network.

    Raises:
        UsageError: the file could not be written; the former content of ``path`` survives.
    """
    names = names_of(records)
    write_text(
        path,
        fill(
            "classicnets.training.report",
            "comparison.html",
            names=names,
            heads=HEADS,
            runs=[table_row(name, compared(record)) for name, record in zip(names, records, strict=True)],
            differences=[(field, [said(value) for value in values]) for field, values in differences(records).items()],
            curves=_curves(names, records),
            javascript=javascript(),
        ),
    )


def _curves(names: Sequence[str], records: Sequence[Record]) -> list[Figure]:
    wanted: list[tuple[str, str, Axis, str, Callable[[Record], list[tuple[float, float]]], bool]] = [
        ("error", "Test error", _of_test(curves.ERROR), "epoch", _tests("epoch", "test_error"), False),
        (
            "error-time",
            "Test error over time",
            _of_test(curves.ERROR),
            "minutes",
            _tests("minutes", "test_error"),
            False,
        ),
        ("test-loss", "Test loss", curves.LOSS, "epoch", _tests("epoch", "test_loss"), False),
        ("loss", "Training loss", curves.LOSS, "epoch", _steps("loss"), True),
        ("learning-rate", "Learning rate", curves.LEARNING_RATE, "epoch", _steps("learning_rate"), False),
        ("gradient-norm", "Gradient", curves.GRADIENT_NORM, "epoch", _steps("gradient_norm"), True),
        ("throughput", "Throughput", curves.THROUGHPUT, "epoch", _steps("images_per_second"), True),
        ("waiting", "Waiting for images", curves.WAITING, "epoch", _steps("waiting"), True),
    ]
    drawn = []
    for name, heading, axis, over, points_of, scatters in wanted:
        lines: list[Line] = []
        for place, (run, record) in enumerate(zip(names, records, strict=True)):
            if points := points_of(record):
                line = _line(run, points, place)
                lines += curves.smoothed(line) if scatters else [line]
        if lines:
            drawn.append(line_figure(name, heading, lines, axis, over=over))
    return drawn


def _line(name: str, points: Sequence[tuple[float, float]], place: int) -> Line:
    return Line(
        name=name,
        x=[x for x, _ in points],
        y=[y if math.isfinite(y) else None for _, y in points],
        colour=_COLOURS[place % len(_COLOURS)],
        dash=_DASHES[place // len(_COLOURS) % len(_DASHES)],
    )


def _tests(over: str, key: str) -> Callable[[Record], list[tuple[float, float]]]:
    def points(record: Record) -> list[tuple[float, float]]:
        return [(_minutes(epoch) if over == "minutes" else epoch["epoch"], epoch[key]) for epoch in record.epochs]

    return points


def _steps(key: str) -> Callable[[Record], list[tuple[float, float]]]:
    def points(record: Record) -> list[tuple[float, float]]:
        """Over epochs, since a step is not the same amount of work in every run."""
        an_epoch = record.steps_an_epoch
        return [(float(f"{line['step'] / an_epoch:.5g}"), line[key]) for line in record.steps] if an_epoch else []

    return points


def _minutes(epoch: Mapping[str, float]) -> float:
    return float(f"{epoch['seconds'] / 60:.5g}")


def _of_test(axis: Axis) -> Axis:
    return Axis(title="top-1 test error (%)", number=axis.number, scale=axis.scale)
