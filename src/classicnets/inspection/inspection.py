"""A network looked at: one object that answers for every table."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import nn

from classicnets.errors import UsageError
from classicnets.inspection import macs as counting
from classicnets.inspection import memory, parameters
from classicnets.inspection.recording import Run, trace
from classicnets.inspection.rows import TracedRow, traced_rows
from classicnets.inspection.trace import Trace
from classicnets.networks import build
from classicnets.networks.chain import Chain


class LivePeak(NamedTuple):
    """The most bytes alive at once, input and weights apart.

    Attributes:
        eager: as PyTorch runs it for inference, operation by operation.
        fused: as an inference runtime plans it: batch normalisation folded, activations and sums written in place, memory
            free after the last use.
        training: forward, backward and the optimizer's state.
    """

    eager: int
    fused: int
    training: int


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of the table.

    Attributes:
        name: as in the paper, or the path of the module.
        output: the shape that leaves it for one image.
        parameters: trainable ones, each counted where it first appears.
        macs: multiply-accumulates of one image.
        activation_bytes: what leaves it for one image; 0 where it hands on the memory that arrived.
        receptive_field: the side in pixels of what one activation sees, the larger where they differ.
        stride: pixels between what neighbours see, likewise.
    """

    name: str
    output: tuple[int, ...]
    parameters: int
    macs: int
    activation_bytes: int
    receptive_field: int
    stride: int


class Inspection:
    """What is known of a network; each table is computed when it is first asked for.

    Attributes:
        name: in the catalog, or the class of the module.
        module: the network, perhaps without weights.
        input: channels, height and width of an image.
        batch: how many images pass at once.
    """

    def __init__(self, module: nn.Module, input: tuple[int, int, int], *, batch: int = 1, run: Run = "meta") -> None:
        self.name = module.name if isinstance(module, Chain) else type(module).__name__
        self.module = module
        self.input = input
        self.batch = batch
        self._run: Run = run

    @cached_property
    def trace(self) -> Trace:
        """One forward in evaluation mode."""
        return trace(self.module, self._images(), run=self._run)

    @cached_property
    def training_trace(self) -> Trace:
        """One forward in training mode, and its backward."""
        return trace(self.module, self._images(), training=True, run=self._run)

    @cached_property
    def traced_rows(self) -> tuple[TracedRow, ...]:
        """The rows as they ran."""
        return traced_rows(self.trace)

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """The table."""
        counts = parameters.count_by_row(self.module, [row.name for row in self.traced_rows])
        return tuple(self._row(row, counts[row.name]) for row in self.traced_rows)

    @cached_property
    def parameters(self) -> int:
        """Trainable numbers, auxiliary heads apart."""
        return parameters.count_parameters(self.module)

    @cached_property
    def aux_parameters(self) -> int:
        """Trainable numbers of auxiliary heads."""
        return parameters.count_aux_parameters(self.module)

    @cached_property
    def buffers(self) -> int:
        """Numbers kept but not trained."""
        return parameters.count_buffers(self.module)

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates of convolutions and fully connected layers, one image, biases not counted."""
        return self._macs(self.trace.operations)

    def _images(self) -> torch.Tensor:
        device = "cpu" if self._run == "real" else "meta"
        return torch.zeros(self.batch, *self.input, device=device)

    def _macs(self, operations: Sequence[counting.Operation]) -> int:
        return sum(counting.macs(operation, self.module) for operation in operations) // self.batch

    def _row(self, row: TracedRow, count: int) -> Row:
        arrived = {value.storage for value in row.inputs}
        new = {value.number: value.bytes for value in row.outputs if value.storage not in arrived}
        return Row(
            name=row.name,
            output=row.outputs[0].shape[1:] if row.outputs else (),
            parameters=count,
            macs=self._macs(row.operations),
            activation_bytes=sum(new.values()) // self.batch,
            receptive_field=0,
            stride=0,
        )


def inspect(
    model: nn.Module | str,
    input_size: int | tuple[int, ...] | None = None,
    *,
    batch: int = 1,
    run: Run = "meta",
) -> Inspection:
    """Look at a network of the catalog by its name, or at any module.

    Args:
        model: a name such as "resnet50", a `Chain`, or any module that takes images (N, C, H, W).
        input_size: the side in pixels, (height, width), or (channels, height, width); without it the network's own, and
            (3, 224, 224) for a module that does not say.
        batch: images that pass at once; counts stay those of one image, live memory is that of the batch.
        run: see `trace`.

    Raises:
        UsageError: no such network, or a size that it does not take.
    """
    raise UsageError("not yet")


__all__ = ["Inspection", "LivePeak", "Row", "build", "inspect"]
