"""What a network computes: multiply-accumulates by the stated convention."""

from collections.abc import Callable

import torch
from torch import nn

from classicnets.inspection.counting.layer_macs import LAYER_COUNTS
from classicnets.inspection.tracing.trace import Operation, Trace, Value

aten = torch.ops.aten


def macs(operation: Operation, module: nn.Module) -> int:
    """Multiply-accumulates of a convolution or a matrix product, biases not counted; 0 for anything else.

    Args:
        operation: of a trace; its whole batch is counted.
        module: the one that was traced. A layer that says by ``fan_in`` how many inputs one output of each map reads
            is believed over the shape of its weight (LeNet-5's C3 reads some of the maps only).
    """
    count = macs_by_shape(operation)
    place = _WEIGHT.get(operation.function)
    if place is None or not operation.path:
        return count
    reads = getattr(module.get_submodule(operation.path), "fan_in", None)
    weight: Value = operation.arguments[place]
    return count * sum(reads) // weight.elements if isinstance(reads, tuple) else count


def macs_by_shape(operation: Operation) -> int:
    """The same by the shapes of the tensors alone: what is multiplied, were it with zeros."""
    count = _COUNTS.get(operation.function)
    return count(operation) if count is not None else 0


def training_flops(trace: Trace) -> int:
    """Floating point operations of the multiply-accumulates of a training pass, forward and backward, two for each.

    torch's own counter (``torch.utils.flop_counter.FlopCounterMode``) agrees, with two exceptions: it counts the
    gradient of a grouped convolution's weight as many times too often as there are groups, and believes no ``fan_in``.
    An image that requires no gradient saves that of the first convolution's input: for ResNet-18 at 224 pixels
    10,648,412,160 without, 10,884,440,064 = 6 x MACs with it.

    Args:
        trace: of a training pass; of an input that requires a gradient, if the gradient is to be counted.
    """
    return 2 * sum(macs(operation, trace.module) for operation in trace.operations)


def _convolution(operation: Operation) -> int:
    inputs: Value
    weight: Value
    inputs, weight = operation.arguments[:2]
    transposed = bool(operation.arguments[6])
    return (inputs.elements if transposed else operation.outputs[0].elements) * weight.elements // weight.shape[0]


def _convolution_backward(operation: Operation) -> int:
    gradient: Value
    inputs: Value
    weight: Value
    gradient, inputs, weight = operation.arguments[:3]
    transposed = bool(operation.arguments[7])
    once = (inputs.elements if transposed else gradient.elements) * weight.elements // weight.shape[0]
    wanted = operation.arguments[-1]
    return once * (int(wanted[0]) + int(wanted[1]))


def _product(first: int) -> Callable[[Operation], int]:
    def count(operation: Operation) -> int:
        left: Value = operation.arguments[first]
        right: Value = operation.arguments[first + 1]
        return left.elements * right.shape[-1]

    return count


_COUNTS: dict[torch._ops.OpOverload, Callable[[Operation], int]] = {
    aten.convolution.default: _convolution,
    aten.convolution_backward.default: _convolution_backward,
    aten.mm.default: _product(0),
    aten.addmm.default: _product(1),
    aten.bmm.default: _product(0),
    aten.baddbmm.default: _product(1),
    **LAYER_COUNTS,
}

_WEIGHT = {aten.convolution.default: 1, aten.convolution_backward.default: 2}
"""Where a convolution has its weight among the arguments."""
