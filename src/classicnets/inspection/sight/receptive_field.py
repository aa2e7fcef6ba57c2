"""Which pixels of the image an activation depends on."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from classicnets.inspection.sight.seeing import see
from classicnets.inspection.sight.seen import Extent, Run, Seen, everything, together
from classicnets.inspection.tracing.rows import TracedRow
from classicnets.inspection.tracing.trace import Operation, Trace, Value

__all__ = ["Extent", "Field", "exceeds", "fields", "row_fields", "side_seen", "stride_of"]


class Field(NamedTuple):
    """What the activations of a map see, down and across."""

    down: Extent
    across: Extent


def fields(trace: Trace) -> dict[int, Field]:
    """The field of each value, by its number, that depends on the first input (N, C, H, W).

    It is that of the operations, whatever the weights are: through all branches, and beyond the border where windows
    hang over it. Where windows differ (uneven adaptive pooling, upsampling) it is the least that holds them all.
    Nothing has one where the first input is no batch of images.
    """
    if not trace.inputs or len(trace.inputs[0].shape) != 4:
        return {}
    image = trace.inputs[0]
    watch = _Watch(image)
    returned = defaultdict[int, list[Value]](list)
    for call in trace.calls:
        returned[call.end].extend(call.outputs)
    for place, operation in enumerate(trace.operations):
        watch.leave(returned[place])
        if not operation.backward:
            watch.follow(operation, training=trace.training)
    watch.leave(returned[len(trace.operations)])
    return {
        number: Field(*(_settled(extent, side) for extent, side in zip(seen.sides, image.shape[2:], strict=True)))
        for number, seen in (watch.seen | watch.left).items()
    }


def row_fields(trace: Trace, rows: Iterable[TracedRow]) -> dict[str, Field]:
    """What the activations that leave each row see, by the row's name; without rows that see nothing of the image."""
    found = fields(trace)
    return {row.name: found[value.number] for row in rows for value in row.outputs[:1] if value.number in found}


def side_seen(field: Field, image: Sequence[int]) -> int:
    """The side in pixels of what one activation sees: the larger one, and the image's own where it sees everything.

    Args:
        field: of a map or a vector.
        image: the image's shape, height and width last.
    """
    return max(side if extent.everything else extent.size for extent, side in zip(field, image[-2:], strict=True))


def stride_of(field: Field) -> int:
    """Pixels between neighbours, down or across, whichever is more; 0 where all see the same, as in a vector."""
    return max(extent.stride for extent in field)


def exceeds(field: Field, image: Sequence[int]) -> bool:
    """Whether an activation sees more pixels down or across than an image of that shape has."""
    return any(not extent.everything and extent.size > side for extent, side in zip(field, image[-2:], strict=True))


class _Write(NamedTuple):
    """A value written over memory that other values look at too."""

    value: Value
    before: Seen | None
    after: Seen


class _Watch:
    """What each value sees, operation by operation.

    Attributes:
        seen: when the value was made.
        left: when it left a module, where it had been written over in the meantime.
    """

    def __init__(self, image: Value) -> None:
        pixel = Extent(0, 0, 1)
        count, channels, height, width = image.shape
        dimensions = ((Run(count),), (Run(channels),), (Run(height, 0),), (Run(width, 1),))
        self.seen: dict[int, Seen] = {image.number: Seen((pixel, pixel), dimensions)}
        self.left: dict[int, Seen] = {}
        self._writes: defaultdict[int, list[_Write]] = defaultdict(list)

    def follow(self, operation: Operation, *, training: bool) -> None:
        """Take one more operation in."""
        inputs = operation.inputs
        known = {value.number: seen for value in inputs if (seen := self._now(value)) is not None}
        if not known:
            return
        for value, seen in zip(operation.outputs, see(operation, known, training=training), strict=True):
            if seen is None:
                continue
            self.seen[value.number] = seen
            if operation.in_place and seen != (before := known.get(inputs[0].number)):
                self._writes[value.storage].append(_Write(value, before, seen))

    def leave(self, values: Iterable[Value]) -> None:
        """Keep what these see now, as they leave a module: what is written over them later is not theirs."""
        for value in values:
            seen = self._now(value) if value.storage in self._writes else None
            if seen is not None:
                self.left[value.number] = seen

    def _now(self, value: Value) -> Seen | None:
        """What it sees after all that was written over its memory since it was made."""
        seen = self.seen.get(value.number)
        for write in self._writes.get(value.storage, ()):
            if write.value.number > value.number:
                seen = _overwritten(value, seen, write)
        return seen


def _overwritten(value: Value, seen: Seen | None, write: _Write) -> Seen:
    """What a value sees of which part may have been written over.

    Parts that differ in channels alone are told by their shapes and by what they saw; any other makes it everything.
    """
    after = write.after
    if len(value.shape) != len(write.value.shape):
        return everything(value.shape)
    for place, dimension in enumerate(after.dimensions):
        if any(run.side is not None for run in dimension):
            if value.shape[place] != write.value.shape[place]:
                return everything(value.shape)
        else:
            after = after.resized(place, value.shape[place])
    if seen is None:
        return after
    if write.before is not None and write.before.sides != seen.sides:
        return everything(value.shape)
    return together([seen, after])


def _settled(extent: Extent, side: int) -> Extent:
    return Extent(0, side - 1, extent.stride, everything=True) if extent.everything else extent
