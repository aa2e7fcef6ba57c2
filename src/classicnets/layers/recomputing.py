"""Part of a network that keeps nothing for its gradient but what it was given (Chen et al., arXiv 1604.06174)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TypeVar

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

Result = TypeVar("Result")


def recomputed(
    function: Callable[[torch.Tensor], Result], inputs: torch.Tensor, modules: Sequence[nn.Module]
) -> Result:
    """``function(inputs)``, of which the forward keeps ``inputs`` alone; the backward runs the function once more.

    Results, gradients and what the modules keep of the batch are the same, bit for bit, as without: the second time
    the same random numbers are drawn, under the same autocast, and running statistics and counts do not move.

    Args:
        function: of the inputs and the modules; must not write over its inputs.
        inputs: what is kept.
        modules: all that the function runs.
    """

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _buffers_put_aside(modules)

    result: Result = checkpoint(function, inputs, use_reentrant=False, context_fn=contexts)
    return result


@contextmanager
def _buffers_put_aside(modules: Sequence[nn.Module]) -> Iterator[None]:
    """Have the modules write their statistics into copies, which are thrown away."""
    holders = [part for module in modules for part in module.modules() if part.training and part._buffers]
    kept = [(part, dict(part._buffers)) for part in holders]
    try:
        for part, buffers in kept:
            for name, buffer in buffers.items():
                part._buffers[name] = None if buffer is None else buffer.detach().clone()
        yield
    finally:
        for part, buffers in kept:
            part._buffers.update(buffers)
