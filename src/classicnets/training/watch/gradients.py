"""How large the gradient is: of a whole network, and of each row of its table."""

from collections.abc import Iterable, Mapping

import torch
from torch import nn
from torch.distributed.tensor import DTensor


def gradient_norm(network: nn.Module) -> torch.Tensor:
    """The Euclidean norm of all gradients together, on the device where they lie; 0 where there are none."""
    return _norm(network.parameters())


def row_gradient_norms(network: nn.Module) -> dict[str, torch.Tensor]:
    """The norm for each row with parameters, in the order of the table, "aux ROW" for the head that hangs from it."""
    rows: dict[str, list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        rows.setdefault(_row_of(name), []).append(parameter)
    return {row: _norm(parameters) for row, parameters in rows.items()}


def together(norms: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """The norm of the whole from those of its parts."""
    whole: torch.Tensor = torch.linalg.vector_norm(torch.stack(list(norms.values())))
    return whole


def _row_of(parameter: str) -> str:
    first, second, *_ = parameter.split(".")
    return f"aux {second}" if first == "aux" else first


def _norm(parameters: Iterable[nn.Parameter]) -> torch.Tensor:
    all_ = list(parameters)
    gradients = [parameter.grad for parameter in all_ if parameter.grad is not None]
    if not gradients:  # of rows that are frozen
        return torch.zeros((), device=all_[0].device)
    norm: torch.Tensor = nn.utils.get_total_norm(gradients)
    # Of gradients that lie in pieces on several devices, the norm comes in pieces, too.
    if isinstance(norm, DTensor):
        norm = norm.full_tensor()
    return norm
