"""`list` and `show`: which networks there are, and what they are made of."""

from typing import Annotated, Any

import typer

from classicnets import catalog
from classicnets.cli.options import AsJson, NetworkName
from classicnets.cli.output import as_json, assignments, console, say, table
from classicnets.errors import UsageError
from classicnets.papers import NetworkFacts, Reported

_USUAL_METRIC = "top-1 error"


def list_(
    family: Annotated[
        str | None, typer.Option(metavar="PAPER", help="Only the networks of this paper, such as resnet_cifar.")
    ] = None,
    json: AsJson = False,
) -> None:
    """List the networks with their size and what their papers reported.

    Example: classicnets list --family resnet_cifar
    """
    entries = [(name, catalog.paper(name)) for name in catalog.list_networks(family)]
    if json:
        as_json([_listed(name, paper.year, paper.facts(name)) for name, paper in entries])
        return
    made = table("network", "year", "parameters", "MACs", "reported error", numbers=("parameters", "MACs"))
    for name, paper in entries:
        facts = paper.facts(name)
        made.add_row(
            name,
            str(paper.year),
            f"{facts.parameters.value:,}" if facts.parameters else "",
            f"{facts.macs.value / 1e6:,.1f} M" if facts.macs else "",
            "\n".join(_reported(result) for result in facts.reported),
        )
    console().print(made)
    say("\nMACs: multiply-accumulates for one image. Errors: top-1 unless said otherwise.", style="dim")
    say("Any depth 6n + 2 of the CIFAR networks can be named, such as resnet26_cifar.", style="dim")


def show(
    network: NetworkName,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="OPTION=VALUE", help="An option of the network; may be repeated."),
    ] = None,
    num_classes: Annotated[int | None, typer.Option(metavar="N", help="Classes, if not the paper's.")] = None,
    in_channels: Annotated[int | None, typer.Option(metavar="N", help="Channels of the input, likewise.")] = None,
    json: AsJson = False,
) -> None:
    """Show a network row by row: what leaves each row, and its parameters.

    Example: classicnets show resnet20_cifar --set shortcut=B
    """
    from classicnets.inspection.table import table as table_of
    from classicnets.networks import build

    options = assignments(set_ or [])
    for name in ("num_classes", "in_channels"):
        if name in options:
            raise UsageError(f"--set {name}: write --{name.replace('_', '-')} {options[name]}")
    facts = table_of(build(network, num_classes=num_classes, in_channels=in_channels, **options))
    if json:
        as_json(facts)
        return
    paper = catalog.paper(network)
    printed = paper.facts(network)
    console().print(f"[bold]{network}[/bold]  input {_shape(facts.input)}", highlight=False)
    say(f"{paper.citation}\n", style="dim")
    made = table("row", "output", "parameters", numbers=("output", "parameters"))
    for row in facts.rows:
        made.add_row(row.name, _shape(row.output), f"{row.parameters:,}" if row.parameters else "")
    made.add_section()
    made.add_row("total", "", f"{facts.parameters:,}", style="bold")
    console().print(made)
    if facts.aux_parameters:
        say(f"auxiliary heads: {facts.aux_parameters:,} parameters more")
    say(f"Parameters are trainable numbers; {facts.buffers:,} more are kept but not trained.\n", style="dim")
    for result in printed.reported:
        say(f"reported: {_reported(result)} ({result.protocol})")
    for departure in (*paper.departs, *printed.departs):
        say(f"departs: {departure}")
    for gap in printed.unsaid:
        say(f"unsaid: {gap}")


def _listed(name: str, year: int, facts: NetworkFacts) -> dict[str, Any]:
    return {
        "name": name,
        "family": catalog.find(name).family,
        "year": year,
        "parameters": facts.parameters.value if facts.parameters else None,
        "macs": facts.macs.value if facts.macs else None,
        "reported": [result.model_dump() for result in facts.reported],
    }


def _reported(result: Reported) -> str:
    metric = "" if result.metric == _USUAL_METRIC else f" {result.metric}"
    doubt = "" if result.certainty == "printed" else f" ({result.certainty})"
    return f"{result.value:g}%{metric} on {result.data}{doubt}"


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
