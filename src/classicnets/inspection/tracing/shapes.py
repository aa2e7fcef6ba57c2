"""What the commonest operators return on the meta device, where torch's own answer takes a millisecond each.

torch decides the shapes of these few in Python, by way of a symbolic algebra that alone takes two seconds to import.
Each function here gives tensors of the same shapes and dtypes, or None where torch had better decide, or complain.
"""

from collections.abc import Callable
from typing import Any

import torch

aten = torch.ops.aten

Shaped = Callable[..., Any]

_NONE: list[int] = []
_ZERO = [0]
_ONE = [1]


def _convolution(
    inputs: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    transposed: bool,
    output_padding: list[int],
    groups: int,
) -> torch.Tensor | None:
    dimensions = weight.dim() - 2
    if transposed or inputs.dim() != weight.dim() or inputs.shape[1] != weight.shape[1] * groups:
        return None
    if not len(stride) == len(padding) == len(dilation) == dimensions:
        return None
    sides = [
        (side + 2 * pad - apart * (kernel - 1) - 1) // step + 1
        for side, kernel, step, pad, apart in zip(
            inputs.shape[2:], weight.shape[2:], stride, padding, dilation, strict=True
        )
    ]
    if min(sides) < 1:
        return None
    return _like(weight if _is_last(weight) else inputs, (inputs.shape[0], weight.shape[0], *sides), inputs.dtype)


def _convolution_backward(
    gradient: torch.Tensor, inputs: torch.Tensor, weight: torch.Tensor, bias_sizes: list[int] | None, *rest: Any
) -> tuple[torch.Tensor | None, ...]:
    wanted = rest[-1]
    bias = torch.empty(bias_sizes, dtype=weight.dtype, device="meta") if wanted[2] and bias_sizes else None
    return (
        _like(inputs, inputs.shape) if wanted[0] else None,
        _like(weight, weight.shape) if wanted[1] else None,
        bias,
    )


def _batch_norm(
    inputs: torch.Tensor,
    weight: torch.Tensor | None,
    bias: torch.Tensor | None,
    mean: torch.Tensor | None,
    variance: torch.Tensor | None,
    training: bool,
    *rest: Any,
) -> tuple[torch.Tensor, ...] | None:
    channels = inputs.shape[1]
    if any(part is not None and part.shape != (channels,) for part in (weight, bias, mean, variance)):
        return None
    # Outside training processors and GPUs keep no statistics; torch's own answer on the meta device has them.
    kept = channels if training else 0
    exact = torch.float32 if inputs.dtype in (torch.float16, torch.bfloat16) else inputs.dtype
    statistics = [torch.empty(kept, dtype=exact, device="meta") for _ in range(2)]
    return (_like(inputs, inputs.shape), *statistics)


def _batch_norm_backward(
    gradient: torch.Tensor, inputs: torch.Tensor, weight: torch.Tensor | None, *rest: Any
) -> tuple[torch.Tensor | None, ...]:
    wanted = rest[-1]
    channels = inputs.shape[1]
    dtype = inputs.dtype if weight is None else weight.dtype
    affine = [torch.empty(channels, dtype=dtype, device="meta") if want else None for want in wanted[1:]]
    return (_like(inputs, inputs.shape) if wanted[0] else None, *affine)


def _max_pool(
    inputs: torch.Tensor,
    kernel: list[int],
    stride: list[int] = _NONE,
    padding: list[int] = _ZERO,
    dilation: list[int] = _ONE,
    ceil: bool = False,
) -> tuple[torch.Tensor, torch.Tensor] | None:
    sides = _pooled(inputs, kernel, stride, padding, dilation, ceil)
    if sides is None:
        return None
    return _like(inputs, sides), _like(inputs, sides, torch.int64)


def _average_pool(
    inputs: torch.Tensor,
    kernel: list[int],
    stride: list[int] = _NONE,
    padding: list[int] = _ZERO,
    ceil: bool = False,
    *rest: Any,
) -> torch.Tensor | None:
    sides = _pooled(inputs, kernel, stride, padding, _ONE, ceil)
    return None if sides is None else _like(inputs, sides)


