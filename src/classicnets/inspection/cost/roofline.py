"""How long a network takes at least: each operation computes or moves bytes, whichever takes longer.

The model is the roofline of Williams, Waterman, Patterson (Communications of the ACM 52(4), 2009).
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from classicnets.inspection.cost.machine import Machine
from classicnets.inspection.counting.macs import macs_by_shape
from classicnets.inspection.counting.other_operations import other_operations
from classicnets.inspection.tracing.rows import places_by_row, traced_rows
from classicnets.inspection.tracing.trace import Operation, Trace, Value

Bound = Literal["compute", "memory", "overhead"]
"""What an operation waits for: its arithmetic, its bytes, or being started at all."""


class RooflineRow(NamedTuple):
    """A row on a machine; for the whole batch.

    Attributes:
        name: of the row.
        flops: floating point operations, two per multiply-accumulate, one for each other.
        bytes: read and written, weights included.
        seconds: at least.
        bound: what most of these seconds wait for; None for a row that does nothing.
    """

    name: str
    flops: int
    bytes: int
    seconds: float
    bound: Bound | None

    @property
    def intensity(self) -> float:
        """Operations per byte; 0 where no bytes move."""
        return self.flops / self.bytes if self.bytes else 0.0


@dataclass(frozen=True, kw_only=True)
class Roofline:
    """A network on a machine; for the whole batch.

    Attributes:
        machine: the machine.
        rows: each by itself.
        seconds: of all operations, those between rows included.
    """

    machine: Machine
    rows: tuple[RooflineRow, ...]
    seconds: float


def roofline(trace: Trace, machine: Machine) -> Roofline:
    """The least time of a traced pass, operation after operation as PyTorch runs it, nothing fused.

    An operation takes as long as the slowest of three: its arithmetic at the machine's best, its bytes to and from
    memory, being started. A processor whose cache holds whole activations can be faster than its memory.

    Args:
        trace: forward alone, or with its backward pass.
        machine: one of `MACHINES`, or what `measure_machine` found.
    """
    costs = [_cost(operation, trace, machine) for operation in trace.operations]
    places = places_by_row(trace, [row.name for row in traced_rows(trace)])
    rows = tuple(_row(name, [costs[place] for place in found]) for name, found in places.items())
    return Roofline(machine=machine, rows=rows, seconds=sum(cost.seconds for cost in costs))


def flops(operation: Operation) -> int:
    """Floating point operations: two per multiply-accumulate, one for each other; zeros are multiplied too."""
    return 2 * macs_by_shape(operation) + other_operations(operation)


def bytes_moved(operation: Operation, trace: Trace) -> int:
    """What an operation reads, weights included, and writes; nothing for a view and for memory only reserved."""
    if _is_free(operation):
        return 0
    read = {value.number: _held(value, trace) for value in operation.inputs}
    return sum(read.values()) + sum(_held(value, trace) for value in operation.outputs)


def intensity(operations: Iterable[Operation], trace: Trace) -> float:
    """Operations per byte moved, of a row or of a whole trace; 0 where no bytes move."""
    computed, moved = 0, 0
    for operation in operations:
        computed += flops(operation)
        moved += bytes_moved(operation, trace)
    return computed / moved if moved else 0.0


class _Cost(NamedTuple):
    flops: int
    bytes: int
    seconds: float
    bound: Bound


def _cost(operation: Operation, trace: Trace, machine: Machine) -> _Cost:
    if _is_free(operation):
        return _Cost(0, 0, 0.0, "overhead")
    computed, moved = flops(operation), bytes_moved(operation, trace)
    waits: dict[Bound, float] = {
        "compute": computed / machine.flops_per_second,
        "memory": moved / machine.bytes_per_second,
        "overhead": machine.overhead_seconds,
    }
    bound = max(waits, key=lambda wait: waits[wait])
    return _Cost(computed, moved, waits[bound], bound)


def _row(name: str, costs: list[_Cost]) -> RooflineRow:
    waits = Counter[Bound]()
    for cost in costs:
        waits[cost.bound] += cost.seconds  # type: ignore[assignment]
    seconds = sum(cost.seconds for cost in costs)
    return RooflineRow(
        name=name,
        flops=sum(cost.flops for cost in costs),
        bytes=sum(cost.bytes for cost in costs),
        seconds=seconds,
        bound=waits.most_common(1)[0][0] if seconds else None,
    )


def _is_free(operation: Operation) -> bool:
    return operation.function.is_view or operation.name in _RESERVED


def _held(value: Value, trace: Trace) -> int:
    """An expanded tensor has more elements than memory."""
    return min(value.bytes, trace.storages[value.storage].size)


_RESERVED = frozenset({"empty", "empty_like", "empty_strided", "new_empty", "detach", "_unsafe_view", "_reshape_alias"})
