"""How a paper's figures are put into words, for `list` and `show`."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.table import Table

from classicnets.cli.output import console, say, table
from classicnets.papers import Contradiction, NetworkFacts, Paper, Reported, Stated

_SURE = ("printed", "computed")
_USUAL_DATA = ("ILSVRC-2012 validation", "CIFAR-10 test", "MNIST test")


def headline(facts: NetworkFacts) -> Reported | None:
    """The result to name where there is room for one: a single network's, top-5 if the paper has it."""
    alone = [result for result in facts.reported if result.networks == 1]
    top5 = [result for result in alone if result.metric == "top-5 error"]
    return next(iter(top5 or alone or facts.reported), None)


def in_words(result: Reported) -> str:
    """An error with all that a reader needs to compare it: metric, data, protocol, how many networks voted."""
    metric = result.metric.removesuffix(" error")
    votes = f", {result.networks} networks" if result.networks > 1 else ""
    return f"{result.value:g}% {metric} on {result.data}, {result.protocol}{votes}{_doubt(result.certainty)}"


def in_brief(result: Reported) -> str:
    """The same where there is little room: without the usual data, and no more of the protocol than how it tested."""
    metric = result.metric.removesuffix(" error")
    data = "" if result.data in _USUAL_DATA else f" on {result.data}"
    return f"{result.value:g}% {metric}{data}, {result.protocol.split(';')[0]}{_doubt(result.certainty)}"


def printed_columns(facts: NetworkFacts) -> list[str]:
    """The columns of the paper's table that are rounded, in its order."""
    return list(dict.fromkeys(column for row in facts.rows.values() for column in row.printed))


def say_facts(paper: Paper, facts: NetworkFacts) -> None:
    """The figures of one network, and where paper, count and code disagree."""
    for result in facts.reported:
        say(f"reported: {in_words(result)}")
    for contradiction in (*paper.contradictions, *facts.contradictions):
        say(f"contradiction: {_contradiction(contradiction)}", style="yellow")
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
            say(f"- {claim.value}{_doubt(claim.certainty)}")
    if paper.results:
        say("\nother results", style="bold")
        made = table("model", "error", "metric", "data", "protocol", "networks", numbers=("error", "networks"))
        for result in paper.results:
            value = f"{result.value:g}%{_doubt(result.certainty)}"
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
        made.add_row(name.replace("_", " "), f"{value}{_doubt(what.certainty, plain=_SURE)}")
    console().print(made)


def _contradiction(found: Contradiction) -> str:
    return f"{found.about}: {found.printed}; {found.found}{_doubt(found.certainty, plain=_SURE)}"


def _doubt(certainty: str, plain: Iterable[str] = ("printed",)) -> str:
    return "" if certainty in plain else f" ({certainty})"


def _option(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value).replace(" ", "")
