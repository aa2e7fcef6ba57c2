"""A convolution that rounds its output's size up, as the code behind AlexNet's paper did."""

import torch
import torch.nn.functional as F
from torch import nn


class OverhangingConvolution(nn.Conv2d):
    """A convolution whose last windows may hang over the right and the bottom border, into zeros.

    A side of S pixels gives 1 + ceil((S - kernel) / stride) outputs, as cuda-convnet counts them (Krizhevsky). This is
    how AlexNet's first layer makes 55x55 of 224x224; where the windows fit exactly it is a plain convolution.

    Args:
        in_channels: maps below.
        out_channels: maps above.
        kernel: the side of a kernel, pixels.
        stride: pixels from one window to the next.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int) -> None:
        super().__init__(in_channels, out_channels, kernel, stride)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, 1 + ceil((H - kernel) / stride), the same of W)."""
        bottom, right = (
            (kernel - side) % stride
            for side, kernel, stride in zip(inputs.shape[2:], self.kernel_size, self.stride, strict=True)
        )
        if bottom or right:
            inputs = F.pad(inputs, (0, right, 0, bottom))
        return super().forward(inputs)
