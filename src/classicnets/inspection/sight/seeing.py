"""What each operator lets the elements of its outputs see, given what those of its inputs see."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import accumulate
from typing import Any

import torch

from classicnets.inspection.sight.seen import Extent, Seen, anywhere, everything, together
from classicnets.inspection.tracing.trace import Operation, Value

Known = Mapping[int, Seen]
"""What the inputs of an operation see, by the numbers of those that see anything."""

Outputs = Sequence[Seen | None]
"""What each output sees; None for one that depends on the image by its shape alone."""


def see(operation: Operation, known: Known, *, training: bool) -> Outputs:
    """What each output sees.

    An operator that is not known here is taken to work on each element alone if its inputs can be spread to the shape
    of its output, and to depend on the whole image if not.

    Args:
        operation: one that reads something of ``known``.
        known: what its inputs see.
        training: whether the pass is one of training: the statistics of a batch do not count as seen there.
    """
    name = operation.name.rstrip("_")
    if name.startswith("new_") or name.endswith("_like"):
        return [None] * len(operation.outputs)
    if name in _ANYWHERE or name.startswith("_fft") or "attention" in name:
        return [anywhere(list(known.values()), out.shape) for out in operation.outputs]
    if name == "native_batch_norm" and (training or not _given(operation, "training")):
        return _each(operation, known)
    if name in _OF_SEVERAL:
        return _OF_SEVERAL[name](operation, known)
    rule = _OF_ONE.get(name)
    if rule is None:
        return _each(operation, known)
    first = operation.arguments[0]
    seen = known.get(first.number) if isinstance(first, Value) else None
    return rule(operation, seen) if seen else _everything(operation)


def _each(operation: Operation, known: Known) -> Outputs:
    parts = [known[value.number] for value in operation.inputs if value.number in known]
    return [_fitted(parts, out.shape) for out in operation.outputs]


def _fitted(parts: Sequence[Seen], shape: tuple[int, ...]) -> Seen:
    fitting = []
    for part in parts:
        own = part.shape
        if own != shape:
            missing = len(shape) - len(own)
            if missing < 0 or any(
                length not in (1, wanted) for length, wanted in zip(own, shape[missing:], strict=True)
            ):
                return everything(shape)
            part = part.spread_to(shape)
        fitting.append(part)
    return together(fitting)


def _everything(operation: Operation) -> Outputs:
    return [everything(out.shape) for out in operation.outputs]


def _convolution(operation: Operation, known: Known) -> Outputs:
    inputs, weight = operation.arguments[:2]
    if inputs.number not in known or weight.number in known:
        return _everything(operation)
    out = operation.outputs[0]
    seen = known[inputs.number].whole(1).resized(1, out.shape[1])
    wanted = ("stride", "padding", "dilation")
    for axis, kernel in enumerate(weight.shape[2:]):
        step, pad, apart = (_along(_given(operation, name), axis) for name in wanted)
        if _given(operation, "transposed"):
            ranges = _reached(out.shape[2 + axis], kernel, step, pad, apart)
            seen = _spread(seen, 2 + axis, ranges, 1 / step)
        else:
            seen = seen.slid(2 + axis, out.shape[2 + axis], _windows(kernel, step, pad, apart))
    return [seen]


def _reached(count: int, kernel: int, step: int, padding: int, dilation: int) -> list[tuple[int, int]]:
    """Which activations each output of a transposed convolution reads."""
    reach = dilation * (kernel - 1)
    return [(-((reach - place - padding) // step), (place + padding) // step) for place in range(count)]


def _product(operation: Operation, known: Known) -> Outputs:
    out = operation.outputs[0]
    *added, left, right = operation.arguments[: 3 if "add" in operation.name else 2]
    parts = [known[value.number] for value in added if value.number in known]
    if left.number in known:
        rows = known[left.number].without(len(left.shape) - 1)
        parts.append(rows.inserted(len(rows.dimensions)))
    if right.number in known:
        columns = known[right.number].without(len(right.shape) - 2)
        parts.append(columns.inserted(len(columns.dimensions) - 1))
    return [together([part.spread_to(out.shape) for part in parts])]


def _joined(operation: Operation, known: Known) -> Outputs:
    """Concatenation or stacking."""
    out, start = operation.outputs[0], 0
    place = _given(operation, "dim") % len(out.shape)
    parts = []
    for value in operation.arguments[0]:
        seen = known.get(value.number)
        if operation.name == "stack":
            length = 1
            seen = seen and seen.inserted(place)
        elif len(value.shape) == len(out.shape):
            length = value.shape[place]
        else:
            continue  # an empty vector, which torch lets pass
        if seen:
            parts.append(seen.slid(place, out.shape[place], _windows(1, 1, start)))
        start += length
    return [together(parts) if parts else everything(out.shape)]


def _pool(operation: Operation, seen: Seen) -> Outputs:
    kernel = _given(operation, "kernel_size")
    stride, padding = _given(operation, "stride") or kernel, _given(operation, "padding")
    dilation = _given(operation, "dilation", 1)
    shape = operation.outputs[0].shape
    for axis in range(2):
        place = len(shape) - 2 + axis
        change = _windows(*(_along(given, axis) for given in (kernel, stride, padding, dilation)))
        seen = seen.slid(place, shape[place], change)
    return [seen] * len(operation.outputs)


def _windows(kernel: int, step: int, padding: int = 0, dilation: int = 1) -> Callable[[Extent], Extent]:
    return lambda extent: extent.windows(kernel, step, padding, dilation)


def _adaptive_pool(operation: Operation, seen: Seen) -> Outputs:
    shape = operation.outputs[0].shape
    for place in range(len(shape) - 2, len(shape)):
        there, count = seen.shape[place], shape[place]
        ranges = [(i * there // count, -(-(i + 1) * there // count) - 1) for i in range(count)]
        seen = _spread(seen, place, ranges, there / count)
    return [seen] * len(operation.outputs)


def _upsampled(reach: int) -> "OfOne":
    """Interpolation between the activations at most that far from the nearest one."""

    def rule(operation: Operation, seen: Seen) -> Outputs:
        shape = operation.outputs[0].shape
        for place in (2, 3):
            there, count = seen.shape[place], shape[place]
            nearest = [i * there // count for i in range(count)]
            ranges = [(max(i - reach, 0), min(i + reach, there - 1)) for i in nearest]
            seen = _spread(seen, place, ranges, there / count)
        return [seen]

    return rule


def _spread(seen: Seen, place: int, ranges: Sequence[tuple[int, int]], ratio: float) -> Seen:
    """Windows that need not be alike, ``ratio`` activations apart: each is given what the widest sees."""
    if len(ranges) == 1:
        return seen.whole(place).resized(place, 1)
    return seen.slid(place, len(ranges), lambda extent: extent.spread(ranges, round(extent.stride * ratio)))


def _padded(operation: Operation, seen: Seen) -> Outputs:
    shape = operation.outputs[0].shape
    before = _given(operation, "pad" if operation.name == "constant_pad_nd" else "padding")[::2]
    for place, pad in zip(reversed(range(len(shape))), before, strict=False):
        if pad or shape[place] != seen.shape[place]:
            seen = seen.slid(place, shape[place], _windows(1, 1, pad))
    return [seen]


def _sliced(operation: Operation, seen: Seen) -> Outputs:
    shape = operation.outputs[0].shape
    place, step = _given(operation, "dim") % len(shape), _given(operation, "step")
    start = slice(_given(operation, "start"), None, step).indices(seen.shape[place])[0]
    if shape[place] == seen.shape[place]:
        return [seen]
    return [seen.slid(place, shape[place], _windows(1, step, -start))]


def _selected(operation: Operation, seen: Seen) -> Outputs:
    place = _given(operation, "dim") % len(seen.dimensions)
    return [_at(seen, place, _given(operation, "index") % seen.shape[place])]


def _unbound(operation: Operation, seen: Seen) -> Outputs:
    place = _given(operation, "dim") % len(seen.dimensions)
    return [_at(seen, place, index) for index in range(seen.shape[place])]


def _at(seen: Seen, place: int, index: int) -> Seen:
    return seen.slid(place, 1, _windows(1, 1, -index)).without(place)


def _split(operation: Operation, seen: Seen) -> Outputs:
    place = _given(operation, "dim") % len(seen.dimensions)
    lengths = [out.shape[place] for out in operation.outputs]
    starts = accumulate(lengths, initial=0)
    return [seen.slid(place, length, _windows(1, 1, -start)) for length, start in zip(lengths, starts, strict=False)]


def _viewed(operation: Operation, seen: Seen) -> Outputs:
    return [seen.viewed(operation.outputs[0].shape)]


def _unsqueezed(operation: Operation, seen: Seen) -> Outputs:
    return [seen.inserted(_given(operation, "dim") % len(operation.outputs[0].shape))]


def _squeezed(operation: Operation, seen: Seen) -> Outputs:
    places = _places(_given(operation, "dim"), len(seen.dimensions))
    return [seen.without(*(place for place in places if seen.shape[place] == 1))]


def _permuted(operation: Operation, seen: Seen) -> Outputs:
    return [seen.permuted([place % len(seen.dimensions) for place in _given(operation, "dims")])]


def _transposed(operation: Operation, seen: Seen) -> Outputs:
    order = list(range(len(seen.dimensions)))
    one, other = (_given(operation, name, last) for name, last in (("dim0", 0), ("dim1", -1)))
    order[one], order[other] = order[other], order[one]
    return [seen.permuted(order)]


def _reduced(operation: Operation, seen: Seen) -> Outputs:
    places = _places(_given(operation, "dim"), len(seen.dimensions))
    left = seen.without(*places)
    if _given(operation, "keepdim"):
        for place in sorted(places):
            left = left.inserted(place)
    return [left] * len(operation.outputs)


def _moved(operation: Operation, seen: Seen) -> Outputs:
    """Each element depends on all along some dimensions: a softmax, a roll, a running sum."""
    given = _given(operation, "dim", _given(operation, "dims"))
    return [seen.whole(*_places(given, len(seen.dimensions)))] * len(operation.outputs)


def _normalised(operation: Operation, seen: Seen) -> Outputs:
    """By statistics of all dimensions but the channels', of all but the batch's, or of the last ones."""
    places = list(range(len(seen.dimensions)))
    if operation.name == "native_layer_norm":
        places = places[-len(_given(operation, "normalized_shape")) :]
    else:
        places.remove(0 if operation.name == "native_group_norm" else 1)
    return [seen.whole(*places), *_everything(operation)[1:]]


def _given(operation: Operation, name: str, without: Any = None) -> Any:
    """The argument of that name, by its place, keyword or default; ``without`` where the operator has none."""
    found = _place(operation.function, name)
    if found is None:
        return without
    place, default = found
    return operation.arguments[place] if place < len(operation.arguments) else operation.keywords.get(name, default)


@cache  # torch makes a schema's arguments anew for each question
def _place(function: torch._ops.OpOverload, name: str) -> tuple[int, Any] | None:
    """Where an operator's argument of that name stands, and its default."""
    for place, argument in enumerate(function._schema.arguments):
        if argument.name == name:
            return place, argument.default_value
    return None


