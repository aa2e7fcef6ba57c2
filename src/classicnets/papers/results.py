"""Reported errors: which of several to name, which can stand side by side, and how they are put into words."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from classicnets.papers import Contradiction, NetworkFacts, Reported

SURE = ("printed", "computed")
_USUAL_DATA = ("ILSVRC-2012 validation", "CIFAR-10 test", "MNIST test")


class Kind(NamedTuple):
    """What two errors must have in common to be compared at all."""

    metric: str
    data: str


def kind(result: Reported) -> Kind:
    """What was measured, and on which images."""
    return Kind(result.metric, result.data)


def way(result: Reported) -> str:
    """How a test cut its images, without the particulars: "one crop", "10 crops", "multi-crop", "dense", or "other"."""
    protocol = result.protocol
    if found := re.search(r"\b(\d+) crops\b", protocol):
        return "one crop" if found[1] == "1" else f"{found[1]} crops"
    if "dense" in protocol:
        return "multi-crop and dense" if "multi-crop" in protocol else "dense"
    if "multi-crop" in protocol:
        return "multi-crop"
    return "one crop" if re.search(r"\b(crop|view)\b", protocol) else "other"


def headline(facts: NetworkFacts) -> Reported | None:
    """The result to name where there is room for one: a single network's, top-5 if the paper has it."""
    alone = _alone(facts)
    top5 = [result for result in alone if result.metric == "top-5 error"]
    return next(iter(top5 or alone or facts.reported), None)


def side_by_side(networks: Sequence[NetworkFacts]) -> list[Reported | None]:
    """A result for each network, chosen so that as many as possible can be compared.

    They are of the kind that most of the networks have (top-5 where two are equal), tested in the way that most have;
    what the papers state first where that leaves a choice.
    A network that has none of that kind is given by its `headline`, one without results by None.
    """
    kinds = Counter(found for facts in networks for found in dict.fromkeys(map(kind, _alone(facts))))
    if not kinds:
        return [headline(facts) for facts in networks]
    shared = max(kinds, key=lambda found: (kinds[found], found.metric == "top-5 error"))
    of_kind = [[result for result in _alone(facts) if kind(result) == shared] for facts in networks]
    ways = Counter(found for results in of_kind for found in dict.fromkeys(map(way, results)))
    # One order for all networks, so that they agree where two ways are equally common.
    ranks = {found: rank for rank, (found, _) in enumerate(ways.most_common())}
    return [
        min(results, key=lambda result: ranks[way(result)]) if results else headline(facts)
        for facts, results in zip(networks, of_kind, strict=True)
    ]


def in_words(result: Reported) -> str:
    """An error with all that a reader needs to compare it: metric, data, protocol, how many networks voted."""
    metric = result.metric.removesuffix(" error")
    votes = f", {result.networks} networks" if result.networks > 1 else ""
    return f"{result.value:g}% {metric} on {result.data}, {result.protocol}{votes}{doubt(result.certainty)}"


def in_brief(result: Reported) -> str:
    """The same where there is little room: without the usual data, and no more of the protocol than how it tested."""
    metric = result.metric.removesuffix(" error")
    data = "" if result.data in _USUAL_DATA else f" on {result.data}"
    return f"{result.value:g}% {metric}{data}, {result.protocol.split(';')[0]}{doubt(result.certainty)}"


def contradiction_in_words(found: Contradiction) -> str:
    """What is printed, and what holds."""
    return f"{found.about}: {found.printed}; {found.found}{doubt(found.certainty, plain=SURE)}"


def doubt(certainty: str, plain: Iterable[str] = ("printed",)) -> str:
    """The certainty in brackets, unless it is one that needs no mention."""
    return "" if certainty in plain else f" ({certainty})"


def _alone(facts: NetworkFacts) -> list[Reported]:
    return [result for result in facts.reported if result.networks == 1]
