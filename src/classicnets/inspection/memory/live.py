"""How much memory is alive when."""

from collections.abc import Collection
from itertools import accumulate

from classicnets.inspection.tracing.trace import Held, Trace

COUNTED: frozenset[Held] = frozenset({"activation", "gradient"})
"""What is the pass's own: neither its input nor the weights."""


def live(trace: Trace, held: Collection[Held] = COUNTED) -> list[int]:
    """Bytes that are alive while each operation runs."""
    count = len(trace.operations)
    changes = [0] * (count + 1)
    for storage in trace.storages:
        if storage.held in held and storage.size:
            changes[max(storage.born, 0)] += storage.size
            changes[count if storage.died is None else min(storage.died + 1, count)] -= storage.size
    return list(accumulate(changes[:-1]))


def live_peak(trace: Trace) -> int:
    """The most that is alive at once, in bytes."""
    return max(live(trace), default=0)
