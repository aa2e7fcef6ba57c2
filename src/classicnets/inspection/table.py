"""A network's rows as a table: what leaves each, and what it holds."""

from collections.abc import Iterable
from dataclasses import dataclass

from torch import nn

from classicnets.networks.chain import Chain


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """One row.

    Attributes:
        name: as in the paper.
        output: the shape that leaves it for one image: (channels, height, width), or (features,).
        parameters: trainable ones, each counted where it first appears.
    """

    name: str
    output: tuple[int, ...]
    parameters: int


@dataclass(frozen=True, kw_only=True)
class NetworkTable:
    """A whole network.

    Attributes:
        name: in the catalog.
        input: channels, height, width of one image.
        parameters: trainable ones of the rows.
        aux_parameters: trainable ones of the auxiliary heads.
        buffers: numbers that are kept but not trained, such as running means.
        rows: in order.
    """

    name: str
    input: tuple[int, int, int]
    parameters: int
    aux_parameters: int
    buffers: int
    rows: tuple[TableRow, ...]


def table(network: Chain) -> NetworkTable:
    """The rows of a network, which may be without weights (on the meta device)."""
    counted: set[nn.Parameter] = set()
    rows = tuple(
        TableRow(name=row, output=network.sites[row].shape, parameters=_count_new(module.parameters(), counted))
        for row, module in network.row_modules()
    )
    return NetworkTable(
        name=network.name,
        input=network.input_shape,
        parameters=sum(row.parameters for row in rows),
        aux_parameters=_count_new(network.aux.parameters(), counted),
        buffers=sum(buffer.numel() for buffer in network.buffers()),
        rows=rows,
    )


def _count_new(parameters: Iterable[nn.Parameter], counted: set[nn.Parameter]) -> int:
    new = [parameter for parameter in parameters if parameter not in counted]
    counted.update(new)
    return sum(parameter.numel() for parameter in new)
