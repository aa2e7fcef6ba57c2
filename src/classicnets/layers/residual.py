"""Residual learning: the block and its shortcuts (He et al., CVPR 2016)."""

import torch
import torch.nn.functional as F
from torch import nn


class Residual(nn.Module):
    """after(branch(y) + shortcut(y)) with y = before(x).

    By default relu(branch(x) + shortcut(x)) (section 3.2, equation 1).

    Args:
        branch: the residual mapping F; must end in something whose backward pass does not need its output (batch
            normalisation, a convolution, a product), for the sum is written over it.
        shortcut: what y passes through to be added.
        before: what both ways share; None stands for nothing.
        after: what the sum passes through; None stands for a ReLU.
    """

    def __init__(
        self,
        branch: nn.Module,
        shortcut: nn.Module,
        *,
        before: nn.Module | None = None,
        after: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.before = nn.Identity() if before is None else before
        self.branch = branch
        self.shortcut = shortcut
        self.after = nn.ReLU(inplace=True) if after is None else after

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to whatever shape both ways agree on."""
        inputs = self.before(inputs)
        sums: torch.Tensor = self.branch(inputs).add_(self.shortcut(inputs))
        outputs: torch.Tensor = self.after(sums)
        return outputs


class PaddedShortcut(nn.Module):
    """Option A: every stride-th pixel, with zero channels added; no parameters (section 3.3).

    The zeros go to both sides of the channels, half each, as in the authors' release; the paper does not say where.

    Args:
        extra_channels: how many channels of zeros.
        stride: pixels.
    """

    def __init__(self, extra_channels: int, stride: int) -> None:
        super().__init__()
        self.extra_channels = extra_channels
        self.stride = stride

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) -> (N, C + extra_channels, ceil(H / stride), ceil(W / stride))."""
        # Average pooling over one pixel takes the same pixels as slicing. Slicing's backward pass, though, returns
        # its gradient in NCHW order and costs a tenth of a channels_last training step.
        if self.stride > 1:
            inputs = F.avg_pool2d(inputs, 1, self.stride)
        before = self.extra_channels // 2
        return F.pad(inputs, (0, 0, 0, 0, before, self.extra_channels - before))

    def extra_repr(self) -> str:
        """What `print` shows between the brackets."""
        return f"extra_channels={self.extra_channels}, stride={self.stride}"
