"""What a row is made of: layers one after the other, and ways side by side that a sum or a concatenation joins."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from torch import nn

from classicnets.inspection.drawing.graph import Node
from classicnets.inspection.tracing.trace import Value
from classicnets.layers.residual import PaddedShortcut
from classicnets.layers.response_norm import ResponseNorm
from classicnets.layers.scaling import Scaling

Kind = Literal["convolution", "pooling", "normalisation", "fully connected", "other", "unseen"]
"""Of a layer; activations, reshaping and the like are not seen."""

Join = Literal["sum", "concatenation"]
"""How ways come together."""

_NORMALISATIONS = (
    nn.modules.batchnorm._NormBase,
    nn.GroupNorm,
    nn.LayerNorm,
    nn.LocalResponseNorm,
    ResponseNorm,
)
_JOINS: Mapping[str, Join] = {"add": "sum", "cat": "concatenation"}
_POOLS = {
    "max_pool2d_with_indices": "max",
    "avg_pool2d": "average",
    "_adaptive_avg_pool2d": "average",
    "mean": "average",
}
_PRODUCTS = frozenset({"mm", "addmm", "bmm", "baddbmm"})

_OUTSIDE = -1
"""Stands for what arrives at a row."""


class Step(NamedTuple):
    """One layer.

    Attributes:
        kind: of layer.
        text: such as "3x3 /2", the kernel and the stride.
        channels: that leave it; 0 where they are those that arrive.
        groups: that a convolution falls into.
    """

    kind: Kind
    text: str
    channels: int = 0
    groups: int = 1


class Fork(NamedTuple):
    """Ways from one point to another; an empty one hands on what arrives."""

    join: Join
    ways: tuple[tuple["Step | Fork", ...], ...]


Parts = tuple[Step | Fork, ...]


class NestedWaysError(Exception):
    """The ways share layers: they are not one within the other."""


def parts_of(nodes: Sequence[Node], members: Sequence[int], module: nn.Module) -> Parts:
    """What leads from what arrives at a row to what leaves it.

    Args:
        nodes: of the whole network.
        members: the places of the row's, in order.
        module: the network.

    Returns:
        The layers in order. Where ways cannot be told apart, as in densely connected blocks, all stand in one line.
    """
    if not members:
        return ()
    reader = _Reader(nodes, frozenset(members), module)
    try:
        return reader.between(_OUTSIDE, members[-1])
    except NestedWaysError:
        found = (reader.step(place) for place in members)
        return tuple(step for step in found if step.kind != "unseen")


def step_of(node: Node, module: nn.Module) -> Step:
    """A layer, or an operation between layers.

    Args:
        node: what ran.
        module: the layer's, or the one that the operation ran in.
    """
    if isinstance(module, _NORMALISATIONS):
        return Step("normalisation", _normalisation(module))
    if isinstance(module, Scaling):
        return Step("other", f"x {module.factor:g}")
    if isinstance(module, PaddedShortcut):
        return Step("other", "zeros" if module.stride == 1 else f"zeros /{module.stride}")
    for operation in node.operations:
        if operation.name == "convolution":
            return _convolution(operation.arguments)
        if operation.name in _PRODUCTS:
            return Step("fully connected", "fc", operation.outputs[0].shape[-1])
        if operation.name in _POOLS:
            return Step("pooling", _pool(_POOLS[operation.name], operation.arguments, operation.outputs[0]))
    return Step("unseen", "")


def steps(parts: Parts) -> Iterator[Step]:
    """All layers, those of every way."""
    for part in parts:
        if isinstance(part, Step):
            yield part
        else:
            for way in part.ways:
                yield from steps(way)


def forks(parts: Parts) -> Iterator[Fork]:
    """All places where ways part, each before those within its ways."""
    for part in parts:
        if isinstance(part, Fork):
            yield part
            for way in part.ways:
                yield from forks(way)


class _Reader:
    """Reads the graph of a row from its end."""

    def __init__(self, nodes: Sequence[Node], members: frozenset[int], module: nn.Module) -> None:
        self._nodes = nodes
        self._members = members
        self._module = module
        self._seen: set[int] = set()
        self._depths = {_OUTSIDE: 0}
        self._before = {_OUTSIDE: _OUTSIDE}
        for place in sorted(members):
            self._place(place)

    def between(self, first: int, last: int) -> Parts:
        """What leads from the output of one node to that of another."""
        found: list[Step | Fork] = []
        at = last
        while at != first:
            if at in self._seen or at == _OUTSIDE:
                raise NestedWaysError
            self._seen.add(at)
            sources = self._sources(at)
            join = _JOINS.get(self._nodes[at].label)
            if len(sources) < 2:
                found.append(self.step(at))
                at = sources[0] if sources else _OUTSIDE
            elif join is not None:
                fork = self._before[at]
                found.append(Fork(join, tuple(self.between(fork, source) for source in sources)))
                at = fork
            else:
                step, at = self._product(at, sources)
                found.append(step)
        return tuple(part for part in reversed(found) if not (isinstance(part, Step) and part.kind == "unseen"))

    def step(self, place: int) -> Step:
        """The layer at that place."""
        node = self._nodes[place]
        return step_of(node, self._module.get_submodule(node.path))

    def _product(self, place: int, sources: Sequence[int]) -> tuple[Step, int]:
        """What takes two ways without joining them: most often one times another. With it the way to follow."""
        node = self._nodes[place]
        made = node.outputs[0].elements
        sizes = {source: made if source == _OUTSIDE else self._nodes[source].outputs[0].elements for source in sources}
        # The gate of squeeze and excitation has one value a map; of two ways as large the longer has the layers.
        gated = max(sources, key=lambda source: (sizes[source], self._depths[source]))
        if node.label != "mul":
            return Step("other", node.label), gated
        return Step("other", "SE" if min(sizes.values()) < made else "gate"), gated

    def _sources(self, place: int) -> list[int]:
        """What it reads within the row, and the outside where it reads that; nothing for a constant."""
        inner = [source if source in self._members else _OUTSIDE for source in self._nodes[place].sources]
        return list(dict.fromkeys(inner))

    def _place(self, place: int) -> None:
        sources = self._sources(place)
        before = sources[0] if sources else _OUTSIDE
        for source in sources[1:]:
            before = self._common(before, source)
        self._before[place] = before
        self._depths[place] = self._depths[before] + 1

    def _common(self, one: int, other: int) -> int:
        """The last node that every way to both passes."""
        while one != other:
            if self._depths[one] > self._depths[other]:
                one = self._before[one]
            else:
                other = self._before[other]
        return one


def _normalisation(module: nn.Module) -> str:
    if isinstance(module, nn.modules.batchnorm._BatchNorm):
        return "batch norm"
    return "response norm" if isinstance(module, (ResponseNorm, nn.LocalResponseNorm)) else "norm"


def _convolution(arguments: tuple[object, ...]) -> Step:
    weight, stride, transposed, groups = arguments[1], arguments[3], arguments[6], arguments[8]
    assert isinstance(weight, Value)
    assert isinstance(groups, int)
    kernel = "x".join(map(str, weight.shape[2:]))
    channels = weight.shape[1] * groups if transposed else weight.shape[0]
    return Step("convolution", kernel + _stride(stride), channels, groups)


def _pool(how: str, arguments: tuple[object, ...], made: Value) -> str:
    window = arguments[1] if len(arguments) > 1 else ()
    if all(side == 1 for side in made.shape[2:]) or not isinstance(window, tuple):
        return f"global {how}"
    stride = arguments[2] if len(arguments) > 2 and arguments[2] else window
    return f"{how} {'x'.join(map(str, window * (2 // len(window))))}{_stride(stride)}"


def _stride(given: object) -> str:
    sides = given if isinstance(given, tuple) else (given,)
    return "" if set(sides) <= {1} else f" /{sides[0]}" if len(set(sides)) == 1 else f" /{'x'.join(map(str, sides))}"
