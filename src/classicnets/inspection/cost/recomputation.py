"""What training holds where rows are recomputed, derived from the trace of a step that keeps everything.

Each row is priced once: what its forward leaves for the backward, how much is alive at most while it runs. A plan, that
is which neighbouring rows form a segment that keeps only what arrives at it, is then priced by sums and maxima.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from classicnets.errors import UsageError
from classicnets.inspection.counting.macs import macs
from classicnets.inspection.counting.other_operations import other_operations
from classicnets.inspection.memory.live import COUNTED, live
from classicnets.inspection.memory.training import training_peak
from classicnets.inspection.modes import Optimizer
from classicnets.inspection.tracing.trace import Call, Trace
from classicnets.networks.chain import Chain


class Unit(NamedTuple):
    """A row, with the rows after it that only hand on its memory: a view of it, or written over it. In bytes.

    Attributes:
        rows: their names.
        kept: what its forward leaves for the backward.
        border: what leaves it, if nothing else keeps that: what a segment that begins after it adds.
        carried: what leaves it, if a backward pass needs that anyway: what remains of a segment that ends with it.
        forward: the most alive while it runs forward, everything before it kept.
        backward: the most alive while it runs backward, everything before it kept.
        arriving: gradients that are there when its backward begins, those of later weights included.
        work: operations of its forward, two for each multiply-accumulate.
        macs: multiply-accumulates of its forward.
    """

    rows: tuple[str, ...]
    kept: int
    border: int
    carried: int
    forward: int
    backward: int
    arriving: int
    work: int
    macs: int


@dataclass(frozen=True, kw_only=True)
class StepCosts:
    """A step of training, row by row.

    Attributes:
        name: of the network.
        units: in order.
        state: the optimizer's, in bytes.
        update: the least that the optimizer's own step holds, its state apart.
        macs: multiply-accumulates of forward and backward.
    """

    name: str
    units: tuple[Unit, ...]
    state: int
    update: int
    macs: int


class Recomputation(NamedTuple):
    """A plan and its price.

    Attributes:
        segments: the first and the last row of each segment that runs again.
        peak: the most bytes alive in a step, the optimizer's state included, images and weights apart.
        kept_peak: the same where nothing is recomputed.
        macs: multiply-accumulates of the rows that run again.
        share: of the multiply-accumulates of a step without recomputation.
    """

    segments: tuple[tuple[str, str], ...]
    peak: int
    kept_peak: int
    macs: int
    share: float


def step_costs(trace: Trace, *, optimizer: Optimizer = "momentum") -> StepCosts:
    """Price the rows of a `Chain`, auxiliary heads with the rows that they hang from.

    Args:
        trace: of a training step of a `Chain`, or of a module that has one as its ``network`` and runs it once.
        optimizer: whose state is held.

    Raises:
        UsageError: the module has no rows to recompute.
    """
    memory = training_peak(trace, optimizer=optimizer)
    chain, prefix = _chain(trace)
    calls = _row_calls(trace, chain, prefix)
    phases = _Phases(trace, chain, prefix, calls)
    units = [_unit(phases, calls, span) for span in _spans(trace, calls)]
    return StepCosts(
        name=chain.name,
        units=tuple(units),
        state=memory.optimizer_state,
        update=memory.gradients,
        macs=sum(macs(operation, trace.module) for operation in trace.operations),
    )


def priced(costs: StepCosts, segments: Sequence[tuple[str, str]]) -> Recomputation:
    """What a step costs with these segments, each given by its first and its last row.

    The forward of what is in no segment counts as kept. A segment is alive as a whole while its rows run again.

    Raises:
        UsageError: a segment begins or ends where memory is handed on from one row to the next.
    """
    spans = [_span_of(costs, first, last) for first, last in segments]
    held, peak, position = 0, costs.update, 0
    again = [unit for begin, end in spans for unit in costs.units[begin:end]]
    before = kept_before(costs)
    for begin, end in [*spans, (len(costs.units), len(costs.units))]:
        for place in range(position, begin):
            peak = max(peak, held + keeping(costs, before, place))
            held += costs.units[place].kept
        if begin < end:
            peak = max(peak, held + recomputing(costs, before, begin, end))
            held += border(costs, begin) + costs.units[end - 1].carried
        position = end
    multiplied = sum(unit.macs for unit in again)
    return Recomputation(
        segments=tuple(segments),
        peak=peak + costs.state,
        kept_peak=priced(costs, ()).peak if segments else peak + costs.state,
        macs=multiplied,
        share=multiplied / costs.macs if costs.macs else 0.0,
    )


def kept_before(costs: StepCosts) -> list[int]:
    """For each unit what the units before it keep where nothing is recomputed."""
    return [0, *accumulate(unit.kept for unit in costs.units)]


def keeping(costs: StepCosts, before: Sequence[int], place: int) -> int:
    """The most alive while a unit that keeps everything runs, beside what is held from before it."""
    unit = costs.units[place]
    return max(unit.forward, unit.backward) - before[place]


def recomputing(costs: StepCosts, before: Sequence[int], begin: int, end: int) -> int:
    """The most alive while the units from ``begin`` to before ``end`` run again and backward, likewise."""
    units = costs.units[begin:end]
    again = max(unit.forward for unit in units) + units[-1].arriving
    return max(again, *(unit.backward for unit in units)) - before[begin] + border(costs, begin)


def border(costs: StepCosts, begin: int) -> int:
    """What a segment that begins there has to hold and nothing else would; the image is not counted."""
    return costs.units[begin - 1].border if begin else 0


def _chain(trace: Trace) -> tuple[Chain, str]:
    if isinstance(trace.module, Chain):
        return trace.module, ""
    inner = getattr(trace.module, "network", None)
    if not isinstance(inner, Chain):
        raise UsageError(f"{type(trace.module).__name__} has no rows to recompute: only networks of the catalog do")
    return inner, "network."


def _row_calls(trace: Trace, chain: Chain, prefix: str) -> list[Call]:
    paths = {prefix + row for row in chain.rows}
    found = [call for call in trace.calls if call.path in paths]
    assert [call.path for call in found] == [prefix + row for row in chain.rows]
    return found


def _spans(trace: Trace, calls: Sequence[Call]) -> list[tuple[int, int]]:
    """From which row to before which a unit goes."""
    starts = [place for place, call in enumerate(calls) if place == 0 or not _hands_on(trace, call)]
    return list(zip(starts, [*starts[1:], len(calls)], strict=True))


def _hands_on(trace: Trace, call: Call) -> bool:
    """Whether a row returns the memory that arrived, or writes over it."""
    memory = {value.storage for value in call.inputs}
    if any(value.storage in memory for value in call.outputs):
        return True
    return any(
        operation.in_place and operation.inputs and operation.inputs[0].storage in memory
        for operation in trace.operations[call.first : call.end]
    )


class _Phases:
    """Which stretch of a trace is a row's, forward and backward, and what is alive there.

    The backward pass goes through the rows from the last to the first; what lies between two rows is the later one's.
    """

    def __init__(self, trace: Trace, chain: Chain, prefix: str, calls: Sequence[Call]) -> None:
        self.trace = trace
        self.turn = next(place for place, operation in enumerate(trace.operations) if operation.backward)
        self.alive = live(trace)
        self.begins = [0, *(call.first for call in calls[1:]), self.turn]
        numbers = {prefix + row: number for number, row in enumerate(chain.rows)}
        numbers |= {f"{prefix}aux.{row}": numbers[prefix + row] for row in chain.aux}
        count = len(trace.operations)
        self.ends = [count] * len(calls)
        self.starts = [count] * len(calls)
        current = len(calls) - 1
        self.starts[current] = self.turn
        for place in range(self.turn, count):
            row = _number(trace.operations[place].path, numbers)
            if row is not None and row < current:
                for passed in range(row, current):
                    self.ends[passed + 1], self.starts[passed] = place, place
                current = row
        # Rows that no gradient reaches have no stretch of their own.
        self._left, self._gradients = self._sums(count)

    def _sums(self, count: int) -> tuple[list[int], list[int]]:
        """By place: bytes left by operations before it for the backward; gradients from before it that it finds."""
        left, changes = [0] * (count + 1), [0] * (count + 2)
        for storage in self.trace.storages:
            if storage.held == "activation" and 0 <= storage.born < self.turn and self.is_kept(storage.died):
                left[storage.born + 1] += storage.size
            if storage.held in COUNTED and storage.born >= self.turn:
                changes[storage.born + 1] += storage.size
                changes[count + 1 if storage.died is None else storage.died + 1] -= storage.size
        return list(accumulate(left)), list(accumulate(changes))

    def forward(self, first: int, end: int) -> int:
        """The most alive while rows run forward."""
        return max(self.alive[self.begins[first] : self.begins[end]], default=0)

    def backward(self, first: int, end: int) -> int:
        """The most alive while rows run backward."""
        return max(self.alive[self.starts[end - 1] : self.ends[first]], default=0)

    def kept(self, first: int, end: int) -> int:
        """What their forward leaves for the backward."""
        return self._left[self.begins[end]] - self._left[self.begins[first]]

    def is_kept(self, died: int | None) -> bool:
        """Whether what died there was still alive when the backward began."""
        return died is None or died >= self.turn

    def arriving(self, last: int) -> int:
        """Gradients that are there when the backward of a row begins."""
        return self._gradients[self.starts[last]]


def _number(path: str, numbers: dict[str, int]) -> int | None:
    while path and path not in numbers:
        path = path.rpartition(".")[0]
    return numbers.get(path)


def _unit(phases: _Phases, calls: Sequence[Call], span: tuple[int, int]) -> Unit:
    first, end = span
    trace = phases.trace
    operations = trace.operations[phases.begins[first] : phases.begins[end]]
    leaving = {value.storage for value in calls[end - 1].outputs}
    sizes = {True: 0, False: 0}
    for storage in (trace.storages[number] for number in leaving):
        sizes[phases.is_kept(storage.died)] += storage.size
    multiplied = sum(macs(operation, trace.module) for operation in operations)
    return Unit(
        rows=tuple(call.path.rpartition(".")[2] for call in calls[first:end]),
        kept=phases.kept(first, end),
        border=sizes[False],
        carried=sizes[True],
        forward=phases.forward(first, end),
        backward=phases.backward(first, end),
        arriving=phases.arriving(end - 1),
        work=2 * multiplied + sum(map(other_operations, operations)),
        macs=multiplied,
    )


def _span_of(costs: StepCosts, first: str, last: str) -> tuple[int, int]:
    begins = {unit.rows[0]: place for place, unit in enumerate(costs.units)}
    ends = {unit.rows[-1]: place + 1 for place, unit in enumerate(costs.units)}
    if last not in ends:
        unit = next(unit for unit in costs.units if last in unit.rows)
        raise UsageError(
            f"a segment of {costs.name} cannot end with {last}: the next row works in its memory; end it with"
            f" {unit.rows[-1]}"
        )
    if first not in begins:
        unit = next(unit for unit in costs.units if first in unit.rows)
        raise UsageError(
            f"a segment of {costs.name} cannot begin with {first}, which works in the memory of the row before;"
            f" begin it with {unit.rows[0]}"
        )
    return begins[first], ends[last]
