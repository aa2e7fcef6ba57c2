"""The same network counted as others count it, so that a reader can find out which number he holds.

Each rule was read in the tool and is tested against it, version for version; they cover the operators that image
classifiers are made of.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from torch import nn

from classicnets.inspection.counting.macs import macs, macs_by_shape
from classicnets.inspection.counting.other_operations import bias_additions
from classicnets.inspection.tracing.rows import is_within
from classicnets.inspection.tracing.trace import Operation, Trace

Rule = Callable[[Operation, nn.Module], int]
"""What an operation counts, given the innermost module that it ran in."""


class Convention(NamedTuple):
    """A way of counting.

    Attributes:
        name: of the tool.
        rule: what it counts, in a line.
        total: of a trace and a part of its module, "" for the whole.
    """

    name: str
    rule: str
    total: Callable[[Trace, str], int]


def by_convention(trace: Trace, part: str = "") -> dict[str, int]:
    """What each tool of `CONVENTIONS` would print for the forward pass; the whole batch is counted.

    Args:
        trace: of the network.
        part: the row, or the path of any module, to count alone.
    """
    return {convention.name: convention.total(trace, part) for convention in CONVENTIONS}


def _each(rule: Rule) -> Callable[[Trace, str], int]:
    """The sum over operations."""

    def count(trace: Trace, part: str) -> int:
        inside = (operation for operation in trace.forward if is_within(operation.path, part))
        return sum(rule(operation, trace.module.get_submodule(operation.path)) for operation in inside)

    return count


def _ours(trace: Trace, part: str) -> int:
    return sum(macs(operation, trace.module) for operation in trace.forward if is_within(operation.path, part))


def _torch(operation: Operation, module: nn.Module) -> int:
    return 2 * macs_by_shape(operation)


def _with_biases(operation: Operation, module: nn.Module) -> int:
    return macs_by_shape(operation) + bias_additions(operation)


def _torchinfo(trace: Trace, part: str) -> int:
    """It goes by module calls, by the names of parameters and by the name of the class."""
    total = 0
    for call in trace.calls:
        module = trace.module.get_submodule(call.path)
        if not call.outputs or not is_within(call.path, part) or any(True for _ in module.children()):
            continue
        batch, _, *sides = *call.outputs[0].shape, 1, 1
        positions = batch * math.prod(sides) if "Conv" in type(module).__name__ else batch
        total += positions * sum(
            parameter.numel() for name, parameter in module.named_parameters() if name in ("weight", "bias")
        )
    return total


def _fvcore(operation: Operation, module: nn.Module) -> int:
    if operation.name in _NORMS:
        # In evaluation batch normalisation is a scale and a shift; all else is taken for 5 per value, or 4.
        fixed = operation.name == "native_batch_norm" and not operation.arguments[5]
        each = 2 if fixed else 5
        return (each if _affine(operation) else each - 1) * operation.inputs[0].elements
    if _is_adaptive(operation):
        return operation.inputs[0].elements
    return macs_by_shape(operation)


def _thop(operation: Operation, module: nn.Module) -> int:
    kind = type(module)
    if kind in _WEIGHTED or kind in _TRANSPOSED:
        return macs_by_shape(operation)
    values = operation.inputs[0].elements if operation.inputs else 0
    if operation.name in _NORMS and kind in _THOP_NORMS:
        return (4 if _affine(operation) else 2) * values
    if operation.name == "avg_pool2d" and kind is nn.AvgPool2d:
        return operation.outputs[0].elements
    if _is_adaptive(operation) and kind is nn.AdaptiveAvgPool2d:
        return values + operation.outputs[0].elements
    return 0


def _ptflops(operation: Operation, module: nn.Module) -> int:
    """A ReLU outside a module counts as torch.nn.functional's; the tool overlooks one written torch.relu."""
    kind = type(module)
    if operation.name in ("convolution", "addmm", "mm"):
        return _with_biases(operation, module) if kind in _WEIGHTED or kind in _TRANSPOSED else 0
    if operation.name in _NORMS:
        return (2 if _affine(operation) else 1) * operation.inputs[0].elements if kind in _PTFLOPS_NORMS else 0
    # Its hook counts the module, and then its own version of the function that the module calls counts again.
    if operation.name in _POOLING or _is_adaptive(operation):
        return (2 if kind in _PTFLOPS_POOLING else 1) * operation.inputs[0].elements
    if operation.name.rstrip("_") in _PTFLOPS_FUNCTIONS:
        return (2 if kind in _PTFLOPS_ACTIVATIONS else 1) * operation.outputs[0].elements
    # Of these modules it has the hook, but not the function.
    return operation.outputs[0].elements if kind in (nn.ReLU6, nn.LeakyReLU) else 0


def _affine(operation: Operation) -> bool:
    return operation.arguments[_NORMS[operation.name]] is not None


def _is_adaptive(operation: Operation) -> bool:
    """Whether it is adaptive average pooling; to one pixel torch runs it as a mean of the last two axes."""
    if operation.name == "mean":
        return operation.arguments[1:3] == ((-1, -2), True)
    return operation.name == "_adaptive_avg_pool2d"


_NORMS = {"native_batch_norm": 1, "native_layer_norm": 2, "native_group_norm": 1}
"""Normalisations, and where each has its scale among the arguments."""

_POOLING = frozenset({"max_pool2d_with_indices", "avg_pool2d"})
_PTFLOPS_FUNCTIONS = frozenset({"relu", "gelu", "silu", "elu", "prelu", "_softmax"})
_WEIGHTED = frozenset({nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear})
_TRANSPOSED = frozenset({nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d})
_THOP_NORMS = frozenset({nn.BatchNorm2d, nn.InstanceNorm2d, nn.LayerNorm})
_PTFLOPS_NORMS = frozenset({nn.BatchNorm2d, nn.InstanceNorm2d, nn.GroupNorm, nn.LayerNorm})
_PTFLOPS_POOLING = frozenset({nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d})
_PTFLOPS_ACTIVATIONS = frozenset({nn.ReLU, nn.GELU, nn.ELU, nn.PReLU})

CONVENTIONS = (
    Convention("macs", "multiply-accumulates of convolutions and fully connected layers, no biases", _ours),
    Convention(
        "torch",
        "FLOPs of FlopCounterMode: 2 per multiply-accumulate; a sparse table's missing connections are counted",
        _each(_torch),
    ),
    Convention(
        "torchinfo",
        "mult-adds: each weight and bias once per position of a convolution, once per image elsewhere,"
        " batch normalisation's included",
        _torchinfo,
    ),
    Convention(
        "fvcore",
        "multiply-accumulates, 2 per value of batch normalisation, 1 per value that adaptive average pooling reads",
        _each(_fvcore),
    ),
    Convention(
        "thop",
        "multiply-accumulates of modules of torch's own classes, 4 per value of batch normalisation,"
        " 1 per output of average pooling, adaptive ones 1 more per value read",
        _each(_thop),
    ),
    Convention(
        "ptflops",
        "multiply-accumulates and biases of modules of torch's own classes, 2 per value of batch normalisation,"
        " 1 per value of a ReLU or read by a pooling, and 2 where it is a module",
        _each(_ptflops),
    ),
    Convention("ptflops aten", "multiply-accumulates and biases of all convolutions and products", _each(_with_biases)),
)
"""How well-known counters count, in evaluation mode."""
