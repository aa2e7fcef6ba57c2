"""How much memory inference takes where a runtime plans it."""

from collections import Counter
from itertools import accumulate

import torch

from classicnets.errors import UsageError
from classicnets.inspection.tracing.trace import Operation, Trace, Value
from classicnets.inspection.tracing.uses import Uses

aten = torch.ops.aten

_IN_PLACE = frozenset(
    {aten.native_batch_norm.default, aten._native_batch_norm_legit_no_training.default, aten.hardswish.default}
)
"""What can write over its input though torch does not call it a function of each element."""


def fused_live(trace: Trace) -> list[int]:
    """Bytes that a planned inference holds while each operation of the trace runs; input and weights apart.

    What such a runtime does with the operations as they stand:

    - What does not depend on the input is computed beforehand, and counts as a weight.
    - Memory is free after the last operation that reads it; views take none; what nobody reads is never made.
    - A function of each element alone, an activation, a sum or a product, writes over an input of the same size that is
      read for the last time there. So does batch normalisation, which after a convolution is part of it.
    - All else makes a tensor of its own beside those that it reads, concatenation too: it copies its parts.

    No operation holds more than it does in `memory.live`.

    Raises:
        UsageError: the trace has a backward pass.
    """
    if trace.training:
        raise UsageError("this trace is of training: fused inference needs one taken with training=False")
    uses = Uses(trace)
    homes = _homes(trace, uses)
    changes = [0] * (len(trace.operations) + 1)
    begins: dict[int, int] = {}
    ends: dict[int, int] = {}
    for storage, last in uses.last.items():
        home = homes.get(storage, storage)
        begins[home] = min(begins.get(home, last), max(trace.storages[storage].born, 0))
        ends[home] = max(ends.get(home, -1), last)
    for home, begin in begins.items():
        changes[begin] += trace.storages[home].size
        changes[ends[home] + 1] -= trace.storages[home].size
    return list(accumulate(changes[:-1]))


def fused_live_peak(trace: Trace) -> int:
    """The most that a planned inference holds at once, in bytes; see `fused_live`."""
    return max(fused_live(trace), default=0)


def _homes(trace: Trace, uses: Uses) -> dict[int, int]:
    """For each storage that is written over another the one where its memory began."""
    homes: dict[int, int] = {}
    for place in uses.places:
        operation = trace.operations[place]
        made = [value for value in operation.outputs if value.storage in uses.last and _is_new(trace, value, place)]
        if len(made) == 1 and _writes_over(operation):
            under = _written_over(trace, operation, made[0], uses, place)
            if under is not None:
                homes[made[0].storage] = homes.get(under, under)
    return homes


def _is_new(trace: Trace, value: Value, place: int) -> bool:
    return trace.storages[value.storage].born == place


def _writes_over(operation: Operation) -> bool:
    return operation.function in _IN_PLACE or torch.Tag.pointwise in operation.function.tags


def _written_over(trace: Trace, operation: Operation, made: Value, uses: Uses, place: int) -> int | None:
    """The storage that the operation may write its output over, if there is one."""
    times = Counter(value.storage for value in operation.inputs)
    size = trace.storages[made.storage].size
    for value in operation.inputs:
        storage = value.storage
        ends_here = uses.last.get(storage) == place and times[storage] == 1
        if ends_here and size == value.bytes == trace.storages[storage].size:
            return storage
    return None
