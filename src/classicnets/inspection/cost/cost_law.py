"""How the cost of a network grows with the size of the image, with its width and with its depth."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from classicnets.errors import UsageError, near
from classicnets.inspection.cost.growth import Degree, Degrees, Growth, growth
from classicnets.inspection.counting.macs import macs
from classicnets.inspection.counting.parameters import count_by_row
from classicnets.inspection.memory.live import COUNTED, live
from classicnets.inspection.tracing.rows import TracedRow, is_within, traced_rows
from classicnets.inspection.tracing.trace import Storage, Trace, Value
from classicnets.inspection.units import count
from classicnets.networks.chain import Chain


class OneMore(NamedTuple):
    """What the network gains where a row stands twice.

    Attributes:
        row: the last of its stage; another one like it can follow.
        parameters: more of them.
        macs: likewise, for one image.
        activation_bytes: likewise.
    """

    row: str
    parameters: int
    macs: int
    activation_bytes: int


@dataclass(frozen=True, kw_only=True)
class CostLaw:
    """Totals as functions of a factor s on both sides of the image and a factor w on all numbers of channels.

    MACs and activations are of one image. The classes and the channels of the image stay as many.

    Attributes:
        parameters: trainable ones, auxiliary heads apart.
        macs: multiply-accumulates.
        activation_bytes: what leaves the rows.
        live_peak: the most alive at once in inference, of the whole batch, as long as it is reached in the same place.
        one_more: what depth costs, stage by stage.
        sized: rows whose weights are made for the size of the image.
        uneven: rows in which windows do not fill the map, so that s counts its pixels nearly, not exactly.
    """

    parameters: Growth
    macs: Growth
    activation_bytes: Growth
    live_peak: Growth
    one_more: tuple[OneMore, ...]
    sized: tuple[str, ...]
    uneven: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(f"{name}: {text}" for name, text in self.table())

    def table(self) -> Iterator[tuple[str, str]]:
        """The law in words, a line each: what grows, and how."""
        yield "parameters", str(self.parameters)
        yield "MACs", str(self.macs)
        yield "activation bytes", str(self.activation_bytes)
        yield "live bytes", str(self.live_peak)
        for more in self.one_more:
            text = f"{count(more.parameters)} parameters, {count(more.macs)} MACs, {count(more.activation_bytes)} bytes"
            yield f"one more like {more.row}", text
        if self.sized:
            yield "weights made for the size", ", ".join(self.sized)
        if self.uneven:
            yield "nearly so in", ", ".join(self.uneven)


def cost_law(trace: Trace, *, fixed: Collection[str] = ()) -> CostLaw:
    """Derive the law from one forward: every operation and every tensor is a monomial in s and w.

    Args:
        trace: of a forward in evaluation mode.
        fixed: rows whose number of output channels stays as it is, such as the first of a wide residual network.

    Raises:
        UsageError: there is no such row, or an operator that the law does not follow.
    """
    assert not trace.training
    rows = traced_rows(trace)
    names = [row.name for row in rows]
    for name in fixed:
        if name not in names:
            raise UsageError(f"no row {name!r}{near(name, names)}")
    degrees = Degrees(trace, lambda path: any(is_within(path, row) for row in fixed))
    batch = trace.batch
    own = _parameters(trace)
    sized = {name for name, value in own.items() if _of_weight(value, degrees).side}
    return CostLaw(
        parameters=growth((_of_weight(value, degrees), value.elements) for value in own.values()),
        macs=growth((degree, counted // batch) for degree, counted in degrees.macs),
        activation_bytes=growth((degrees.of(value), value.bytes // batch) for row in rows for value in row.made),
        live_peak=growth(_at_peak(trace, degrees)),
        one_more=tuple(_one_more(trace, rows)),
        sized=tuple(row for row in names if any(is_within(name, row) for name in sized)),
        uneven=tuple(row for row in names if any(is_within(path, row) for path in degrees.uneven)),
    )


def _parameters(trace: Trace) -> dict[str, Value]:
    heads = isinstance(trace.module, Chain)
    return {
        name: value
        for name, value in trace.tensors.items()
        if trace.storages[value.storage].held == "parameter" and not (heads and name.startswith("aux."))
    }


def _of_weight(value: Value, degrees: Degrees) -> Degree:
    """A parameter that no convolution, product or normalisation reads as it is counts by its axes."""
    if value.storage in degrees.weights:
        return degrees.weights[value.storage]
    return Degree(width=min(len(value.shape), 2) if value.elements > 1 else 0)


def _at_peak(trace: Trace, degrees: Degrees) -> Iterator[tuple[Degree, int]]:
    alive = live(trace)
    place = alive.index(max(alive))
    for number, storage in enumerate(trace.storages):
        if storage.held in COUNTED and _is_alive(storage, place):
            yield degrees.storages.get(number, Degree()), storage.size


def _is_alive(storage: Storage, place: int) -> bool:
    return max(storage.born, 0) <= place and (storage.died is None or place <= storage.died)


def _one_more(trace: Trace, rows: tuple[TracedRow, ...]) -> Iterator[OneMore]:
    """Of neighbours that hand on the same shape, the last with weights that leaves the shape it was given."""
    parameters = count_by_row(trace.module, [row.name for row in rows])
    batch = trace.batch
    for _, stage in groupby(rows[:-1], key=_shape):
        alike = [row for row in stage if _repeats(row) and any(macs(each, trace.module) for each in row.operations)]
        if alike:
            row = alike[-1]
            multiplied = sum(macs(operation, trace.module) for operation in row.operations) // batch
            made = sum(value.bytes for value in row.made) // batch
            yield OneMore(row.name, parameters[row.name], multiplied, made)


def _shape(row: TracedRow) -> tuple[int, ...]:
    return row.outputs[0].shape if row.outputs else ()


def _repeats(row: TracedRow) -> bool:
    return bool(row.inputs) and row.inputs[0].shape == _shape(row)
