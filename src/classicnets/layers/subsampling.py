"""Trainable subsampling, the pooling of LeNet-5."""

import torch
import torch.nn.functional as F
from torch import nn


class Subsampling(nn.Module):
    """The sum of each block of inputs, times a trainable coefficient, plus a trainable bias; one pair a map.

    A sum, not a mean, over blocks that do not overlap (LeCun et al. 1998, section II.B).

    Args:
        channels: maps in, and as many out.
        size: the side of a block, pixels.
    """

    def __init__(self, channels: int, size: int = 2) -> None:
        super().__init__()
        self.size = size
        self.coefficient = nn.Parameter(torch.empty(channels))
        self.bias = nn.Parameter(torch.empty(channels))

    @property
    def fan_in(self) -> int:
        """Inputs that one output reads."""
        return self.size * self.size

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W) -> (N, channels, H // size, W // size)."""
        sums = F.avg_pool2d(inputs, self.size, divisor_override=1)
        return sums * self.coefficient[:, None, None] + self.bias[:, None, None]

    def extra_repr(self) -> str:
        """What `print` shows between the brackets."""
        return f"{len(self.bias)}, size={self.size}"
