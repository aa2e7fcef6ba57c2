"""Multiplication by a constant, as residuals need it in very wide networks."""

import torch
from torch import nn


class Scaling(nn.Module):
    """The input times a constant: y = factor * x.

    Residuals are scaled down before they are added, by 0.1 to 0.3, where more than a thousand filters would otherwise
    make training die (Szegedy et al., AAAI 2017, section "Scaling of the Residuals").

    Args:
        factor: the constant; nothing learns it.
    """

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Multiply every element; the shape stays."""
        return inputs * self.factor

    def extra_repr(self) -> str:
        """What `print` shows between the brackets."""
        return f"{self.factor}"
