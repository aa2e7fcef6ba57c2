"""The tables of a network that `show` has on request."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from classicnets.cli.options import Also
from classicnets.cli.output import console, messages, say, table
from classicnets.errors import UsageError, near
from classicnets.inspection.units import short, size

if TYPE_CHECKING:
    from classicnets.inspection.cost.machine import Machine
    from classicnets.inspection.inspection import Inspection


def say_table(which: Also, found: "Inspection", machine: str) -> None:
    """Print that table.

    Args:
        which: it is.
        found: the network.
        machine: for the roofline; "this" stands for the one at hand, which is measured.

    Raises:
        UsageError: no such machine, or the network has an operator that the cost law does not follow.
    """
    say(f"\n{which}", style="bold")
    if which is Also.SHORTCUTS:
        _say_shortcuts(found)
    elif which is Also.COUNTERS:
        _say_counters(found)
    elif which is Also.ROOFLINE:
        _say_roofline(found, _machine(machine))
    else:
        _say_cost_law(found)


def _say_shortcuts(found: "Inspection") -> None:
    if not found.shortcuts:
        say("none: every tensor is read by the operation that comes next")
        return
    made = table(
        "row", "ways", "bytes", "from", "until", "operations meanwhile", numbers=("bytes", "operations meanwhile")
    )
    for held in found.shortcuts:
        ways = "added" if held.kind == "sum" else "joined"
        made.add_row(held.row, ways, size(held.bytes), held.begin, held.end, str(held.operations))
    console().print(made)
    say("Memory that waits while other operations run, until ways come together; for the whole batch.", style="dim")


def _say_counters(found: "Inspection") -> None:
    from classicnets.inspection.counting.conventions import CONVENTIONS

    totals = found.by_convention()
    made = table("counter", "total", "what it counts", numbers=("total",))
    for convention in CONVENTIONS:
        made.add_row(convention.name, f"{totals[convention.name]:,}", convention.rule)
    console().print(made)


def _say_roofline(found: "Inspection", machine: "Machine") -> None:
    least = found.roofline(machine)
    figures = ("FLOPs", "bytes", "FLOPs a byte", "milliseconds")
    made = table("row", *figures, "waits for", numbers=figures)
    for row in least.rows:
        moved = (short(row.flops), size(row.bytes), f"{row.intensity:.1f}", f"{1000 * row.seconds:.3f}")
        made.add_row(row.name, *moved, row.bound or "")
    made.add_section()
    made.add_row("total", "", "", "", f"{1000 * least.seconds:.3f}", style="bold")
    console().print(made)
    for line in _about(machine):
        say(line, style="dim")


def _about(machine: "Machine") -> Iterator[str]:
    rates = f"{short(machine.flops_per_second)}FLOPS, {size(machine.bytes_per_second)}/s"
    yield f"{machine.name}: {rates} ({machine.certainty}; {machine.source})"
    yield "The least time of an eager forward of the batch in float32; no network reaches it."


def _say_cost_law(found: "Inspection") -> None:
    made = table("", "")
    made.show_header = False
    for name, text in found.cost_law().table():
        made.add_row(name, text)
    console().print(made)
    say("s: factor on both sides of the image; w: factor on all numbers of channels.", style="dim")


def _machine(name: str) -> "Machine":
    from classicnets.inspection.cost.machine import MACHINES, measure_machine

    if name == "this":
        with messages().status("measuring this machine"):
            return measure_machine()
    if name not in MACHINES:
        raise UsageError(f"no machine {name!r}{near(name, ['this', *MACHINES])}")
    return MACHINES[name]
