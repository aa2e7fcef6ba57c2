"""What the shortcuts of a residual network keep in memory while it runs."""

from typing import NamedTuple

from classicnets.inspection.inspection import Inspection, inspect
from classicnets.inspection.lessons.form import Column, Lesson, LessonTable, Progress, stepped, table, text, times
from classicnets.inspection.memory.shortcuts import held_by_shortcuts
from classicnets.inspection.tracing.rows import places_by_row
from classicnets.inspection.units import size

_OPTIONS = ("A", "B", "C")


class _Live(NamedTuple):
    """The most bytes that are alive in each row.

    Attributes:
        fused: as a runtime plans inference, with memory free after its last use.
        eager: in PyTorch, operation by operation.
    """

    fused: dict[str, int]
    eager: dict[str, int]


class _Top(NamedTuple):
    """The row where most is alive."""

    fused: str
    eager: str


def lesson(progress: Progress) -> Lesson:
    """The lesson."""
    networks = {"plain34": inspect("plain34")}
    for option in stepped(_OPTIONS, progress):
        networks[f"resnet34, shortcut {option}"] = inspect("resnet34", shortcut=option)
    plain, residual = networks["plain34"], networks["resnet34, shortcut B"]
    without, ours = (_Live(found.live_by_row("fused"), found.live_by_row("eager")) for found in (plain, residual))
    held = _held(residual)
    heaviest = max(held, key=lambda row: held[row])
    identity = [row for row in held if ours.eager[row] == without.eager[row]]
    top = _Top(*(max(live, key=lambda row: live[row]) for live in ours))
    growth = max(ours.fused[row] / without.fused[row] for row in held)
    return Lesson(
        topic="shortcut-memory",
        title="What shortcuts keep in memory",
        question="A shortcut has no weights. What does it cost while the network runs, and how can that be made less?",
        tables=(_by_row(ours, without, held), _peaks(networks), _shortcuts(residual)),
        conclusions=(
            f"While a block runs, what arrived waits for the sum: up to {size(held[heaviest])} in {heaviest}. Where"
            f" memory is free after its last use, a block of ResNet-34 holds up to {times(growth)} what it holds"
            " without its shortcut.",
            f"PyTorch's eager mode shows it in {len(held) - len(identity)} of {len(held)} blocks only, those with a"
            " projection: Python keeps what a block was given until the block returns, shortcut or not.",
            f"The peaks, {size(ours.fused[top.fused])} fused in {top.fused} and {size(ours.eager[top.eager])} eager in"
            f" {top.eager}, are the same without shortcuts: they cost nothing where the peak lies elsewhere. To hold"
            " less, begin there: make maps smaller before the first block (half the side is a quarter of the bytes),"
            " fold batch normalisation, write sums and activations in place; and have identities for projections,"
            " whose maps come on top.",
            f"In training maps are kept for the backward pass anyway: {size(plain.live_peak.training)} for the plain"
            f" network, {size(networks['resnet34, shortcut A'].live_peak.training)} with identities,"
            f" {size(networks['resnet34, shortcut C'].live_peak.training)} with a projection in every block.",
        ),
    )


def _held(found: Inspection) -> dict[str, int]:
    """The most bytes that wait for a sum in each row where something waits."""
    waiting = held_by_shortcuts(found.trace)
    places = places_by_row(found.trace, [row.name for row in found.traced_rows])
    most = {row: max((waiting[place] for place in found), default=0) for row, found in places.items()}
    return {row: count for row, count in most.items() if count}


def _by_row(ours: _Live, without: _Live, held: dict[str, int]) -> LessonTable:
    columns = (
        text("row"),
        Column("held by shortcuts", "bytes"),
        Column("plain34, fused", "bytes"),
        Column("resnet34, fused", "bytes"),
        Column("plain34, eager", "bytes"),
        Column("resnet34, eager", "bytes"),
    )
    return table(
        "The most that is alive in each row, batch 1, float32; fused is inference as a runtime plans it",
        columns,
        [
            (row, held.get(row), without.fused[row], ours.fused[row], without.eager[row], ours.eager[row])
            for row in ours.fused
        ],
    )


def _peaks(networks: dict[str, Inspection]) -> LessonTable:
    columns = (
        text("network"),
        Column("eager", "bytes"),
        Column("fused", "bytes"),
        Column("training", "bytes"),
    )
    return table(
        "Live peaks; training is with momentum",
        columns,
        [(name, *found.live_peak) for name, found in networks.items()],
    )


def _shortcuts(found: Inspection) -> LessonTable:
    columns = (text("row"), Column("bytes", "bytes"), text("from"), text("to"))
    return table(
        "What each shortcut of resnet34 holds, and from where to where",
        columns,
        [(shortcut.row, shortcut.bytes, shortcut.begin, shortcut.end) for shortcut in found.shortcuts],
    )
