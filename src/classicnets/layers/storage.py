"""Memory for modules that were made without any."""

import torch
from torch import nn


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
