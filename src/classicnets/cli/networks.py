"""`list` and `show`: which networks there are, and what they are made of."""

import dataclasses
from typing import Annotated, Any

import typer

from classicnets import catalog
from classicnets.cli.options import NO_VALUE, AsJson, NetworkName
from classicnets.cli.output import as_json, assignments, console, say, table
from classicnets.errors import UsageError
from classicnets.papers import NetworkFacts


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
    from classicnets.cli.paper import headline, in_brief

    made = table("network", "year", "parameters", "MACs", "reported error", numbers=("parameters", "MACs"))
    made.columns[0].no_wrap = True
    for name, paper in entries:
        facts = paper.facts(name)
        reported = headline(facts)
        made.add_row(
            name,
            str(paper.year),
            f"{facts.parameters.value:,}" if facts.parameters else "",
            f"{facts.macs.value / 1e6:,.1f} M" if facts.macs else "",
            in_brief(reported) if reported else "",
        )
    console().print(made)
    say(
        "\nMACs: multiply-accumulates for one image. One error of each paper; `show NETWORK` has them all.", style="dim"
    )
    say("Numbers in names can be others, such as resnet26_cifar, where the paper has a formula for them.", style="dim")


def show(
    network: NetworkName,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="OPTION=VALUE", help="An option of the network; may be repeated."),
    ] = None,
    num_classes: Annotated[int | None, typer.Option(metavar="N", help="Classes, if not the paper's.")] = None,
    in_channels: Annotated[int | None, typer.Option(metavar="N", help="Channels of the input, likewise.")] = None,
    whole_paper: Annotated[
        bool, typer.Option("--paper", metavar=NO_VALUE, help="Also how the paper trained, tested and what it claims.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Show a network row by row beside its paper: what leaves each row, its parameters, the paper's own figures.

    Example: classicnets show resnet34 --set shortcut=C
    """
    from classicnets.cli.paper import as_data, printed_columns, say_facts, say_paper
    from classicnets.inspection.table import table as table_of
    from classicnets.networks import build

    options = assignments(set_ or [])
    for name in ("num_classes", "in_channels"):
        if name in options:
            raise UsageError(f"--set {name}: write --{name.replace('_', '-')} {options[name]}")
    found = table_of(build(network, num_classes=num_classes, in_channels=in_channels, **options))
    paper = catalog.paper(network)
    facts = paper.facts(network)
    if json:
        as_json({**dataclasses.asdict(found), "paper": as_data(paper, facts)})
        return
    console().print(f"[bold]{network}[/bold]  input {_shape(found.input)}", highlight=False)
    say(facts.summary or "not one of the paper's own networks")
    say(f"{paper.citation}\n", style="dim")
    columns = printed_columns(facts)
    named = [f"paper: {column}" for column in columns]
    made = table("row", "output", "parameters", *named, numbers=("output", "parameters", *named))
    for row in found.rows:
        printed = facts.rows[row.name].printed if row.name in facts.rows else {}
        count = f"{row.parameters:,}" if row.parameters else ""
        made.add_row(row.name, _shape(row.output), count, *(printed.get(column, "") for column in columns))
    made.add_section()
    made.add_row("total", "", f"{found.parameters:,}", style="bold")
    console().print(made)
    if found.aux_parameters:
        say(f"auxiliary heads, in training only: {found.aux_parameters:,} parameters more")
    say(f"Parameters are trainable numbers; {found.buffers:,} more are kept but not trained.")
    say(f"{_of_the_paper(facts)}\n")
    say_facts(paper, facts)
    if whole_paper:
        say_paper(paper)


def _of_the_paper(facts: NetworkFacts) -> str:
    known = []
    if facts.parameters and facts.parameters.printed_millions is not None:
        known.append(f"the paper prints {facts.parameters.printed_millions:g} million parameters")
    if facts.macs:
        known.append(f"{facts.macs.value:,} multiply-accumulates for an image of the paper's size")
    return "; ".join(known)


def _listed(name: str, year: int, facts: NetworkFacts) -> dict[str, Any]:
    return {
        "name": name,
        "family": catalog.find(name).family,
        "year": year,
        "parameters": facts.parameters.value if facts.parameters else None,
        "macs": facts.macs.value if facts.macs else None,
        "reported": [result.model_dump() for result in facts.reported],
    }


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
