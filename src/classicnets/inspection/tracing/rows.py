"""Which rows a trace falls into: those of a `Chain`, or the parts that any other module is made of."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from torch import nn

from classicnets.inspection.tracing.trace import Call, Operation, Trace, Value
from classicnets.networks.chain import Chain


@dataclass(frozen=True, kw_only=True)
class TracedRow:
    """A row as it ran.

    Attributes:
        name: the row's, which is the path of its module.
        operations: of the forward pass, in order.
        inputs: what arrived.
        outputs: what left.
    """

    name: str
    operations: tuple[Operation, ...]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]

    @property
    def made(self) -> tuple[Value, ...]:
        """What left in memory of its own: not what arrived handed on, and nothing twice."""
        arrived = {value.storage for value in self.inputs}
        return tuple({value.number: value for value in self.outputs if value.storage not in arrived}.values())


def is_within(path: str, outer: str) -> bool:
    """Whether a module's path is the outer one's or that of a module in it; all are within ""."""
    return not outer or path == outer or path.startswith(f"{outer}.")


def traced_rows(trace: Trace) -> tuple[TracedRow, ...]:
    """The rows in the order that they ran; what ran between rows is no row's.

    A module that is no `Chain` has its direct children as rows, and in the place of a sequence the parts of it. A row
    that ran twice stands where it ran last, with the operations of both times.
    """
    names = frozenset(row_names(trace.module))
    last: dict[str, Call] = {}
    operations: dict[str, list[Operation]] = {}
    end = 0
    for call in trace.calls:
        # A row that other rows call, too, is part of them while they run.
        if call.path in names and call.first >= end:
            end = call.end
            last[call.path] = call
            ran = (operation for operation in trace.operations[call.first : call.end] if not operation.backward)
            operations.setdefault(call.path, []).extend(ran)
    return tuple(
        TracedRow(name=name, operations=tuple(operations[name]), inputs=call.inputs, outputs=call.outputs)
        for name, call in sorted(last.items(), key=lambda item: (item[1].first, item[1].end))
    )


def places_by_row(trace: Trace, names: Collection[str]) -> dict[str, list[int]]:
    """For each row the indices of its operations, forward and backward."""
    found: dict[str, list[int]] = {name: [] for name in names}
    homes: dict[str, str | None] = {}
    for place, operation in enumerate(trace.operations):
        if operation.path not in homes:
            homes[operation.path] = _row_of(operation.path, found)
        row = homes[operation.path]
        if row is not None:
            found[row].append(place)
    return found


def row_names(module: nn.Module) -> tuple[str, ...]:
    """The names of the rows of a module, as it holds them."""
    if isinstance(module, Chain):
        return module.rows
    return tuple(_parts("", module)) or ("",)


def _parts(path: str, module: nn.Module) -> Iterator[str]:
    for name, child in module.named_children():
        inner = f"{path}.{name}" if path else name
        if isinstance(child, (nn.Sequential, nn.ModuleList)) and len(child):
            yield from _parts(inner, child)
        else:
            yield inner


def _row_of(path: str, names: Collection[str]) -> str | None:
    while path not in names:
        if not path:
            return None
        path = path.rpartition(".")[0]
    return path
