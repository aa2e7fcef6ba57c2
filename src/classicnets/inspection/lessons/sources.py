"""Where lessons take their figures from: networks that are really built, and the papers' data."""

from classicnets import catalog
from classicnets.inspection.counting import macs as counting
from classicnets.inspection.inspection import Inspection, inspect
from classicnets.networks.chain import Chain, Design, Row
from classicnets.papers import Contradiction, Reported, Result

VALIDATION, TEST = "ILSVRC-2012 validation", "ILSVRC-2012 test"


def look_at(shape: tuple[int, int, int], **table: Row) -> Inspection:
    """An inspection of rows that are built for maps (C, H, W)."""
    return inspect(Chain(Design(rows=table, input_shape=shape, num_classes=1000)))


def macs_within(found: Inspection, path: str) -> int:
    """Multiply-accumulates of the module of that path and all within it, one image."""
    inside = f"{path}."
    return sum(
        counting.macs(operation, found.module)
        for operation in found.trace.operations
        if operation.path == path or operation.path.startswith(inside)
    )


def parameters_within(found: Inspection, path: str) -> int:
    """Trainable numbers of the module of that path."""
    return sum(parameter.numel() for parameter in found.module.get_submodule(path).parameters())


def steps_of(found: Inspection, *names: str) -> int:
    """How many operations of these names ran, such as "relu_"."""
    return sum(operation.name in names for operation in found.trace.operations)


def relus_of(found: Inspection) -> int:
    """How many times a ReLU ran."""
    return steps_of(found, "relu", "relu_", "threshold")


def convolutions_of(found: Inspection) -> int:
    """How many convolutions ran."""
    return steps_of(found, "convolution")


def reported(network: str, metric: str, protocol: str, data: str = VALIDATION) -> Reported:
    """What the paper reports of a network of the catalog under a protocol, on the validation set if not said."""
    found = [
        result
        for result in catalog.paper(network).facts(network).reported
        if (result.metric, result.protocol, result.data) == (metric, protocol, data)
    ]
    assert len(found) == 1, f"{network}: {len(found)} times {metric} with {protocol!r} on {data}"
    return found[0]


def result(network: str, model: str, metric: str, data: str, protocol: str | None = None) -> Result:
    """A result of something that is no network of the catalog, in the paper of ``network``."""
    found = [
        result
        for result in catalog.paper(network).results
        if (result.model, result.metric, result.data) == (model, metric, data) and protocol in (None, result.protocol)
    ]
    assert len(found) == 1, f"{network}: {len(found)} times {metric} of {model!r} on {data}"
    return found[0]


def claim(network: str, about: str) -> str:
    """The claim of a paper that has these words, and who makes it."""
    paper = catalog.paper(network)
    found = [str(claim.value) for claim in paper.claims if about in str(claim.value)]
    assert len(found) == 1, f"{network}: {len(found)} claims with {about!r}"
    return f"{found[0]} ({source(network)})"


def source(network: str) -> str:
    """The paper of a network in brief: the authors, venue and year."""
    paper = catalog.paper(network)
    first = paper.authors[0].split()[-1]
    others = " et al." if len(paper.authors) > 2 else f", {paper.authors[1].split()[-1]}" if paper.authors[1:] else ""
    return f"{first}{others}, {paper.venue}"


def contradiction(network: str, about: str) -> Contradiction:
    """What is printed of a network, or in its paper, and cannot hold."""
    paper = catalog.paper(network)
    found = [said for said in (*paper.facts(network).contradictions, *paper.contradictions) if said.about == about]
    assert found, f"{network}: nothing about {about!r}"
    return found[0]
