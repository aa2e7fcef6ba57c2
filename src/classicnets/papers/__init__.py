"""What the papers print, as data; imports no torch."""

from functools import cache
from importlib import resources
from typing import Literal

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
    """A row of the paper's table: the shape of what leaves it, its parameters and connections."""

    output: tuple[int, ...]
    parameters: int
    connections: int | None = None
    certainty: Certainty


class Reported(_Facts):
    """A result: what was measured, in percent, on which data, and how the test was done."""

    metric: str
    value: float
    data: str
    protocol: str
    certainty: Certainty


class NetworkFacts(_Facts):
    """What is known of one network.

    Attributes:
        parameters: trainable ones, batch normalisation's scale and shift included.
        macs: multiply-accumulates of convolutions and fully connected layers for one image.
        rows: the paper's table, where it prints sizes or counts.
        reported: the paper's results.
        departs: where the code does other than the paper.
        unsaid: what the paper leaves open, and what was chosen.
    """

    parameters: Figure | None = None
    macs: Figure | None = None
    rows: dict[str, PaperRow] = {}
    reported: tuple[Reported, ...] = ()
    departs: tuple[str, ...] = ()
    unsaid: tuple[str, ...] = ()


class Paper(_Facts):
    """A paper, and the networks of its family by their names.

    Attributes:
        departs: where the code of every network of the family does other than the paper.
    """

    title: str
    authors: tuple[str, ...]
    venue: str
    year: int
    arxiv: str | None
    departs: tuple[str, ...] = ()
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
