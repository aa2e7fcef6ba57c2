"""A network looked at: one object that answers for every table."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import torch
from torch import nn

from classicnets import catalog
from classicnets.errors import UsageError, check_choice
from classicnets.inspection import formats, terminal
from classicnets.inspection import tree as trees
from classicnets.inspection.cost.cost_law import CostLaw, cost_law
from classicnets.inspection.cost.machine import Machine
from classicnets.inspection.cost.recomputation import Recomputation, step_costs
from classicnets.inspection.cost.recomputation_plan import plan_recomputation
from classicnets.inspection.cost.roofline import Roofline, roofline
from classicnets.inspection.counting import macs as counting
from classicnets.inspection.counting import parameters
from classicnets.inspection.counting.connections import connections, neurons
from classicnets.inspection.counting.conventions import by_convention
from classicnets.inspection.counting.other_operations import count_other_operations, other_operations
from classicnets.inspection.memory.fused import fused_live, fused_live_peak
from classicnets.inspection.memory.live import live, live_peak
from classicnets.inspection.memory.shortcuts import HeldShortcut, shortcuts
from classicnets.inspection.memory.training import TrainingMemory, training_peak
from classicnets.inspection.modes import Mode, Optimizer, Precision, Run
from classicnets.inspection.sight.receptive_field import Field, exceeds, row_fields, side_seen, stride_of
from classicnets.inspection.tracing.recording import trace
from classicnets.inspection.tracing.rows import TracedRow, places_by_row, traced_rows
from classicnets.inspection.tracing.trace import Operation, Trace
from classicnets.networks import build
from classicnets.networks.chain import Chain
from classicnets.weights.loading import load

if TYPE_CHECKING:
    from rich.table import Table


class LivePeak(NamedTuple):
    """The most bytes alive at once, input and weights apart.

    Attributes:
        eager: as PyTorch runs it for inference, operation by operation.
        fused: as an inference runtime plans it: batch normalisation folded, activations and sums written in place,
            memory free after its last use.
        training: forward, backward, the gradients of the weights and the optimizer's state.
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
        other_operations: floating point operations of one image that are no multiply-accumulate.
        activation_bytes: what leaves it for one image; 0 where it hands on the memory that arrived.
        receptive_field: the side in pixels of what one activation sees, the larger where they differ.
        stride: pixels between what neighbours see, likewise.
        exceeds_image: whether it sees beyond the border of the image.
    """

    name: str
    output: tuple[int, ...]
    parameters: int
    macs: int
    other_operations: int
    activation_bytes: int
    receptive_field: int
    stride: int
    exceeds_image: bool


class Inspection:
    """What is known of a network; each table is computed when it is first asked for.

    Counts are of one image. Live memory is that of the whole batch, in bytes.

    Attributes:
        name: in the catalog, or the class of the module.
        module: the network, perhaps without weights.
        input: channels, height and width of an image.
        batch: how many images pass at once.
        optimizer: whose state is held in training.
        precision: of the numbers in training.
    """

    def __init__(
        self,
        module: nn.Module,
        image: tuple[int, int, int],
        *,
        batch: int = 1,
        optimizer: Optimizer = "momentum",
        precision: Precision = "float32",
        run: Run = "meta",
    ) -> None:
        self.name = module.name if isinstance(module, Chain) else type(module).__name__
        self.module = module
        self.input = image
        self.batch = batch
        self.optimizer = optimizer
        self.precision = precision
        self._run = run

    @cached_property
    def trace(self) -> Trace:
        """One forward in evaluation mode."""
        return trace(self.module, self._images(), run=self._run)

    @cached_property
    def training_trace(self) -> Trace:
        """One forward in training mode, and its backward."""
        return trace(self.module, self._images(), training=True, run=self._run, precision=self.precision)

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
    def fields(self) -> dict[str, Field]:
        """What the activations that leave a row see of the image; without rows that see nothing of it."""
        return row_fields(self.trace, self.traced_rows)

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

    @cached_property
    def activation_bytes(self) -> int:
        """The sum of what leaves the rows, for one image."""
        return sum(row.activation_bytes for row in self.rows)

    @cached_property
    def live_peak(self) -> LivePeak:
        """The most memory that is alive at once, in each mode."""
        return LivePeak(
            eager=live_peak(self.trace),
            fused=fused_live_peak(self.trace),
            training=self.training_memory.peak,
        )

    @cached_property
    def training_memory(self) -> TrainingMemory:
        """What training holds, part by part."""
        return training_peak(self.training_trace, optimizer=self.optimizer)

    @cached_property
    def recomputation(self) -> Recomputation | None:
        """The rows that training recomputes to hold the least, and what that costs; None without rows to recompute."""
        if not isinstance(self.module, Chain):
            return None
        return plan_recomputation(step_costs(self.training_trace, optimizer=self.optimizer))

    @cached_property
    def shortcuts(self) -> tuple[HeldShortcut, ...]:
        """What waits while other operations run, until a sum or a concatenation takes it up."""
        return shortcuts(self.trace, self.traced_rows)

    @cached_property
    def other_operations(self) -> int:
        """Floating point operations besides, one image; by the rules of `other_operations.RULES`."""
        return count_other_operations(self.trace) // self.batch

    @cached_property
    def neurons(self) -> dict[str, int]:
        """Values that leave each row for one image, as AlexNet's paper counts."""
        return {row.name: neurons(self.trace, row) for row in self.traced_rows}

    @cached_property
    def connections(self) -> dict[str, int]:
        """Connections of each row's units for one image, biases included, as LeNet-5's paper counts."""
        return {row.name: connections(self.trace, row) for row in self.traced_rows}

    def by_convention(self) -> dict[str, int]:
        """What well-known counters would print for this network, under their names; see `conventions`."""
        return {name: total // self.batch for name, total in by_convention(self.trace).items()}

    def roofline(self, machine: Machine) -> Roofline:
        """The least time of an eager forward of the batch on a machine, row by row."""
        return roofline(self.trace, machine)

    def cost_law(self) -> CostLaw:
        """How the totals grow with the size of the image, with width and with depth.

        Raises:
            UsageError: the network has an operator that the law does not follow.
        """
        return cost_law(self.trace)

    def live_by_row(self, mode: Mode) -> dict[str, int]:
        """The most bytes that are alive while each row runs, forward or backward.

        Raises:
            UsageError: there is no such mode.
        """
        check_choice("mode", mode, get_args(Mode))
        traced = self.training_trace if mode == "training" else self.trace
        alive = fused_live(traced) if mode == "fused" else live(traced)
        places = places_by_row(traced, [row.name for row in self.traced_rows])
        state = self.training_memory.optimizer_state if mode == "training" else 0
        return {row: state + max((alive[place] for place in found), default=0) for row, found in places.items()}

    def tree(self, depth: int | None = None) -> tuple[trees.Branch, ...]:
        """The modules down to that depth, one within the other; see `tree`."""
        return trees.tree(self.trace, depth)

    def to_dict(self) -> dict[str, Any]:
        """All figures under the names of the attributes, in lists and dictionaries."""
        return formats.as_dict(self)

    def to_markdown(self) -> str:
        """The table and the totals as a section of a document."""
        return formats.as_markdown(self)

    def to_csv(self) -> str:
        """The rows for a spreadsheet."""
        return formats.as_csv(self)

    def to_html(self) -> str:
        """A page of its own, with plots.

        Raises:
            UsageError: the packages that draw the plots are missing.
        """
        from classicnets.inspection.pages.page import page  # stands above: it shows drawings and comparisons too

        return page(self)

    def __rich__(self) -> "Table":
        return terminal.rows_table(self)

    def _images(self) -> torch.Tensor:
        device = "cpu" if self._run == "real" else "meta"
        return torch.zeros(self.batch, *self.input, device=device, dtype=_dtype(self.module))

    def _macs(self, operations: Iterable[Operation]) -> int:
        return sum(counting.macs(operation, self.module) for operation in operations) // self.batch

    def _row(self, row: TracedRow, count: int) -> Row:
        field = self.fields.get(row.name)
        return Row(
            name=row.name,
            output=row.outputs[0].shape[1:] if row.outputs else (),
            parameters=count,
            macs=self._macs(row.operations),
            other_operations=sum(map(other_operations, row.operations)) // self.batch,
            activation_bytes=sum(value.bytes for value in row.made) // self.batch,
            receptive_field=side_seen(field, self.input) if field else 0,
            stride=stride_of(field) if field else 0,
            exceeds_image=field is not None and exceeds(field, self.input),
        )


def inspect(
    model: nn.Module | str | Path,
    input_size: int | tuple[int, ...] | None = None,
    *,
    batch: int = 1,
    optimizer: Optimizer = "momentum",
    precision: Precision = "float32",
    run: Run = "meta",
    **options: Any,
) -> Inspection:
    """Look at a network of the catalog by its name, at weights, or at any module.

    Args:
        model: a name such as "resnet50"; a bundle or other weights, as `load` takes them; a `Chain`; or any module that
            takes images (N, C, H, W).
        input_size: the side in pixels, (height, width), or (channels, height, width); without it the network's own, and
            (3, 224, 224) for a module that does not say.
        batch: images that pass at once.
        optimizer: whose state is counted in training memory.
        precision: of training, likewise.
        run: the tensors that the forward runs on; see `trace`.
        options: of a network given by its name, as `create` takes them.

    Raises:
        UsageError: no such network or weights, or a size that it does not take.
    """
    if batch < 1:
        raise UsageError(f"batch must be at least 1, not {batch}")
    check_choice("optimizer", optimizer, get_args(Optimizer))
    check_choice("precision", precision, get_args(Precision))
    size = _size(input_size)
    if not isinstance(model, nn.Module):
        model = _network(str(model), size, options)
    elif options:
        raise UsageError(f"options such as {next(iter(options))!r} are for a network given by its name")
    own = model.input_shape if isinstance(model, Chain) else (3, 224, 224)
    channels, height, width = own if size is None else (own[0], *size)[-3:]
    return Inspection(model, (channels, height, width), batch=batch, optimizer=optimizer, precision=precision, run=run)


def _network(name: str, size: tuple[int, ...] | None, options: dict[str, Any]) -> Chain:
    """By its name without weights and for that input; or as its weights have it."""
    try:
        catalog.find(name)
    except UsageError:
        if ":" not in name and not Path(name).exists():
            raise
        if options:
            raise UsageError(f"{name} brings its own options: {next(iter(options))!r} cannot be given") from None
        return load(name)
    if size is not None:
        options = {**options, "input_size": size[-2:]}
    if size is not None and len(size) == 3:
        if options.get("in_channels", size[0]) != size[0]:
            raise UsageError(
                f"in_channels={options['in_channels']} and an input of {size[0]} channels: give one of them"
            )
        options = {**options, "in_channels": size[0]}
    return build(name, **options)


def _size(given: int | tuple[int, ...] | None) -> tuple[int, ...] | None:
    """Height and width, perhaps with the channels before them."""
    if given is None:
        return None
    sides = (given, given) if isinstance(given, int) else tuple(given)
    if len(sides) not in (2, 3) or not all(isinstance(side, int) and side > 0 for side in sides):
        raise UsageError(f"input_size is a side, (height, width) or (channels, height, width), not {given!r}")
    return sides


def _dtype(module: nn.Module) -> torch.dtype:
    return next((tensor.dtype for tensor in module.parameters() if tensor.is_floating_point()), torch.float32)
