"""How many numbers a network holds."""

from collections.abc import Iterable

from torch import nn

from classicnets.networks.chain import Chain


def count_by_row(module: nn.Module, rows: Iterable[str]) -> dict[str, int]:
    """Trainable numbers of each row; one that several rows share is counted where it first appears."""
    counted: set[nn.Parameter] = set()
    return {row: _count_new(module.get_submodule(row).parameters(), counted) for row in rows}


def count_parameters(module: nn.Module) -> int:
    """Trainable numbers, each once; without the auxiliary heads of a `Chain`."""
    aux = count_aux_parameters(module)
    return _count_new(module.parameters(), set()) - aux


def count_aux_parameters(module: nn.Module) -> int:
    """Trainable numbers of a `Chain`'s auxiliary heads."""
    if not isinstance(module, Chain):
        return 0
    rows = {parameter for _, row in module.row_modules() for parameter in row.parameters()}
    return _count_new(module.aux.parameters(), rows)


def count_buffers(module: nn.Module) -> int:
    """Numbers that are kept but not trained, such as running means."""
    return sum(buffer.numel() for buffer in module.buffers())


def _count_new(parameters: Iterable[nn.Parameter], counted: set[nn.Parameter]) -> int:
    new = [parameter for parameter in parameters if parameter not in counted]
    counted.update(new)
    return sum(parameter.numel() for parameter in new)