def _adaptive_pool(inputs: torch.Tensor, sides: list[int]) -> torch.Tensor | None:
    return _like(inputs, (*inputs.shape[:2], *sides)) if inputs.dim() == 4 and inputs.is_floating_point() else None


def _pooled(
    inputs: torch.Tensor, kernel: list[int], stride: list[int], padding: list[int], dilation: list[int], ceil: bool
) -> tuple[int, ...] | None:
    if inputs.dim() != 4:
        return None
    sides = []
    for axis, side in enumerate(inputs.shape[2:]):
        length, step, pad, apart = (_along(given, axis) for given in (kernel, stride or kernel, padding, dilation))
        spare = side + 2 * pad - apart * (length - 1) - 1
        count = (-(-spare // step) if ceil else spare // step) + 1
        # A window must begin within the map or its first border.
        sides.append(count - 1 if ceil and (count - 1) * step >= side + pad else count)
    return (*inputs.shape[:2], *sides) if min(sides) > 0 else None


def _along(given: list[int], axis: int) -> int:
    return given[axis if len(given) > 1 else 0]


def _pool_backward(gradient: torch.Tensor, inputs: torch.Tensor, *rest: Any) -> torch.Tensor:
    return _like(inputs, inputs.shape)


def _each(inputs: torch.Tensor, *rest: Any) -> torch.Tensor | None:
    """A function of each element alone."""
    return _like(inputs, inputs.shape) if inputs.is_floating_point() else None


def _each_in_place(inputs: torch.Tensor, *rest: Any) -> torch.Tensor:
    return inputs


def _pairs(first: torch.Tensor, second: object, *rest: Any) -> torch.Tensor | None:
    """A function of each pair of elements, after one side is spread over missing and single rows of the other."""
    if not first.is_floating_point():
        return None
    if not isinstance(second, torch.Tensor):
        return _like(first, first.shape)
    if first.dtype != second.dtype or second.dim() > first.dim():
        return None
    sides = []
    for one, other in zip(first.shape, (1,) * (first.dim() - second.dim()) + second.shape, strict=True):
        if one != other and one != 1 and other != 1:
            return None
        sides.append(other if one == 1 else one)
    larger = first if first.numel() >= second.numel() else second
    return _like(larger, tuple(sides))


def _pairs_in_place(first: torch.Tensor, second: object, *rest: Any) -> torch.Tensor | None:
    if isinstance(second, torch.Tensor) and (first.shape != second.shape or first.dtype != second.dtype):
        return None
    return first if first.is_floating_point() else None


def _joined(parts: list[torch.Tensor], along: int = 0) -> torch.Tensor | None:
    first = parts[0]
    axis = along % first.dim()
    rest = [(*part.shape[:axis], *part.shape[axis + 1 :]) for part in parts]
    if any(other != rest[0] for other in rest) or any(part.dtype != first.dtype for part in parts):
        return None
    if any(part.dim() != first.dim() for part in parts):
        return None
    sides = (*first.shape[:axis], sum(part.shape[axis] for part in parts), *first.shape[axis + 1 :])
    return _like(min(parts, key=_is_last), sides)  # channels_last only if all parts are


def _unsliced(gradient: torch.Tensor, sides: list[int], *rest: Any) -> torch.Tensor:
    return _like(gradient, tuple(sides))


def _padded(inputs: torch.Tensor, around: list[int], *rest: Any) -> torch.Tensor | None:
    sides = list(inputs.shape)
    for place, (before, after) in enumerate(zip(around[::2], around[1::2], strict=True), start=1):
        sides[-place] += before + after
    # Cutting all away is an error; torch says so better.
    return _like(inputs, tuple(sides)) if min(sides) > 0 else None


def _index_copy(inputs: torch.Tensor, along: int, places: torch.Tensor, parts: torch.Tensor) -> torch.Tensor | None:
    return _like(inputs, inputs.shape) if inputs.dim() == parts.dim() and inputs.dtype == parts.dtype else None


def _linear(bias: torch.Tensor, inputs: torch.Tensor, weight: torch.Tensor) -> torch.Tensor | None:
    if bias.shape != weight.shape[1:] or bias.dtype != inputs.dtype:
        return None
    return _product(inputs, weight)


def _product(inputs: torch.Tensor, weight: torch.Tensor) -> torch.Tensor | None:
    if inputs.shape[1] != weight.shape[0] or inputs.dtype != weight.dtype:
        return None
    return _like(inputs, (inputs.shape[0], weight.shape[1]))


def _reduced(inputs: torch.Tensor, dimensions: list[int] | None, keep: bool = False) -> torch.Tensor | None:
    if not dimensions or not inputs.is_floating_point():
        return None
    gone = {dimension % inputs.dim() for dimension in dimensions}
    sides = [1 if place in gone else side for place, side in enumerate(inputs.shape) if keep or place not in gone]
    return _like(inputs, tuple(sides))


def _filled(
    inputs: torch.Tensor,
    *numbers: Any,
    dtype: torch.dtype | None = None,
    layout: torch.layout | None = None,
    device: torch.device | None = None,
    pin_memory: bool | None = None,
    memory_format: torch.memory_format | None = None,
) -> torch.Tensor | None:
    elsewhere = device is not None and device != inputs.device
    if elsewhere or layout not in (None, torch.strided) or memory_format not in (None, torch.preserve_format):
        return None
    return _like(inputs, inputs.shape, dtype)


def _like(tensor: torch.Tensor, shape: tuple[int, ...] | torch.Size, dtype: torch.dtype | None = None) -> torch.Tensor:
    order = torch.channels_last if len(shape) == 4 and _is_last(tensor) else torch.contiguous_format
    return torch.empty(shape, dtype=dtype or tensor.dtype, device="meta", memory_format=order)


def _is_last(tensor: torch.Tensor) -> bool:
    """Whether torch takes its order for channels_last: by the strides, which tell even where there is one channel."""
    strides = tensor.stride()
    if len(strides) != 4 or strides[1] != 1:
        return False
    least = 0
    for place in (1, 3, 2, 0):
        side, stride = tensor.shape[place], strides[place]
        if not side or stride < least or (place == 0 and least == 1):
            return False
        least = stride * side
    return True


FILLED = frozenset({aten.empty_like.default, aten.ones_like.default, aten.zeros_like.default, aten.full_like.default})
"""Those among `SHAPED` that may also be given keywords."""

SHAPED: dict[torch._ops.OpOverload, Shaped] = {
    aten.convolution.default: _convolution,
    aten.convolution_backward.default: _convolution_backward,
    aten.native_batch_norm.default: _batch_norm,
    aten.native_batch_norm_backward.default: _batch_norm_backward,
    aten.max_pool2d_with_indices.default: _max_pool,
    aten.avg_pool2d.default: _average_pool,
    aten._adaptive_avg_pool2d.default: _adaptive_pool,
    aten.addmm.default: _linear,
    aten.mm.default: _product,
    aten.mean.dim: _reduced,
    aten.sum.dim_IntList: _reduced,
    aten.cat.default: _joined,
    aten.constant_pad_nd.default: _padded,
    aten.slice_backward.default: _unsliced,
    aten.index_copy.default: _index_copy,
    aten.relu_.default: _each_in_place,
    aten.max_pool2d_with_indices_backward.default: _pool_backward,
    aten.avg_pool2d_backward.default: _pool_backward,
    aten._adaptive_avg_pool2d_backward.default: _pool_backward,
    aten.pow.Tensor_Scalar: _each,
    aten.rsub.Scalar: _pairs,
    **dict.fromkeys(FILLED, _filled),
    **{
        operator.default: _each
        for operator in (
            *(aten.relu, aten.sigmoid, aten.tanh, aten.neg, aten.silu, aten.gelu, aten.hardswish, aten.hardsigmoid),
            *(aten.threshold_backward, aten.sigmoid_backward, aten.tanh_backward),
        )
    },
    **{
        overload: _pairs
        for operator in (aten.add, aten.sub, aten.mul, aten.div)
        for overload in (operator.Tensor, operator.Scalar)
    },
    **{
        overload: _pairs_in_place
        for operator in (aten.add_, aten.sub_, aten.mul_, aten.div_)
        for overload in (operator.Tensor, operator.Scalar)
    },
}