def _along(given: int | Sequence[int], axis: int) -> int:
    if isinstance(given, int):
        return given
    return given[axis if len(given) > 1 else 0]


def _places(given: int | Sequence[int] | None, count: int) -> list[int]:
    """Of dimensions, counted from the front; all of them where none is given."""
    dimensions = [given] if isinstance(given, int) else given or range(count)
    return [place % count for place in dimensions] if count else []


OfOne = Callable[[Operation, Seen], Outputs]
"""A rule of operators of one tensor, the first argument."""

_ANYWHERE = frozenset(
    {"index", "index_select", "index_put", "gather", "scatter", "scatter_add", "index_add", "index_copy", "take"}
    | {"grid_sampler_2d", "as_strided", "channel_shuffle", "_transformer_encoder_layer_fwd"}
)

_OF_SEVERAL: dict[str, Callable[[Operation, Known], Outputs]] = {
    "convolution": _convolution,
    **dict.fromkeys(("mm", "addmm", "bmm", "baddbmm"), _product),
    **dict.fromkeys(("cat", "stack"), _joined),
}

_OF_ONE: dict[str, OfOne] = {
    **dict.fromkeys(("max_pool2d_with_indices", "avg_pool2d"), _pool),
    **dict.fromkeys(("_adaptive_avg_pool2d", "adaptive_max_pool2d"), _adaptive_pool),
    "upsample_nearest2d": _upsampled(0),
    "upsample_bilinear2d": _upsampled(1),
    "upsample_bicubic2d": _upsampled(2),
    **dict.fromkeys(("constant_pad_nd", "reflection_pad2d", "replication_pad2d"), _padded),
    "slice": _sliced,
    "select": _selected,
    "unbind": _unbound,
    **dict.fromkeys(("split", "split_with_sizes"), _split),
    **dict.fromkeys(("view", "_unsafe_view", "_reshape_alias"), _viewed),
    "unsqueeze": _unsqueezed,
    "squeeze": _squeezed,
    "permute": _permuted,
    **dict.fromkeys(("transpose", "t"), _transposed),
    **dict.fromkeys(("mean", "sum", "amax", "amin", "max", "min", "prod", "var", "std", "var_mean"), _reduced),
    **dict.fromkeys(("logsumexp", "linalg_vector_norm", "argmax", "argmin", "any", "all"), _reduced),
    **dict.fromkeys(("_softmax", "_log_softmax", "cumsum", "sort", "flip", "roll"), _moved),
    **dict.fromkeys(("native_batch_norm", "native_layer_norm", "native_group_norm"), _normalised),
}
