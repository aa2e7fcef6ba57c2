"""`list` and `show`: which networks there are, and what they are made of."""

from typing import Annotated, Any

import typer

from classicnets import catalog
from classicnets.cli.output import as_json, assignments, console
from classicnets.papers import NetworkFacts, Reported

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]


def list_(
    family: Annotated[str | None, typer.Option(help="Only the networks of this paper, such as resnet_cifar.")] = None,
    json: AsJson = False,
) -> None:
    """List the networks with their size and what their papers reported.

    Example: classicnets list --family resnet_cifar
    """
    entries = [(name, catalog.paper(name)) for name in catalog.list_networks(family)]
    if json:
        as_json([_listed(name, paper.year, paper.facts(name)) for name, paper in entries])
        return
    from rich.table import Table

    table = Table("network", "year", "parameters", "MACs", "reported error", box=None, header_style="bold")
    table.columns[2].justify = table.columns[3].justify = "right"
    for name, paper in entries:
        facts = paper.facts(name)
        table.add_row(
            name,
            str(paper.year),
            f"{facts.parameters.value:,}" if facts.parameters else "",
            f"{facts.macs.value / 1e6:,.1f} M" if facts.macs else "",
            "; ".join(_reported(result) for result in facts.reported),
        )
    console().print(table)
    console().print("MACs: multiply-accumulates for one image. Errors as the papers print them.", style="dim")


def show(
    network: Annotated[str, typer.Argument(help="A name from `classicnets list`.")],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="OPTION=VALUE", help="An option of the network; may be repeated."),
    ] = None,
    num_classes: Annotated[int | None, typer.Option(help="Instead of the paper's.")] = None,
    in_channels: Annotated[int | None, typer.Option(help="Instead of the paper's.")] = None,
    json: AsJson = False,
) -> None:
    """Show a network row by row: what leaves each row, and its parameters.

    Example: classicnets show resnet20_cifar --set shortcut=B
    """
    from classicnets.inspection.table import table as table_of
    from classicnets.networks import build

    facts = table_of(build(network, num_classes=num_classes, in_channels=in_channels, **assignments(set_ or [])))
    if json:
        as_json(facts)
        return
    from rich.table import Table

    paper = catalog.paper(network)
    printed = paper.facts(network)
    out = console()
    out.print(f"[bold]{network}[/bold]  input {_shape(facts.input)}", highlight=False)
    out.print(paper.citation, style="dim", highlight=False)
    table = Table("row", "output", "parameters", box=None, header_style="bold")
    table.columns[1].justify = table.columns[2].justify = "right"
    for row in facts.rows:
        table.add_row(row.name, _shape(row.output), f"{row.parameters:,}" if row.parameters else "")
    table.add_section()
    table.add_row("total", "", f"{facts.parameters:,}", style="bold")
    out.print(table)
    if facts.aux_parameters:
        out.print(f"auxiliary heads: {facts.aux_parameters:,} parameters more")
    out.print(f"{facts.buffers:,} buffers; parameters are trainable ones", style="dim", highlight=False)
    for result in printed.reported:
        out.print(f"reported: {_reported(result)} ({result.protocol})", highlight=False)
    for departure in (*paper.departs, *printed.departs):
        out.print(f"departs: {departure}", highlight=False)
    for gap in printed.unsaid:
        out.print(f"unsaid: {gap}", highlight=False)


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
    doubt = "" if result.certainty == "printed" else f" [{result.certainty}]"
    return f"{result.value:g}% {result.metric} on {result.data}{doubt}"


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
