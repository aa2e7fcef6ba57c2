"""Activation functions that the papers introduced."""

import torch
from torch import nn

AMPLITUDE = 1.7159
SLOPE = 2 / 3


class ScaledTanh(nn.Module):
    """The squashing function A tanh(S a) with A = 1.7159 and S = 2/3, so that f(1) = 1 and f(-1) = -1.

    LeCun et al. 1998, section II.B and appendix A.
    """

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Squash every element; the shape stays."""
        return AMPLITUDE * torch.tanh(SLOPE * inputs)
