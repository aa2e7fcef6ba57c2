"""What is drawn: one block for each row, or for a run of rows that are equal."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Literal, get_args

import torch

from classicnets.inspection.counting.parameters import count_parameters
from classicnets.inspection.drawing.graph import Node, graph, nodes_by_row
from classicnets.inspection.drawing.parts import Parts, forks, parts_of, steps
from classicnets.inspection.tracing.recording import trace
from classicnets.networks.chain import Chain

if TYPE_CHECKING:
    from classicnets.inspection.inspection import Inspection, Row

BlockKind = Literal[
    "input",
    "convolution",
    "pooling",
    "normalisation",
    "fully connected",
    "inception module",
    "residual block",
    "other",
]
KINDS: tuple[BlockKind, ...] = get_args(BlockKind)

_MOST_TOWERS = 4
"""Groups that are drawn apart; 32 of them would be hairs."""


@dataclass(frozen=True, kw_only=True)
class Aux:
    """An auxiliary head.

    Attributes:
        parts: its layers.
        parameters: trainable ones.
    """

    parts: Parts
    parameters: int


@dataclass(frozen=True, kw_only=True)
class Block:
    """A row, or equal rows that follow each other.

    Attributes:
        names: of the rows.
        kind: of row.
        made_of: its layers; empty where none is worth a name, as in dropout.
        module: the class of the row's module.
        output: the shape that leaves it for one image.
        parameters: of one of the rows.
        macs: likewise.
        towers: in how many separate groups its maps are made.
        aux: the auxiliary head that hangs from it.
    """

    names: tuple[str, ...]
    kind: BlockKind
    made_of: Parts
    module: str
    output: tuple[int, ...]
    parameters: int
    macs: int
    towers: int = 1
    aux: Aux | None = None


def blocks(found: "Inspection", longest: int) -> tuple[Block, ...]:
    """The rows of a network as blocks, the image before them.

    Args:
        found: the network.
        longest: how many rows stand each for itself; in a longer network rows that follow each other and are made alike
            become one block.
    """
    nodes = graph(found.trace)
    places = nodes_by_row(nodes, [row.name for row in found.rows])
    made = [_block(found, row, nodes, places[row.name]) for row in found.rows]
    if len(made) > longest:
        made = [_run(list(equal)) for _, equal in groupby(made, key=lambda block: replace(block, names=()))]
    image = Block(names=("input",), kind="input", made_of=(), module="", output=found.input, parameters=0, macs=0)
    return (image, *_with_towers(made))


def _block(found: "Inspection", row: "Row", nodes: Sequence[Node], places: Sequence[int]) -> Block:
    made_of = parts_of(nodes, places, found.module)
    return Block(
        names=(row.name,),
        kind=_kind(made_of),
        made_of=made_of,
        module=type(found.module.get_submodule(row.name)).__name__,
        output=row.output,
        parameters=row.parameters,
        macs=row.macs,
        aux=_aux(found, row),
    )


def _kind(parts: Parts) -> BlockKind:
    joins = {fork.join for fork in forks(parts)}
    if "sum" in joins:
        return "residual block"
    if "concatenation" in joins:
        return "inception module"
    there = {step.kind for step in steps(parts)}
    kinds: tuple[BlockKind, ...] = ("convolution", "fully connected", "pooling", "normalisation")
    return next((kind for kind in kinds if kind in there), "other")


def _run(equal: Sequence[Block]) -> Block:
    return replace(equal[0], names=tuple(name for block in equal for name in block.names))


def _with_towers(made: Iterable[Block]) -> Iterable[Block]:
    """A convolution in few groups makes towers; pooling, which takes each map by itself, keeps them apart."""
    towers = 1
    for block in made:
        groups = {step.groups for step in steps(block.made_of) if step.kind == "convolution"}
        if block.kind == "convolution" and len(groups) == 1:
            towers = max(groups)
        elif block.kind != "pooling":
            towers = 1
        yield replace(block, towers=towers if towers <= _MOST_TOWERS else 1)


def _aux(found: "Inspection", row: "Row") -> Aux | None:
    head = found.module.aux[row.name] if isinstance(found.module, Chain) and row.name in found.module.aux else None
    if head is None:
        return None
    like = next(head.parameters())
    arrives = torch.zeros(1, *row.output, dtype=like.dtype, device="meta")
    nodes = graph(trace(head, arrives))
    return Aux(parts=parts_of(nodes, range(1, len(nodes)), head), parameters=count_parameters(head))
