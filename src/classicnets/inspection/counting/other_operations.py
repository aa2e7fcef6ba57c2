"""What a network computes besides multiply-accumulates: sums, comparisons, roots, one by one."""

from collections.abc import Callable

from classicnets.inspection.tracing.trace import Operation, Trace, Value

RULES = (
    ("element by element: activations, sums, products", "1 per output value"),
    ("pooling", "the area of the window per output value"),
    ("sum, mean, maximum of whole axes", "1 per value read"),
    ("batch normalisation", "2 per value in evaluation, 5 in training"),
    ("layer and group normalisation", "5 per value"),
    ("softmax", "3 per value"),
    ("bias of a convolution or a fully connected layer", "1 per output value"),
    ("views and copies", "nothing"),
)
"""What is counted, in words."""


def other_operations(operation: Operation) -> int:
    """Floating point operations of the forward pass that are no multiply-accumulate, by the `RULES`.

    An operation that the rules do not name is taken for one that works element by element.
    """
    if operation.function.is_view or operation.name in _COPIES or not operation.outputs:
        return 0
    return _COUNTS.get(operation.name, _outputs)(operation)


def count_other_operations(trace: Trace) -> int:
    """Those of the whole forward pass, all images of the batch."""
    return sum(map(other_operations, trace.forward))


def bias_additions(operation: Operation) -> int:
    """One per output value of a convolution or a fully connected layer that has biases; 0 for anything else."""
    place = _BIAS.get(operation.name)
    return 0 if place is None or operation.arguments[place] is None else _outputs(operation)


def window(operation: Operation) -> int:
    """The area of a pooling's window, border included; 0 for anything else."""
    if operation.name not in _POOLING:
        return 0
    kernel = operation.arguments[1]
    return int(kernel[0] * kernel[-1]) if len(kernel) > 1 else int(kernel[0]) ** 2


def read_whole(operation: Operation) -> int:
    """The values that a sum, a mean or a maximum of whole axes reads; 0 for anything else."""
    return _read(operation) if operation.name in _REDUCTIONS else 0


def _outputs(operation: Operation) -> int:
    return operation.outputs[0].elements


def _read(operation: Operation) -> int:
    first: Value = operation.inputs[0]
    return first.elements


def _nothing(operation: Operation) -> int:
    return 0


def _pooling(operation: Operation) -> int:
    return window(operation) * _outputs(operation)


def _batch_norm(operation: Operation) -> int:
    training = operation.arguments[5]
    return (5 if training else 2) * _read(operation)


def _per_value(count: int) -> Callable[[Operation], int]:
    return lambda operation: count * _read(operation)


_BIAS = {"convolution": 2, "addmm": 0, "baddbmm": 0}
"""Where an operation has its biases among the arguments."""

_POOLING = frozenset({"max_pool2d_with_indices", "avg_pool2d"})

_REDUCTIONS = frozenset({"sum", "mean", "amax", "amin", "max", "min", "var", "_adaptive_avg_pool2d"})

_COPIES = frozenset(
    {
        *("empty", "empty_like", "empty_strided", "new_empty", "zeros", "zeros_like", "new_zeros", "ones", "ones_like"),
        *("full", "full_like", "new_full", "fill_", "zero_", "arange", "scalar_tensor", "lift_fresh", "detach"),
        *("clone", "copy", "copy_", "_to_copy", "contiguous", "cat", "stack", "constant_pad_nd", "reflection_pad2d"),
        *("replication_pad2d", "index", "index_select", "index_copy", "index_put_", "gather", "embedding", "roll"),
        *("flip", "repeat", "slice_backward", "select_backward", "im2col", "channel_shuffle", "pixel_shuffle"),
        *("split_with_sizes_copy", "_unsafe_view", "_reshape_alias", "upsample_nearest2d", "masked_fill", "where"),
    }
)

_COUNTS: dict[str, Callable[[Operation], int]] = {
    "convolution": bias_additions,
    "addmm": bias_additions,
    "baddbmm": bias_additions,
    "mm": _nothing,
    "bmm": _nothing,
    **dict.fromkeys(_POOLING, _pooling),
    **dict.fromkeys(_REDUCTIONS, _read),
    "native_batch_norm": _batch_norm,
    "native_layer_norm": _per_value(5),
    "native_group_norm": _per_value(5),
    "_softmax": _per_value(3),
    "_log_softmax": _per_value(3),
}
