"""The numbers of a run's report, ready to print."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classicnets.inspection.units import size
from classicnets.training.watch.durations import duration

MOST_PAIRS = 15  # rows of the table of mistakes
MOST_PLACES = 4  # steps that are named


def percent(value: float) -> str:
    """A percentage as the report prints it."""
    return f"{value:.2f}%"


def facts(
    result: Mapping[str, float | int], confusion: npt.NDArray[np.int64] | None, epochs: int
) -> list[tuple[str, str, str]]:
    """The headline's facts, each with its name, its value and a note: those of which ``result`` knows the figures."""
    found = []
    if "top1_error" in result:
        note = "of the test images named wrong"
        if "interval_low" in result and "interval_high" in result:
            note = f"95% interval {result['interval_low']:.2f} to {result['interval_high']:.2f}%"
        found.append(("Test error", percent(result["top1_error"]), note))
    # With five classes or fewer the true one is always among the first five.
    if "top5_error" in result and (confusion is None or len(confusion) > 5):
        found.append(("Top-5 error", percent(result["top5_error"]), "true class not among the first five"))
    if "images" in result:
        note = "" if confusion is None else f"{int(confusion.sum() - np.trace(confusion)):,} named wrong"
        found.append(("Test images", f"{result['images']:,.0f}", note))
    if "parameters" in result:
        found.append(("Parameters", f"{result['parameters']:,.0f}", "trainable"))
    if "seconds" in result:
        found.append(("Time", duration(result["seconds"]), f"{epochs:,} epoch{'' if epochs == 1 else 's'}"))
    return found


def step_facts(steps: Sequence[Mapping[str, float]], interruptions: Sequence[int]) -> list[tuple[str, str, str]]:
    """Facts of the course of a run, likewise: throughput, waiting, memory, interruptions; none without steps."""
    if not steps:
        return []
    rates = [line["images_per_second"] for line in steps]
    images = np.diff([0, *(line["images"] for line in steps)])
    waiting = np.average([line["waiting"] for line in steps], weights=images / rates)
    facts = [
        ("Images a second", f"{np.median(rates):,.0f}", "in the middle of the run's lines"),
        ("Waiting", f"{waiting:.1f}%", "of the time, for images"),
        ("Memory", size(max(line["memory"] for line in steps)), "the most that was held"),
    ]
    if interruptions:
        places = ", ".join(f"{place:,}" for place in interruptions[:MOST_PLACES])
        more = ", ..." if len(interruptions) > MOST_PLACES else ""
        facts.append(("Interruptions", f"{len(interruptions):,}", f"after step {places}{more}"))
    return facts


_EPOCH_COLUMNS = {
    "epoch": ("epoch", "{:.0f}"),
    "step": ("step", "{:,.0f}"),
    "learning_rate": ("learning rate", "{:.3g}"),
    "train_loss": ("training loss", "{:.4g}"),
    "train_error": ("training error (%)", "{:.2f}"),
    "test_loss": ("test loss", "{:.4g}"),
    "test_error": ("test error (%)", "{:.2f}"),
    "test_error_top5": ("top-5 test error (%)", "{:.2f}"),
    "images_per_second": ("images/s", "{:,.0f}"),
    "seconds": ("seconds", "{:,.1f}"),
}


def epoch_table(history: Sequence[Mapping[str, float]]) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of the table of epochs, with the columns of which any epoch knows a value."""
    keys = [key for key in _EPOCH_COLUMNS if any(key in entry for entry in history)]
    rows = [[_EPOCH_COLUMNS[key][1].format(entry[key]) if key in entry else "–" for key in keys] for entry in history]
    return [_EPOCH_COLUMNS[key][0] for key in keys], rows


def _mistakes(confusion: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    mistakes = confusion.copy()
    np.fill_diagonal(mistakes, 0)
    return mistakes


def pair_rows(confusion: npt.NDArray[np.int64], classes: Sequence[str]) -> list[tuple[str, str, str, str]]:
    """The most frequent mistakes: true class, what was said, images, share of the true class."""
    mistakes = _mistakes(confusion)
    totals = confusion.sum(axis=1)
    order = np.argsort(-mistakes, axis=None, kind="stable")[:MOST_PAIRS]
    rows = []
    for true, said in zip(*np.unravel_index(order, mistakes.shape), strict=True):
        count = mistakes[true, said]
        if count > 0:
            share = f"{100 * count / totals[true]:.1f}%"
            rows.append((classes[true], classes[said], f"{count:,}", share))
    return rows


@dataclass(frozen=True, kw_only=True)
class ClassRow:
    """How a class fared."""

    name: str
    images: int
    wrong: int
    error: float | None  # percent; None for a class without test images
    most_often_said: str  # instead; empty where nothing was


def class_rows(confusion: npt.NDArray[np.int64], classes: Sequence[str]) -> list[ClassRow]:
    """One row a class, the largest error first, classes without test images last."""
    mistakes = _mistakes(confusion)
    rows = []
    for label, name in enumerate(classes):
        images, wrong = int(confusion[label].sum()), int(mistakes[label].sum())
        rows.append(
            ClassRow(
                name=name,
                images=images,
                wrong=wrong,
                error=100 * wrong / images if images else None,
                most_often_said=classes[int(mistakes[label].argmax())] if wrong else "",
            )
        )
    return sorted(rows, key=lambda row: -1.0 if row.error is None else row.error, reverse=True)
