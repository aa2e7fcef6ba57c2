"""`list` and `show`: which networks there are, and what they are made of."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from classicnets import catalog, files
from classicnets.cli.options import NO_VALUE, Also, AsJson, AsMarkdown, HtmlFile, InputSize, NetworkOptions, read_input
from classicnets.cli.output import as_json, assignments, console, messages, say, table
from classicnets.errors import UsageError
from classicnets.inspection.modes import Mode, Optimizer, Precision
from classicnets.inspection.terminal import TOTAL
from classicnets.papers import NetworkFacts, Paper

if TYPE_CHECKING:
    from classicnets.inspection.inspection import Inspection

_NO_OPTIONS = {"model", "input_size", "batch", "optimizer", "precision", "run"}
"""What `inspect` takes besides the options of a network."""


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
    from classicnets.papers.results import headline, in_brief

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
    network: Annotated[
        str, typer.Argument(metavar="NETWORK", help="A name from `classicnets list`, a bundle, or other weights.")
    ],
    set_: NetworkOptions = None,
    num_classes: Annotated[int | None, typer.Option(metavar="N", help="Classes, if not the paper's.")] = None,
    in_channels: Annotated[int | None, typer.Option(metavar="N", help="Channels of the input, likewise.")] = None,
    input_size: InputSize = None,
    batch: Annotated[int, typer.Option(metavar="N", help="Images at once, for the memory alive.")] = 1,
    mode: Annotated[
        Mode | None, typer.Option(metavar="MODE", help="Also the memory alive in each row: eager, fused or training.")
    ] = None,
    optimizer: Annotated[
        Optimizer, typer.Option(metavar="NAME", help="Whose state training holds: sgd, momentum, rmsprop, adam.")
    ] = "momentum",
    precision: Annotated[
        Precision, typer.Option(metavar="NAME", help="Of the numbers in training: float32, bfloat16 or mixed.")
    ] = "float32",
    tree: Annotated[
        int | None, typer.Option(metavar="DEPTH", help="The modules one within the other in place of the rows.")
    ] = None,
    whole_paper: Annotated[
        bool, typer.Option("--paper", metavar=NO_VALUE, help="Also how the paper trained, tested and what it claims.")
    ] = False,
    also: Annotated[
        list[Also] | None,
        typer.Option(
            metavar="TABLE",
            help="A further table: shortcuts, counters, roofline or cost-law; may be repeated.",
        ),
    ] = None,
    machine: Annotated[str, typer.Option(metavar="NAME", help="Of the roofline; 'this' is measured.")] = "this",
    html: HtmlFile = None,
    markdown: AsMarkdown = False,
    json: AsJson = False,
) -> None:
    """Show a network row by row beside its paper: what each row holds, computes, sees, and what the paper prints.

    Example: classicnets show resnet34 --set shortcut=C --mode training --batch 32 --also shortcuts
    """
    from classicnets.cli.further import say_table
    from classicnets.cli.paper import as_data, say_paper

    options = network_options(set_, num_classes=num_classes, in_channels=in_channels)
    with messages().status("tracing"):
        from classicnets.inspection.inspection import inspect

        found = inspect(
            network, read_input(input_size), batch=batch, optimizer=optimizer, precision=precision, **options
        )
        paper = catalog.paper(found.name)
        facts = paper.facts(found.name)
        content = {**found.to_dict(), "paper": as_data(paper, facts)} if json else None
        page = found.to_html() if html else None
    if html and page is not None:
        files.write_text(html, page)
        messages().print(f"page  {html}", markup=False, highlight=False)
    if json:
        as_json(content)
    elif markdown:
        sys.stdout.write(found.to_markdown())
    elif html is None:
        _say_inspection(found, paper, facts, mode=mode, depth=tree)
        for further in also or []:
            say_table(further, found, machine)
        if whole_paper:
            say_paper(paper)


def network_options(assigned: list[str] | None, **given: object) -> dict[str, Any]:
    """The options of a network: those of --set, and ``given`` ones that have an option of their own if not None.

    Raises:
        UsageError: --set names one of these, or something that is no network's option.
    """
    options = assignments(assigned or [])
    for name in _NO_OPTIONS & options.keys():
        instead = f"write --input {options[name]}" if name == "input_size" else "that is no option of a network"
        raise UsageError(f"--set {name}: {instead}")
    for name in given:
        if name in options:
            raise UsageError(f"--set {name}: write --{name.replace('_', '-')} {options[name]}")
    return {**options, **{name: value for name, value in given.items() if value is not None}}


def _say_inspection(
    found: "Inspection", paper: Paper, facts: NetworkFacts, *, mode: Mode | None, depth: int | None
) -> None:
    from classicnets.cli.paper import say_facts
    from classicnets.inspection.formats import CONVENTIONS, headline
    from classicnets.inspection.terminal import rows_table, tree_table
    from classicnets.inspection.units import shape

    console().print(f"[bold]{found.name}[/bold]  input {shape(found.input)}", highlight=False)
    say(facts.summary or "not one of the paper's own networks")
    say(f"{paper.citation}\n", style="dim")
    if depth is None:
        console().print(rows_table(found, mode=mode, beside=_beside(found, facts)))
    else:
        console().print(tree_table(found.tree(depth)))
    say("")
    for line in (*headline(found), *(_recomputing(found) if mode == "training" else ()), *_of_the_paper(facts)):
        say(line)
    for line in CONVENTIONS:
        say(line, style="dim")
    say("")
    say_facts(paper, facts)


def _recomputing(found: "Inspection") -> list[str]:
    from classicnets.inspection.units import size

    least = found.recomputation
    if least is None or not least.segments:
        return []
    return [
        f"training with rows recomputed (train --recompute auto): {size(least.peak)},"
        f" {least.share:.1%} more multiply-accumulates"
    ]


def _beside(found: "Inspection", facts: NetworkFacts) -> dict[str, dict[str, str]]:
    """Columns of what the paper prints, and before those that are counted here too, that count."""
    from classicnets.cli.paper import printed_columns

    columns: dict[str, dict[str, str]] = {}
    stated = {name: f"{row.connections:,}" for name, row in facts.rows.items() if row.connections is not None}
    if stated:
        columns["connections"] = _with_total(found.connections)
        columns["paper:\nconnections"] = stated
    for column in printed_columns(facts):
        texts = {name: row.printed[column] for name, row in facts.rows.items() if column in row.printed}
        if column == "neurons":
            columns[column] = _with_total({name: found.neurons[name] for name in texts})
            texts = {
                name: text if int(text.replace(",", "")) == found.neurons[name] else f"{text} (!)"
                for name, text in texts.items()
            }
        columns[f"paper:\n{column}"] = texts
    return columns


def _with_total(counts: dict[str, int]) -> dict[str, str]:
    return {name: f"{count:,}" for name, count in (*counts.items(), (TOTAL, sum(counts.values())))}


def _of_the_paper(facts: NetworkFacts) -> list[str]:
    known = []
    if facts.parameters and facts.parameters.printed_millions is not None:
        known.append(f"the paper prints {facts.parameters.printed_millions:g} million parameters")
    return known


def _listed(name: str, year: int, facts: NetworkFacts) -> dict[str, Any]:
    return {
        "name": name,
        "family": catalog.find(name).family,
        "year": year,
        "parameters": facts.parameters.value if facts.parameters else None,
        "macs": facts.macs.value if facts.macs else None,
        "reported": [result.model_dump() for result in facts.reported],
    }
