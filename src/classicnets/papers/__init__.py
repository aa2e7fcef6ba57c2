"""What the papers print, as data; imports no torch."""

from functools import cache
from importlib import resources
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict

from classicnets.errors import UsageError

Certainty = Literal["printed", "computed", "recalled"]
"""printed: read in the paper; computed: arithmetic over what it prints; recalled: not verified."""


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Figure(_Facts):
    """A number of a network, and, where the paper rounds, the millions that it prints."""

    value: int
    certainty: Certainty
    printed_millions: float | None = None


class PaperRow(_Facts):
    """A row of the paper's table.

    Attributes:
        output: the shape of what leaves it for one image.
        parameters: trainable numbers.
        macs: multiply-accumulates for one image.
        connections: as LeNet-5's paper counts them, biases included.
        printed: what the paper's own columns say where they are rounded, under the column's name ("2.7K").
        certainty: of the figures other than ``printed``.
    """

    output: tuple[int, ...] | None = None
    parameters: int | None = None
    macs: int | None = None
    connections: int | None = None
    printed: dict[str, str] = {}
    certainty: Certainty


class Reported(_Facts):
    """A result: what was measured, in percent, on which data, and how the test was done.

    Attributes:
        metric: "top-1 error", "top-5 error".
        value: percent.
        data: "ILSVRC-2012 validation", "CIFAR-10 test".
        protocol: how images were cut and answers averaged ("10 crops"), and what else a reader must know.
        networks: how many networks' answers were averaged.
    """

    metric: str
    value: float
    data: str
    protocol: str
    networks: int = 1
    certainty: Certainty


class Result(Reported):
    """A result of something that is no network of ours by itself, such as an ensemble.

    Attributes:
        model: what the paper calls it.
    """

    model: str


class Stated(_Facts):
    """Anything else that a paper or a release states."""

    value: str | float | int | None
    certainty: Certainty


class Contradiction(_Facts):
    """Two statements that cannot both hold, one of them often copied.

    Attributes:
        about: the row or figure.
        printed: what is written, and where.
        found: what holds, by count or by another page.
        certainty: of what was found.
    """

    about: str
    printed: str
    found: str
    certainty: Certainty


class Variant(_Facts):
    """A network's size under options other than the defaults."""

    options: dict[str, Any]
    parameters: Figure
    macs: Figure | None = None


class NetworkFacts(_Facts):
    """What is known of one network.

    Attributes:
        summary: what it is, in one line.
        parameters: trainable ones, batch normalisation's scale and shift included, auxiliary heads apart.
        aux_parameters: of the auxiliary heads.
        macs: multiply-accumulates of convolutions and fully connected layers for one image.
        rows: the paper's table, where it prints sizes or counts, or they follow from it.
        variants: the same totals under options.
        reported: the paper's results.
        departs: where the code does other than the paper.
        unsaid: what the paper leaves open, and what was chosen.
        contradictions: what is printed and cannot hold.
    """

    summary: str = ""
    parameters: Figure | None = None
    aux_parameters: Figure | None = None
    macs: Figure | None = None
    rows: dict[str, PaperRow] = {}
    variants: tuple[Variant, ...] = ()
    reported: tuple[Reported, ...] = ()
    departs: tuple[str, ...] = ()
    unsaid: tuple[str, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()


class Paper(_Facts):
    """A paper, and the networks of its family by their names.

    Attributes:
        recipe: how its networks were trained: optimizer, batch size, learning rate, first weights, ...
        augmentation: how training images were prepared and changed.
        protocols: the ways of testing that its results name.
        results: of ensembles and of networks that are not ours.
        claims: what its ablations claim.
        contradictions: what is printed and cannot hold, of the whole paper.
        departs: where the code of every network of the family does other than the paper.
        releases: how well-known releases of these networks differ.
    """

    title: str
    authors: tuple[str, ...]
    venue: str
    year: int
    arxiv: str | None
    recipe: dict[str, Stated] = {}
    augmentation: dict[str, Stated] = {}
    protocols: dict[str, Stated] = {}
    results: tuple[Result, ...] = ()
    claims: tuple[Stated, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()
    departs: tuple[str, ...] = ()
    releases: dict[str, Stated] = {}
    networks: dict[str, NetworkFacts]

    @property
    def citation(self) -> str:
        """Authors, title, venue, year, in one line."""
        arxiv = f", arXiv:{self.arxiv}" if self.arxiv else ""
        return f"{', '.join(self.authors)}: {self.title}. {self.venue}, {self.year}{arxiv}"

    def facts(self, network: str) -> NetworkFacts:
        """What is known of a network; empty where its depth is not one of the paper's."""
        return self.networks.get(network, NetworkFacts())


@cache
def read_paper(family: str) -> Paper:
    """The paper of a family of networks.

    Raises:
        UsageError: there is no such family.
    """
    file = resources.files(__name__) / f"{family}.yaml"
    if not file.is_file():
        raise UsageError(f"no paper of the name {family!r}")
    return Paper.model_validate(yaml.load(file.read_text(encoding="utf-8"), Loader=_safe_loader()))


def _safe_loader() -> type[yaml.SafeLoader]:
    # libyaml's loader reads the same language ten times faster, where it was compiled in.
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)
