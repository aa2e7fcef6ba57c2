"""Ways that run side by side, as in an Inception module (Szegedy et al., CVPR 2015, section 4)."""

from collections.abc import Mapping

import torch
from torch import nn


class Branches(nn.Module):
    """What each branch makes of the same input, joined along the channels in the order of the branches.

    Args:
        branches: each under its name; none may write over its input.
    """

    def __init__(self, branches: Mapping[str, nn.Module]) -> None:
        super().__init__()
        for name, branch in branches.items():
            self.add_module(name, branch)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) -> (N, sum of the branches' channels, H', W')."""
        return torch.cat([branch(inputs) for branch in self.children()], dim=1)
