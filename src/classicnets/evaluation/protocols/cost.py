"""A network in both its forms, and what a view costs it, from its trace."""

from collections import Counter
from functools import cached_property
from typing import NamedTuple

from classicnets.evaluation.protocols.geometry import Pair
from classicnets.inspection.inspection import inspect
from classicnets.inspection.memory.live import live_peak
from classicnets.networks.chain import Chain
from classicnets.networks.fully_convolutional import fully_convolutional

_ENOUGH = 1 << 30  # bytes of activations
_MOST = 256  # views; more of them at a time are no faster


class Kind(NamedTuple):
    """What views must have in common to pass together.

    Attributes:
        dense: whether the network runs as one convolution.
        size: height and width.
    """

    dense: bool
    size: Pair


class Cost(NamedTuple):
    """Of one view.

    Attributes:
        macs: multiply-accumulates.
        live_bytes: the most activations alive at once, in float32.
    """

    macs: int
    live_bytes: int

    @property
    def at_once(self) -> int:
        """How many pass at a time: as many as fit in a gibibyte of activations, 256 at the most."""
        return max(1, min(_MOST, _ENOUGH // max(1, self.live_bytes)))


class Forms:
    """A network for crops of its input size, and the same as one convolution for whole images.

    Args:
        network: whose weights both are.
    """

    def __init__(self, network: Chain) -> None:
        self._network = network
        self._known: dict[Kind, Cost] = {}

    def form(self, *, dense: bool) -> Chain:
        """The network in one of its forms.

        Raises:
            UsageError: it cannot be a convolution.
        """
        return self._dense if dense else self._network

    def cost(self, kind: Kind) -> Cost:
        """What a view of that kind costs; each kind is traced once.

        Raises:
            UsageError: the network does not take images of that size.
        """
        if kind not in self._known:
            inspection = inspect(self.form(dense=kind.dense), kind.size)
            self._known[kind] = Cost(inspection.macs, live_peak(inspection.trace))
        return self._known[kind]

    def macs(self, views: Counter[Kind]) -> int:
        """Multiply-accumulates of so many views of each kind."""
        return sum(count * self.cost(kind).macs for kind, count in views.items())

    @cached_property
    def _dense(self) -> Chain:
        return fully_convolutional(self._network)
