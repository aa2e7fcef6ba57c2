"""The forward pass as a graph of layers: what reads what."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from classicnets.inspection.tracing.trace import Call, Operation, Trace, Value


@dataclass(frozen=True, kw_only=True)
class Node:
    """A layer that ran, or an operation that a module runs between its layers, such as the sum of a residual block.

    Attributes:
        name: its own: the path of the layer; of an operation the path of its module and what it is.
        label: the class of the layer, or what the operation is.
        path: of the module, "" for the outermost.
        is_layer: whether it is a module that ran, and no operation between modules.
        operations: what ran in it.
        sources: the places of the nodes that it reads, in the order that it reads them.
        outputs: what it makes.
    """

    name: str
    label: str
    path: str
    is_layer: bool
    operations: tuple[Operation, ...]
    sources: tuple[int, ...]
    outputs: tuple[Value, ...]


def graph(trace: Trace) -> tuple[Node, ...]:
    """All that ran, each after what it reads; before it one node for each input. Weights are no nodes."""
    growing = _Graph()
    for number, value in enumerate(trace.inputs):
        growing.add(_Piece("input" if number == 0 else f"input {number}", "input", "", False, (), (value,)))
    for piece in _pieces(trace):
        growing.add(piece)
    return tuple(growing.nodes)


def nodes_by_row(nodes: Sequence[Node], rows: Collection[str]) -> dict[str, list[int]]:
    """For each row the places of its nodes, those of inputs apart."""
    found: dict[str, list[int]] = {row: [] for row in rows}
    for place, node in enumerate(nodes):
        path = node.path
        while path and path not in found:
            path = path.rpartition(".")[0]
        if path in found and node.operations:
            found[path].append(place)
    return found


class _Graph:
    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._makers: dict[int, int] = {}
        self._writers: dict[int, int] = {}
        self._names: dict[str, int] = {}

    def add(self, piece: "_Piece") -> None:
        sources = tuple(dict.fromkeys(self._sources(piece.operations)))
        place = len(self.nodes)
        made = [value for operation in piece.operations for value in operation.outputs]
        for value in made if piece.operations else piece.outputs:
            self._makers[value.number] = self._writers[value.storage] = place
        self._names[piece.name] = times = self._names.get(piece.name, 0) + 1
        name = piece.name if times == 1 else f"{piece.name} {times}"
        self.nodes.append(
            Node(
                name=name,
                label=piece.label,
                path=piece.path,
                is_layer=piece.is_layer,
                operations=piece.operations,
                sources=sources,
                outputs=piece.outputs,
            )
        )

    def _sources(self, operations: tuple[Operation, ...]) -> Iterator[int]:
        own = {value.number for operation in operations for value in operation.outputs}
        for operation in operations:
            for value in operation.inputs:
                # What was looked at anew, such as by `detach`, is known by its memory alone.
                maker = self._makers.get(value.number, self._writers.get(value.storage))
                if value.number not in own and maker is not None:
                    yield maker


class _Piece(NamedTuple):
    """What a node is made of; see there."""

    name: str
    label: str
    path: str
    is_layer: bool
    operations: tuple[Operation, ...]
    outputs: tuple[Value, ...]


def _pieces(trace: Trace) -> Iterator[_Piece]:
    at = 0
    for call in _innermost(trace.calls):
        if call.first < at or call.end == call.first:
            continue
        yield from _between(trace.operations[at : call.first])
        label = type(trace.module.get_submodule(call.path)).__name__
        operations = trace.operations[call.first : call.end]
        yield _Piece(call.path or label, label, call.path, True, operations, call.outputs or _made(operations))
        at = call.end
    yield from _between(trace.forward[at:])


def _between(operations: tuple[Operation, ...]) -> Iterator[_Piece]:
    for operation in operations:
        label = operation.name.rstrip("_")
        name = f"{operation.path}.{label}".lstrip(".")
        yield _Piece(name, label, operation.path, False, (operation,), operation.outputs)


def _innermost(calls: tuple[Call, ...]) -> Iterator[Call]:
    """The calls in which no other one happened, in order."""
    for call, following in zip(calls, (*calls[1:], None), strict=True):
        if following is None or following.first >= call.end or not _inside(following.path, call.path):
            yield call


def _inside(path: str, outer: str) -> bool:
    return not outer or path.startswith(f"{outer}.")


def _made(operations: tuple[Operation, ...]) -> tuple[Value, ...]:
    """What the last operation makes that makes anything: what leaves a layer."""
    return next((operation.outputs for operation in reversed(operations) if operation.outputs), ())
