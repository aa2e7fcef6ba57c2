"""How a paper's figures are put into words, for `list` and `show`."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from classicnets.cli.output import console, say, table
from classicnets.papers import NetworkFacts, Paper, Stated
from classicnets.papers.results import SURE, contradiction_in_words, doubt, in_words


def printed_columns(facts: NetworkFacts) -> list[str]:
    """The columns of the paper's table that are rounded, in its order."""
    return list(dict.fromkeys(column for row in facts.rows.values() for column in row.printed))


def say_facts(paper: Paper, facts: NetworkFacts) -> None:
    """The figures of one network, and where paper, count and code disagree."""
    for result in facts.reported:
        say(f"reported: {in_words(result)}")
    for contradiction in (*paper.contradictions, *facts.contradictions):
        say(f"contradiction: {contradiction_in_words(contradiction)}", style="yellow")
    for departure in (*paper.departs, *facts.departs):
        say(f"departs: {departure}")
    for gap in facts.unsaid:
        say(f"unsaid: {gap}")
    for variant in facts.variants:
        options = " ".join(f"--set {name}={_option(value)}" for name, value in variant.options.items())
        macs = f", {variant.macs.value:,} MACs" if variant.macs else ""
        say(f"variant: {options}: {variant.parameters.value:,} parameters{macs}")


def say_paper(paper: Paper) -> None:
    """All else that the paper states: how it trained and tested, what it claims, how releases differ."""
    _say_stated("training", paper.recipe)
    _say_stated("augmentation", paper.augmentation)
    _say_stated("tests", paper.protocols)
    _say_stated("releases", paper.releases)
    if paper.claims:
        say("\nclaims", style="bold")
        for claim in paper.claims:
            say(f"- {claim.value}{doubt(claim.certainty)}")
    if paper.results:
        say("\nother results", style="bold")
        made = table("model", "error", "metric", "data", "protocol", "networks", numbers=("error", "networks"))
        for result in paper.results:
            value = f"{result.value:g}%{doubt(result.certainty)}"
            metric = result.metric.removesuffix(" error")
            made.add_row(result.model, value, metric, result.data, result.protocol, str(result.networks))
        console().print(made)


def as_data(paper: Paper, facts: NetworkFacts) -> dict[str, Any]:
    """The same for programs."""
    return {
        "citation": paper.citation,
        "year": paper.year,
        **facts.model_dump(exclude={"rows", "variants"}, mode="json"),
        "rows": {row: stated.model_dump(exclude_defaults=True) for row, stated in facts.rows.items()},
        "variants": [variant.model_dump(mode="json") for variant in facts.variants],
        "contradictions": [found.model_dump() for found in (*paper.contradictions, *facts.contradictions)],
        "departs": [*paper.departs, *facts.departs],
    }


def _say_stated(title: str, stated: Mapping[str, Stated]) -> None:
    if not stated:
        return
    say(f"\n{title}", style="bold")
    made: Table = table("", "")
    made.show_header = False
    for name, what in stated.items():
        value = "not stated" if what.value is None else f"{what.value}"
        made.add_row(name.replace("_", " "), f"{value}{doubt(what.certainty, plain=SURE)}")
    console().print(made)


def _option(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value).replace(" ", "")
