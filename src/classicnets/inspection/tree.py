"""The modules of a network, one within the other."""

from dataclasses import dataclass

from torch import nn

from classicnets.inspection.counting.macs import macs
from classicnets.inspection.tracing.trace import Trace


@dataclass(frozen=True, kw_only=True)
class Branch:
    """A module that ran, or one that holds such.

    Attributes:
        path: from the outermost module, "" for that one itself.
        depth: how many modules it stands in.
        kind: its class.
        output: the shape that left it last, for one image; empty where it did not run itself, or returned no tensor.
        parameters: trainable ones, each counted where it first appears; those of the modules in it included.
        macs: of one image, likewise.
    """

    path: str
    depth: int
    kind: str
    output: tuple[int, ...]
    parameters: int
    macs: int


def tree(trace: Trace, depth: int | None = None) -> tuple[Branch, ...]:
    """The modules down to that depth (None: all), each before those in it, in the order that the network holds them."""
    batch = trace.batch
    left = {call.path: call.outputs[0].shape[1:] for call in trace.calls if call.outputs}
    computed: dict[str, int] = {}
    for operation in trace.forward:
        done = macs(operation, trace.module)
        if done:
            for path in _around(operation.path):
                computed[path] = computed.get(path, 0) + done
    counted: set[nn.Parameter] = set()
    held: dict[str, int] = {}
    for name, parameter in trace.module.named_parameters():
        if parameter not in counted:
            counted.add(parameter)
            for path in _around(name.rpartition(".")[0]):
                held[path] = held.get(path, 0) + parameter.numel()
    return tuple(
        Branch(
            path=path,
            depth=level,
            kind=type(module).__name__,
            output=left.get(path, ()),
            parameters=held.get(path, 0),
            macs=computed.get(path, 0) // batch,
        )
        for path, module in trace.module.named_modules()
        if (level := path.count(".") + 1 if path else 0) <= (level if depth is None else depth)
    )


def _around(path: str) -> list[str]:
    """The path, and those of the modules that it stands in."""
    parts = path.split(".") if path else []
    return [".".join(parts[:end]) for end in range(len(parts) + 1)]
