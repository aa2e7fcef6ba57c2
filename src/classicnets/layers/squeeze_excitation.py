"""Squeeze-and-Excitation (Hu, Shen, Sun, CVPR 2018, section 3)."""

import torch
from torch import nn


class SqueezeExcitation(nn.Module):
    """Each map times a weight between 0 and 1 that all maps together decide: x * sigmoid(W2 relu(W1 mean(x))).

    The squeeze is the mean of each map (equation 2), the excitation two fully connected layers (equation 3). The
    equation has no biases, the authors' release has them.

    Args:
        channels: maps in, and as many out.
        hidden: features between the two layers, the paper's C / r.
        bias: whether both layers have biases.
    """

    def __init__(self, channels: int, hidden: int, *, bias: bool = True) -> None:
        super().__init__()
        self.reduce = nn.Linear(channels, hidden, bias=bias)
        self.expand = nn.Linear(hidden, channels, bias=bias)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Weigh the maps; the shape (N, channels, H, W) stays."""
        means = inputs.mean(dim=(2, 3))
        weights = torch.sigmoid(self.expand(torch.relu(self.reduce(means))))
        return inputs * weights[:, :, None, None]
