"""What pages and comparisons ask of an inspection beyond its table."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from classicnets import catalog
from classicnets.errors import UsageError
from classicnets.networks.chain import Chain
from classicnets.papers import NetworkFacts, Paper

if TYPE_CHECKING:
    from classicnets.inspection.inspection import Inspection, Row


def paper_of(found: "Inspection") -> tuple[Paper | None, NetworkFacts]:
    """The paper of a catalog network and what is known of it; no paper and no facts for any other module."""
    if not isinstance(found.module, Chain):
        return None, NetworkFacts()
    try:
        paper = catalog.paper(found.name)
    except UsageError:  # a chain of the user's own
        return None, NetworkFacts()
    return paper, paper.facts(found.name)


def last_map(rows: "Sequence[Row]") -> "Row | None":
    """The last row that leaves a map of more than one activation that sees a part of the image."""
    maps = [row for row in rows if len(row.output) == 3 and row.output[1:] != (1, 1) and row.receptive_field]
    return maps[-1] if maps else None
