"""Networks side by side: what each holds, costs and sees, and how well its paper says that it does."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from classicnets.errors import UsageError
from classicnets.inspection import comparison_formats
from classicnets.inspection.inspection import Inspection, LivePeak, inspect
from classicnets.inspection.known import last_map, paper_of
from classicnets.inspection.pages.comparison_page import comparison_page
from classicnets.inspection.units import shape
from classicnets.papers import Reported
from classicnets.papers.results import kind, side_by_side, way

if TYPE_CHECKING:
    from rich.console import Group


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One of the networks.

    Attributes:
        name: in the catalog, or the class of the module.
        year: of its paper; None for a module that is no catalog network, as for what was reported.
        input: channels, height and width of an image.
        parameters: trainable ones, auxiliary heads apart.
        macs: multiply-accumulates of one image.
        activation_bytes: the sum of what leaves the rows, for one image.
        live_peak: the most bytes alive at once, of the whole batch.
        receptive_field: the side in pixels of what an activation of the last map sees; 0 where no map leaves a row.
        reported: an error of its paper, of the kind and the test that most of the networks compared have.
    """

    name: str
    year: int | None
    input: tuple[int, int, int]
    parameters: int
    macs: int
    activation_bytes: int
    live_peak: LivePeak
    receptive_field: int
    reported: Reported | None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Networks side by side.

    Attributes:
        networks: in the order asked for.
        batch: images that pass at once, for live memory.
    """

    networks: tuple[Compared, ...]
    batch: int

    @property
    def warnings(self) -> tuple[str, ...]:
        """What keeps the figures from being compared as they stand, a line each."""
        return (*_different_inputs(self.networks), *_different_tests(self.networks))

    def to_dict(self) -> dict[str, Any]:
        """All figures under the names of the attributes, in lists and dictionaries."""
        return comparison_formats.as_dict(self)

    def to_markdown(self) -> str:
        """The table and the warnings as a section of a document."""
        return comparison_formats.as_markdown(self)

    def to_csv(self) -> str:
        """The networks for a spreadsheet."""
        return comparison_formats.as_csv(self)

    def to_html(self) -> str:
        """A page of its own, with plots.

        Raises:
            UsageError: the packages that draw the plots are missing.
        """
        return comparison_page(self)

    def __rich__(self) -> "Group":
        return comparison_formats.as_table(self)


def compare(
    networks: Sequence[nn.Module | str | Path],
    input_size: int | tuple[int, ...] | None = None,
    *,
    batch: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Put networks side by side.

    Args:
        networks: each as `inspect` takes it.
        input_size: for all of them, as `inspect` takes it; without it each network's own.
        batch: images that pass at once.
        progress: called with how many networks are done, and of how many.

    Raises:
        UsageError: no network is given, there is none of that name, or one does not take images of that size.
    """
    if isinstance(networks, str | nn.Module | Path):
        raise UsageError(f"compare takes a list of networks, not {networks!r:.60}")
    if not networks:
        raise UsageError('compare needs networks, for example ["vgg16", "resnet50"]')
    # All are made before the first is looked at: a mistake in the last name is told at once.
    waiting = [inspect(network, input_size, batch=batch) for network in networks]
    papers = [paper_of(found) for found in waiting]
    reported = side_by_side([facts for _, facts in papers])
    years = [paper.year if paper else None for paper, _ in papers]
    done: list[Compared] = []
    for year, result in zip(years, reported, strict=True):
        if progress:
            progress(len(done), len(networks))
        # A trace of a thousand layers is large; none outlives its turn.
        done.append(_compared(waiting.pop(0), year, result))
    return Comparison(networks=tuple(done), batch=batch)


def _compared(found: Inspection, year: int | None, reported: Reported | None) -> Compared:
    last = last_map(found.rows)
    return Compared(
        name=found.name,
        year=year,
        input=found.input,
        parameters=found.parameters,
        macs=found.macs,
        activation_bytes=found.activation_bytes,
        live_peak=found.live_peak,
        receptive_field=last.receptive_field if last else 0,
        reported=reported,
    )


def _different_inputs(networks: Iterable[Compared]) -> list[str]:
    groups = _grouped((shape(network.input), network.name) for network in networks)
    if len(groups) == 1:
        return []
    return [f"inputs differ, and MACs and memory with them: {_listed(groups)}"]


def _different_tests(networks: Iterable[Compared]) -> list[str]:
    stated = [(network.name, network.reported) for network in networks if network.reported]
    kinds = _grouped((" on ".join(kind(result)), name) for name, result in stated)
    warnings = [f"errors are of different things: {_listed(kinds)}"] if len(kinds) > 1 else []
    most = max(kinds.values(), key=len, default=[])
    alike = [(name, result) for name, result in stated if name in most]
    ways = _grouped((way(result), name) for name, result in alike)
    if len(ways) > 1:
        warnings.append(f"errors come from different protocols: {_listed(ways)}")
    elif len({result.protocol for _, result in alike}) > 1:
        warnings.append(
            f"errors come from different tests, though all of one sort ({next(iter(ways))}): read how each was done"
        )
    return warnings


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for group, name in pairs:
        groups.setdefault(group, []).append(name)
    return groups


def _listed(groups: dict[str, list[str]]) -> str:
    return "; ".join(f"{group} ({', '.join(names)})" for group, names in groups.items())
