"""Modules without memory, and memory for them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode


@contextmanager
def without_memory() -> Iterator[None]:
    """Layers made in the block have shapes alone, as under ``torch.device("meta")``.

    That by itself would still fill each tensor with first values that nobody can read, for a third of the time.
    """
    with torch.device("meta"), _Unfilled():
        yield


def allocate(module: nn.Module, device: torch.device) -> None:
    """Give every parameter and buffer memory on ``device``, with whatever numbers lie there.

    What `torch.nn.Module.to_empty` does, too; that one imports a library for symbols first, which takes a second.
    """
    for part in module.modules():
        for name, parameter in list(part.named_parameters(recurse=False)):
            memory = torch.empty(parameter.shape, dtype=parameter.dtype, device=device)
            setattr(part, name, nn.Parameter(memory, requires_grad=parameter.requires_grad))
        for name, buffer in list(part.named_buffers(recurse=False)):
            setattr(part, name, torch.empty(buffer.shape, dtype=buffer.dtype, device=device))


class _Unfilled(TorchFunctionMode):
    """Leaves out what torch's layers do to fill a tensor on the meta device."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in _FILL:
            filled: torch.Tensor = args[0] if args else (kwargs or {})["tensor"]
            if filled.is_meta:
                return filled
        return func(*args, **(kwargs or {}))


_FILL = frozenset({torch.Tensor.zero_, torch.Tensor.fill_, nn.init.kaiming_uniform_, nn.init.uniform_})
