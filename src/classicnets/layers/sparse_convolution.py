"""A convolution whose maps read only some of the maps below, as LeNet-5's C3 does."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn


class SparseConvolution(nn.Module):
    """A convolution in which output map k reads the input maps ``table[k]`` and no others.

    Only the kernels of connections that exist are parameters (LeCun et al. 1998, table I: 60 of 96).

    Args:
        in_channels: maps below.
        table: for each output map the input maps that it reads.
        kernel: the side of a kernel, pixels.
    """

    def __init__(self, in_channels: int, table: Sequence[Sequence[int]], kernel: int) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.table = tuple(tuple(row) for row in table)
        self.kernel = kernel
        self.weight = nn.Parameter(torch.empty(sum(map(len, self.table)), kernel, kernel))
        self.bias = nn.Parameter(torch.empty(len(self.table)))
        # Derived from the table, so neither a parameter nor a buffer; it must exist even while weights do not.
        places = [out * in_channels + read for out, row in enumerate(self.table) for read in row]
        self._places = torch.tensor(places, device="cpu")

    @property
    def fan_in(self) -> tuple[int, ...]:
        """Inputs that one output of each map reads."""
        return tuple(len(row) * self.kernel**2 for row in self.table)

    def dense_weight(self) -> torch.Tensor:
        """The weight of the same convolution with zeros where there is no connection: (out, in, kernel, kernel)."""
        dense = self.weight.new_zeros(len(self.table) * self.in_channels, self.kernel, self.kernel)
        dense = dense.index_copy(0, self._places.to(dense.device), self.weight)
        return dense.view(len(self.table), self.in_channels, self.kernel, self.kernel)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, H, W) -> (N, len(table), H - kernel + 1, W - kernel + 1)."""
        return F.conv2d(inputs, self.dense_weight(), self.bias)

    def extra_repr(self) -> str:
        """What `print` shows between the brackets."""
        return f"{self.in_channels}, {len(self.table)}, kernel={self.kernel}, connections={len(self.weight)}"
