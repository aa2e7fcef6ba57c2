"""Neurons and connections, as papers counted before they counted operations."""

from classicnets.inspection.counting.macs import macs
from classicnets.inspection.counting.other_operations import bias_additions, read_whole, window
from classicnets.inspection.tracing.rows import TracedRow
from classicnets.inspection.tracing.trace import Operation, Trace, Value


def neurons(trace: Trace, row: TracedRow) -> int:
    """Values that leave a row for one image (AlexNet's paper, figure 2)."""
    return sum(value.elements for value in row.outputs) // trace.batch


def connections(trace: Trace, row: TracedRow) -> int:
    """Every connection of every unit of a row, for one image, biases included (LeNet-5's paper, section II.B).

    A unit is connected to each input of its convolution, fully connected layer or pooling window, or of the sum or the
    mean that it is; and to its trainable bias, if it has one. What works on values one by one adds none: activations,
    normalisations, the sum of a shortcut.
    """
    return sum(_connections(operation, trace) for operation in row.operations) // trace.batch


def _connections(operation: Operation, trace: Trace) -> int:
    outputs = operation.outputs[0].elements if operation.outputs else 0
    return (
        macs(operation, trace.module)
        + bias_additions(operation)
        + window(operation) * outputs
        + read_whole(operation)
        + (outputs if _adds_parameter(operation, trace) else 0)
    )


def _adds_parameter(operation: Operation, trace: Trace) -> bool:
    """Whether it is the addition of a trainable bias, written out."""
    if operation.name not in ("add", "add_"):
        return False
    return any(isinstance(part, Value) and _is_parameter(part, trace) for part in operation.arguments[:2])


def _is_parameter(value: Value, trace: Trace) -> bool:
    return trace.storages[value.storage].held == "parameter"
