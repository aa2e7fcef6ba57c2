"""Which networks exist: from a name to the function that makes it. Imports no torch."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from classicnets.errors import UsageError, near
from classicnets.papers import Paper, read_paper


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One network.

    Attributes:
        name: what users call it.
        family: the name of its paper's file in ``papers/``.
        builder: ``module:function`` of what returns its design.
        options: what the name itself says of the function's arguments; the others are the user's to choose.
    """

    name: str
    family: str
    builder: str
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Series:
    """Networks whose names hold a depth: any depth that the family's formula admits can be asked for.

    Attributes:
        pattern: of the name, with ``{depth}`` for the number.
        listed: the depths that are listed, because the paper has them.
    """

    pattern: str
    family: str
    builder: str
    listed: tuple[int, ...]

    def entry(self, depth: int) -> Entry:
        """The network of that depth, whether or not it is listed."""
        name = self.pattern.format(depth=depth)
        return Entry(name=name, family=self.family, builder=self.builder, options={"depth": depth})

    def depth_in(self, name: str) -> int | None:
        """The depth that ``name`` holds, None where it is not of this series."""
        found = re.fullmatch(self.pattern.replace("{depth}", "([1-9][0-9]{0,5})"), name)
        return int(found[1]) if found else None


_SINGLE = (
    Entry(name="lenet5", family="lenet5", builder="classicnets.networks.lenet5:lenet5"),
    Entry(name="lenet5_dense", family="lenet5", builder="classicnets.networks.lenet5:lenet5_dense"),
)
_SERIES = (
    Series(
        pattern="resnet{depth}_cifar",
        family="resnet_cifar",
        builder="classicnets.networks.resnet_cifar:resnet_cifar",
        listed=(20, 32, 44, 56, 110, 1202),
    ),
    Series(
        pattern="plain{depth}_cifar",
        family="resnet_cifar",
        builder="classicnets.networks.resnet_cifar:plain_cifar",
        listed=(20, 32, 44, 56, 110),
    ),
)
_LISTED = {
    entry.name: entry for entry in (*_SINGLE, *(series.entry(depth) for series in _SERIES for depth in series.listed))
}


def list_networks(family: str | None = None) -> list[str]:
    """The names of the networks, in the order of their papers.

    Args:
        family: only the networks of this paper ("lenet5", "resnet_cifar").

    Raises:
        UsageError: no such family.
    """
    families = list(dict.fromkeys(entry.family for entry in _LISTED.values()))
    if family is not None and family not in families:
        raise UsageError(f"no family {family!r}{near(family, families)}")
    return [entry.name for entry in _LISTED.values() if family in (None, entry.family)]


def find(name: str) -> Entry:
    """The network of that name, of any depth where its family has a formula.

    Raises:
        UsageError: no such network; the message names near ones.
    """
    if name in _LISTED:
        return _LISTED[name]
    for series in _SERIES:
        depth = series.depth_in(name)
        if depth is not None:
            return series.entry(depth)
    raise UsageError(f"no network {name!r}{near(name, _LISTED)}")


def paper(name: str) -> Paper:
    """What the paper of a network prints, with the certainty of each figure; ``.facts(name)`` is the network's part.

    Raises:
        UsageError: no such network.
    """
    return read_paper(find(name).family)
