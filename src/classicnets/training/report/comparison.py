"""Several runs beside each other: what they came to, in what their recipes differ, their curves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classicnets.training.report.records import Record
from classicnets.training.watch.durations import duration

HEADS = (
    "run",
    "network",
    "data",
    "epochs",
    "test error (%)",
    "95% interval",
    "top-5 error (%)",
    "training loss",
    "images/s",
    "time",
    "",
)
"""Of the table of runs; in the last column stands how far those are that have not ended."""

NUMBERS = frozenset(HEADS[3:10])


@dataclass(frozen=True, kw_only=True)
class ComparedRun:
    """What a run came to, or has come to so far; errors in percent. None stands for what is not known yet.

    Attributes:
        run: its folder.
        network: that was trained.
        data: that it was trained on.
        finished: whether it has ended.
        epoch: that have ended.
        step: that are done.
        steps: of the whole run.
        images: that it was tested on.
        top1_error: of the network that is kept.
        top5_error: likewise.
        interval: the 95% interval of the top-1 error.
        train_loss: of the last epoch.
        images_per_second: of the last epoch.
        seconds: that it took so far, interruptions left out.
        interruptions: how often it was interrupted and gone on with.
    """

    run: str
    network: str
    data: str
    finished: bool
    epoch: int
    step: int
    steps: int | None
    images: int | None
    top1_error: float | None
    top5_error: float | None
    interval: tuple[float, float] | None
    train_loss: float | None
    images_per_second: float | None
    seconds: float
    interruptions: int


def compared(record: Record) -> ComparedRun:
    """What a record comes to."""
    result = record.result()
    last = record.epochs[-1] if record.epochs else {}
    known = "top1_error" in result
    return ComparedRun(
        run=str(record.folder),
        network=record.recipe.network,
        data=record.recipe.data,
        finished=record.finished,
        epoch=int(last.get("epoch", 0)),
        step=record.done,
        steps=record.of_steps,
        images=int(result["images"]) if known else None,
        top1_error=result.get("top1_error"),
        top5_error=result.get("top5_error"),
        interval=(result["interval_low"], result["interval_high"]) if known else None,
        train_loss=last.get("train_loss"),
        images_per_second=last.get("images_per_second"),
        seconds=record.seconds,
        interruptions=len(record.interruptions),
    )


def differences(records: Sequence[Record]) -> dict[str, list[Any]]:
    """The fields of the recipes that are not the same in all, each with its value in every run; None where it has none.

    Fields of sections have names with dots: optimizer.lr.
    """
    flat = [dict(_flat(record.recipe.model_dump(mode="json"), "")) for record in records]
    fields = dict.fromkeys(field for fields in flat for field in fields)
    found = {field: [fields.get(field) for fields in flat] for field in fields}
    return {field: values for field, values in found.items() if any(value != values[0] for value in values)}


def names_of(records: Sequence[Record]) -> list[str]:
    """The shortest ends of the folders that tell the runs apart."""
    parts = [Path(record.folder).resolve().parts for record in records]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(own[-length:]) for own in parts]
        if len(set(names)) == len(names):
            return names
    return [f"{name} ({place})" for place, name in enumerate(names, start=1)]  # a run that was named twice


def table_row(name: str, run: ComparedRun) -> list[str]:
    """The cells of a run, under `HEADS`."""
    interval = "–" if run.interval is None else f"{run.interval[0]:.2f} to {run.interval[1]:.2f}"
    return [
        name,
        run.network,
        run.data,
        f"{run.epoch:,}",
        _number(run.top1_error, ".2f"),
        interval,
        _number(run.top5_error, ".2f"),
        _number(run.train_loss, ".4f"),
        _number(run.images_per_second, ",.0f"),
        duration(run.seconds),
        "" if run.finished else f"step {run.step:,}" + ("" if run.steps is None else f" of {run.steps:,}"),
    ]


def said(value: object) -> str:
    """A value of a recipe as a table shows it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(map(said, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else f"{value:{form}}"


def _flat(fields: Mapping[str, Any], before: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in fields.items():
        found += _flat(value, f"{before}{name}.") if isinstance(value, Mapping) else [(f"{before}{name}", value)]
    return found
