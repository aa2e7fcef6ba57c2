"""A comparison as one HTML page that needs no network."""

from math import prod
from typing import TYPE_CHECKING

from classicnets.inspection.comparison_formats import error, protocol
from classicnets.inspection.pages import comparison_plots
from classicnets.inspection.pages.page_parts import (
    MEANING,
    Cell,
    Column,
    Section,
    SortedTable,
    columns,
    drawn,
    number,
    render,
)
from classicnets.inspection.units import shape, short, size

if TYPE_CHECKING:
    from classicnets.inspection.comparison import Comparison


def comparison_page(compared: "Comparison") -> str:
    """Networks side by side on a page: a table, accuracy against cost, and costs as bars.

    Raises:
        UsageError: the packages that draw are missing.
    """
    shown = comparison_plots.shown_kind(compared)
    accuracy = (
        "The area of a bubble is the parameters, its form how the test was done. Hovering tells more, and names that"
        " would run into others."
    )
    figures = [("Cost", "What each costs, in the order asked for.", comparison_plots.costs(compared))]
    if shown:
        figures.insert(0, ("Accuracy against cost", accuracy, comparison_plots.accuracy_against_cost(compared)))
    names = [network.name for network in compared.networks]
    several = f"Live memory is that of {compared.batch} images at once." if compared.batch > 1 else ""
    sections = [
        Section(heading="Size and accuracy", table=_sizes_and_errors(compared)),
        Section(heading="Memory", table=_memory(compared), note=several),
        Section(heading="Plots", plots=drawn(figures)),
        MEANING,
    ]
    title = ", ".join(names) if len(names) <= 4 else f"{len(names)} networks side by side"
    return render(title=title, warnings=compared.warnings, sections=sections)


def _sizes_and_errors(compared: "Comparison") -> SortedTable:
    rows = tuple(
        (
            Cell(network.name, place),
            Cell(str(network.year or ""), network.year or 0),
            Cell(short(network.parameters), network.parameters),
            Cell(short(network.macs), network.macs),
            number(network.receptive_field),
            Cell(error(network), network.reported.value if network.reported else 101),
            Cell(protocol(network), protocol(network)),
        )
        for place, network in enumerate(compared.networks)
    )
    heads = columns(("network", "year"), ("parameters", "MACs", "sees", "error"))
    return SortedTable((*heads, Column("reported on", False)), rows)


def _memory(compared: "Comparison") -> SortedTable:
    rows = tuple(
        (
            Cell(network.name, place),
            Cell(shape(network.input), prod(network.input)),
            *(Cell(size(held), held) for held in (network.activation_bytes, *network.live_peak)),
        )
        for place, network in enumerate(compared.networks)
    )
    figures = ("input", "activations", "live, eager", "live, fused", "live, training")
    return SortedTable(columns(("network",), figures), rows)
