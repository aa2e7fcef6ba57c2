"""What a network computes: multiply-accumulates by the stated convention."""

from collections.abc import Callable

import torch
from torch import nn

from classicnets.inspection.trace import Operation, Value

aten = torch.ops.aten


def macs(operation: Operation, module: nn.Module) -> int:
    """Multiply-accumulates of a convolution or a matrix product, biases not counted; 0 for anything else.

    Args:
        operation: of a trace; its whole batch is counted.
        module: the one that was traced. A layer that says by ``fan_in`` how many inputs one output of each map reads
            is believed over the shape of its weight (LeNet-5's C3 reads some of the maps only).
    """
    count = _COUNTS.get(operation.function)
    if count is None:
        return 0
    reads = getattr(module.get_submodule(operation.path), "fan_in", None) if operation.path else None
    if isinstance(reads, tuple) and operation.function is aten.convolution.default:
        out = operation.outputs[0]
        return sum(reads) * (out.elements // out.shape[1])
    return count(operation)


def _convolution(operation: Operation) -> int:
    inputs, weight = operation.arguments[:2]
    transposed = bool(operation.arguments[6])
    return (inputs.elements if transposed else operation.outputs[0].elements) * weight.elements // weight.shape[0]


def _convolution_backward(operation: Operation) -> int:
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
}
