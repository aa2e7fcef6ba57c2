"""A comparison written down: for programs, for documents, for spreadsheets, for the terminal."""

import csv
import io
from typing import TYPE_CHECKING, Any

from classicnets.inspection.formats import CONVENTIONS, markdown_table
from classicnets.inspection.units import count, shape, short, size
from classicnets.papers.results import doubt, way

if TYPE_CHECKING:
    from rich.console import Group

    from classicnets.inspection.comparison import Compared, Comparison


def as_dict(compared: "Comparison") -> dict[str, Any]:
    """All of it; counts are of one image, live memory that of the batch, in bytes."""
    return {
        "batch": compared.batch,
        "networks": [
            {
                "name": network.name,
                "year": network.year,
                "input": list(network.input),
                "parameters": network.parameters,
                "macs": network.macs,
                "activation_bytes": network.activation_bytes,
                "live_peak": network.live_peak._asdict(),
                "receptive_field": network.receptive_field,
                "reported": network.reported.model_dump() if network.reported else None,
            }
            for network in compared.networks
        ],
        "warnings": list(compared.warnings),
    }


def as_csv(compared: "Comparison") -> str:
    """A line a network under a header; whole numbers, errors in percent."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    figures = ["parameters", "macs", "activation_bytes", "live_eager", "live_fused", "live_training", "receptive_field"]
    writer.writerow(["network", "year", "input", *figures, "metric", "error", "data", "protocol", "certainty"])
    for network in compared.networks:
        result = network.reported
        writer.writerow(
            [network.name, network.year, "x".join(map(str, network.input)), network.parameters, network.macs]
            + [network.activation_bytes, *network.live_peak, network.receptive_field]
            + ([result.metric, result.value, result.data, result.protocol, result.certainty] if result else [""] * 5)
        )
    return text.getvalue()


def as_markdown(compared: "Comparison") -> str:
    """The networks as a table, what keeps them from being compared, and what the figures mean."""
    columns = ["network", "year", "input", "parameters", "MACs", "activation bytes"]
    columns += [f"live bytes, {mode}" for mode in ("eager", "fused", "training")]
    columns += ["sees pixels", "error", "protocol"]
    cells = [
        [network.name, str(network.year or ""), shape(network.input)]
        + [count(network.parameters), count(network.macs), count(network.activation_bytes)]
        + [count(peak) for peak in network.live_peak]
        + [count(network.receptive_field) if network.receptive_field else "", error(network), protocol(network)]
        for network in compared.networks
    ]
    lines = ["## " + ", ".join(network.name for network in compared.networks), "", *markdown_table(columns, cells), ""]
    lines += [line for warning in compared.warnings for line in (f"**{warning}**", "")]
    if compared.batch > 1:
        lines += [f"Live memory is that of {compared.batch} images at once.", ""]
    return "\n".join([*lines, *CONVENTIONS, ""])


def as_table(compared: "Comparison") -> "Group":
    """The networks as tables for the terminal, which 80 columns have room for; the warnings under them."""
    from rich.console import Group
    from rich.text import Text

    from classicnets.inspection.terminal import table

    figures = ("parameters", "MACs", "sees")
    sizes = table("network", "year", *figures, "reported error", numbers=figures)
    modes = ("activations", "live: eager", "fused", "training")
    memory = table("network", "input", *modes, numbers=modes)
    for network in compared.networks:
        tested = f"{error(network)}, {way(network.reported)}" if network.reported else ""
        seen = str(network.receptive_field or "")
        cells = (short(network.parameters), short(network.macs), seen, tested)
        sizes.add_row(network.name, str(network.year or ""), *cells)
        held = (network.activation_bytes, *network.live_peak)
        memory.add_row(network.name, "x".join(map(str, network.input)), *map(size, held))
    for made in (sizes, memory):
        made.columns[0].no_wrap = True
    return Group(sizes, "", memory, *(Text(f"\n{warning}", style="yellow") for warning in compared.warnings))


def error(network: "Compared") -> str:
    """Percent, and the metric."""
    result = network.reported
    return f"{result.value:g}% {result.metric.removesuffix(' error')}" if result else ""


def protocol(network: "Compared") -> str:
    """The data, and how the test was done."""
    result = network.reported
    return f"{result.data}, {result.protocol}{doubt(result.certainty)}" if result else ""
