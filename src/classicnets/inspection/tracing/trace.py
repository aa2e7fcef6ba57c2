"""One forward recorded: every operation, what it read and wrote, where it ran, and when its memory came and went."""

from dataclasses import dataclass
from math import prod
from typing import Any, Literal, NamedTuple

import torch
from torch import nn

Held = Literal["input", "parameter", "buffer", "constant", "activation", "gradient"]
"""What a storage is for; a constant is a tensor that the module keeps without calling it parameter or buffer."""


class Value(NamedTuple):
    """A tensor as an operation met it.

    Attributes:
        number: its own; a tensor written in place becomes a new value of the same storage.
        storage: the number of the storage that it looks at, wholly or in part.
        shape: as torch has it, the batch first.
        dtype: of its elements.
    """

    number: int
    storage: int
    shape: tuple[int, ...]
    dtype: torch.dtype

    @property
    def elements(self) -> int:
        """How many numbers it has."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """What these numbers take up, whether or not the storage is shared."""
        return self.elements * self.dtype.itemsize


Argument = Any
"""What an operation was given: tensors as values, lists as tuples, everything else as it was."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of an operator below autograd.

    Attributes:
        function: the operator, such as ``torch.ops.aten.convolution.default``.
        path: of the innermost module that it ran in, "" for the outermost; in the backward pass of the module whose
            forward it belongs to.
        arguments: the positional ones.
        keywords: the others.
        outputs: its tensors, flattened.
        backward: whether it ran in the backward pass.
    """

    function: torch._ops.OpOverload
    path: str
    arguments: tuple[Argument, ...]
    keywords: dict[str, Argument]
    outputs: tuple[Value, ...]
    backward: bool

    @property
    def name(self) -> str:
        """Such as "convolution", without the overload."""
        return self.function._schema.name.removeprefix("aten::")

    @property
    def inputs(self) -> tuple[Value, ...]:
        """Its tensors, in the order given."""
        return tuple(_values((*self.arguments, *self.keywords.values())))

    @property
    def in_place(self) -> bool:
        """Whether it writes over something it was given."""
        return self.function._schema.is_mutable


@dataclass(slots=True)
class Storage:
    """A piece of memory.

    Attributes:
        size: bytes.
        held: what it is for.
        born: the index of the operation that made it; -1 if it was there before.
        died: the index of the last operation that found it alive; None if it outlived them all.
    """

    size: int
    held: Held
    born: int
    died: int | None = None


class Call(NamedTuple):
    """One call of a module.

    Attributes:
        path: of the module.
        first: the index of its first operation.
        end: the index after that of its last.
        inputs: its tensors, flattened.
        outputs: its tensors, flattened.
    """

    path: str
    first: int
    end: int
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]


@dataclass(frozen=True, kw_only=True)
class Trace:
    """What one pass through a module did.

    Attributes:
        module: the module itself, for what a layer alone knows; its tensors may be on the meta device.
        inputs: what was given to it.
        outputs: what it returned, flattened.
        operations: in the order that they ran.
        storages: by number.
        calls: of modules, in the order that they began.
        tensors: the value under each name of the module's state.
        training: whether a backward pass followed.
    """

    module: nn.Module
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    operations: tuple[Operation, ...]
    storages: tuple[Storage, ...]
    calls: tuple[Call, ...]
    tensors: dict[str, Value]
    training: bool

    @property
    def batch(self) -> int:
        """How many images went through at once."""
        return self.inputs[0].shape[0]

    @property
    def forward(self) -> tuple[Operation, ...]:
        """The operations of the forward pass alone."""
        return tuple(operation for operation in self.operations if not operation.backward)


def _values(given: tuple[Argument, ...]) -> list[Value]:
    found = []
    for part in given:
        if type(part) is Value:
            found.append(part)
        elif type(part) is tuple:
            found += _values(part)
    return found
