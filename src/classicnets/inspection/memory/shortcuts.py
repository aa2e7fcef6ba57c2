"""What shortcuts hold: tensors that wait while other operations run, for a sum or a concatenation to take them up."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, NamedTuple

import torch

from classicnets.inspection.tracing.rows import TracedRow, places_by_row
from classicnets.inspection.tracing.trace import Operation, Trace
from classicnets.inspection.tracing.uses import Uses

aten = torch.ops.aten

Kind = Literal["sum", "joined"]
"""How ways come together: values added, or maps side by side."""

JOINS: dict[torch._ops.OpOverload, Kind] = {
    aten.add.Tensor: "sum",
    aten.add_.Tensor: "sum",
    aten.cat.default: "joined",
    aten.stack.default: "joined",
}

_EARLIER, _LATER, _BOTH = 1, 2, 3
"""By which reads of a tensor something was made from it: those before a wait, those after it, or both."""


class HeldShortcut(NamedTuple):
    """A tensor that waits for a sum or a concatenation.

    Attributes:
        row: where the ways come together.
        kind: a sum, or maps joined.
        bytes: of the tensor, for the whole batch.
        begin: the row that made it.
        end: the row where it is read last on its way there.
        operations: how many run meanwhile that do not read it.
    """

    row: str
    kind: Kind
    bytes: int
    begin: str
    end: str
    operations: int


def shortcuts(trace: Trace, rows: Sequence[TracedRow]) -> tuple[HeldShortcut, ...]:
    """The tensors that wait, in the order of the rows where their ways come together.

    A tensor waits from one use of it to the next, if operations run in between that do not use it, and

    - it was read before, and what is made of it before and after the wait meets in one sum or concatenation: the input
      of a residual block, or that of an Inception module, which its later branches wait to read; or
    - it was not read yet, and a sum or concatenation reads it, or what is made of it, together with something else: a
      branch that is ready before the others, or before a projection on the shortcut.

    A tensor that meets itself in a product, such as maps weighed by a gate, waits for no shortcut; the product may yet
    be part of a sum that does. Views are no use, and the input of the network is not told of. In eager code a tensor
    may live longer than it waits: Python lets a block's input go when the block returns.

    Args:
        trace: of a forward.
        rows: of that trace; what happens outside them bears the path of its module.
    """
    homes = _homes(trace, rows)
    held: dict[tuple[int, int, int], HeldShortcut] = {}
    for wait in _waits(trace):
        tensor, join = wait.tensor, trace.operations[wait.join]
        key = (wait.join, tensor.made, tensor.storage)
        before = held[key].operations if key in held else 0
        held[key] = HeldShortcut(
            row=homes[wait.join],
            kind=JOINS[join.function],
            bytes=trace.storages[tensor.storage].size,
            begin=homes[tensor.made],
            end=homes[wait.end],
            operations=before + wait.operations,
        )
    return tuple(held[key] for key in sorted(held))


def held_by_shortcuts(trace: Trace) -> list[int]:
    """Bytes that wait for a sum or a concatenation while each operation runs; see `shortcuts`."""
    found = [0] * len(trace.operations)
    for wait in _waits(trace):
        for place in range(wait.begin + 1, wait.end):
            found[place] += trace.storages[wait.tensor.storage].size
    return found


@dataclass
class _Tensor:
    """What a storage holds from one operation that writes it to the next.

    Attributes:
        storage: its number.
        made: the index of the operation that wrote it.
        reads: those of the operations that read it, in order.
    """

    storage: int
    made: int
    reads: list[int] = field(default_factory=list)


class _Wait(NamedTuple):
    """A tensor between two uses, with the operations in between and the one where ways come together."""

    tensor: _Tensor
    begin: int
    end: int
    operations: int
    join: int


def _waits(trace: Trace) -> Iterator[_Wait]:
    uses = Uses(trace)
    rank = {place: number for number, place in enumerate(uses.places)}
    for tensor in _tensors(trace, uses):
        used = [tensor.made, *tensor.reads]
        for begin, end in pairwise(used):
            between = rank[end] - rank[begin] - 1
            if between > 0:
                first = rank[tensor.reads[0]]
                join = _join(trace, uses, tensor, end, first)
                if join is not None:
                    yield _Wait(tensor, begin, end, between, join)


def _join(trace: Trace, uses: Uses, tensor: _Tensor, waited: int, first: int) -> int | None:
    """The operation that brings together what is made of a tensor before and after it waited, if one does.

    Args:
        tensor: the one that waits.
        waited: the index of the operation that reads it after the wait.
        first: the place in ``uses.places`` of the first that reads it at all.
    """
    alone = waited == tensor.reads[0]
    made: dict[int, int] = {}
    until = dict.fromkeys((_EARLIER, _LATER, _BOTH), -1)
    for number in range(first, len(uses.places)):
        place = uses.places[number]
        operation = trace.operations[place]
        of = {storage: made.get(storage, 0) for storage in _read(operation, uses)}
        if place in tensor.reads:
            of[tensor.storage] = _EARLIER if place < waited else _LATER
        if operation.function in JOINS and _meet(list(of.values()), alone=alone):
            return place
        mark = _union(of.values())
        for value in operation.outputs:
            if mark and value.storage in uses.last:
                made[value.storage] = mark
                until[mark] = max(until[mark], uses.last[value.storage])
        if place >= max(tensor.reads[-1], waited) and _is_over(until, place, alone=alone):
            return None
    return None


def _read(operation: Operation, uses: Uses) -> Iterator[int]:
    return (value.storage for value in operation.inputs if value.storage in uses.last)


def _meet(made: list[int], *, alone: bool) -> bool:
    """Whether among the tensors of a sum one is made of the later reads, and another of the earlier ones.

    If both are made of both, their ways met before. Where there are no earlier reads, any other tensor will do.
    """
    if alone:
        return _LATER in made and 0 in made
    single = _EARLIER in made or _LATER in made
    return single and len([mark for mark in made if mark]) > 1 and _union(made) == _BOTH


def _is_over(until: dict[int, int], place: int, *, alone: bool) -> bool:
    """Whether no operation after this one can bring both ways together."""
    if alone:
        return place >= until[_LATER]
    single = max(until[_EARLIER], until[_LATER])
    return place >= min(single, max(until[_EARLIER], until[_BOTH]), max(until[_LATER], until[_BOTH]))


def _union(marks: Iterable[int]) -> int:
    found = 0
    for mark in marks:
        found |= mark
    return found


def _tensors(trace: Trace, uses: Uses) -> list[_Tensor]:
    """What depends on the input, in the order made."""
    now: dict[int, _Tensor] = {}
    found = []
    for place in uses.places:
        operation = trace.operations[place]
        for storage in {value.storage for value in operation.inputs}:
            if storage in now:
                now[storage].reads.append(place)
        for storage in {value.storage for value in operation.outputs}:
            if storage in uses.last:
                now[storage] = _Tensor(storage, place)
                found.append(now[storage])
    return found


def _homes(trace: Trace, rows: Sequence[TracedRow]) -> list[str]:
    """For each operation the row that it ran in, or the path of its module."""
    homes = [operation.path for operation in trace.operations]
    for row, places in places_by_row(trace, [row.name for row in rows]).items():
        for place in places:
            homes[place] = row
    return homes
