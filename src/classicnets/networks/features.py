"""What leaves chosen rows of a network, for other tasks to build on."""

from collections.abc import Sequence

import torch
from torch import nn

from classicnets.networks.chain import Chain


class Features(nn.Module):
    """The rows of a network up to the last one asked for; the weights stay the network's own.

    Attributes:
        at: the rows, by their names in the network.
        channels: for each name asked for, the channels that leave that row.
        strides: for each, how many pixels of the image one step of the map is (0 for a vector).
    """

    def __init__(self, network: Chain, at: Sequence[str]) -> None:
        super().__init__()
        self.at = {network.find_row(name): name for name in at}
        last = max(network.rows.index(row) for row in self.at)
        self.trunk = network.upto(network.rows[last])
        height = network.input_shape[1]
        sites = {name: network.sites[row] for row, name in self.at.items()}
        self.channels = {name: site.channels for name, site in sites.items()}
        self.strides = {name: 0 if site.flat else round(height / site.height) for name, site in sites.items()}

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """(N, C, H, W) -> under each name asked for, what leaves that row."""
        found = {}
        activation = images
        for row, module in self.trunk.named_children():
            activation = module(activation)
            if row in self.at:
                found[self.at[row]] = activation
        return found


def features(net: Chain, at: Sequence[str]) -> Features:
    """A module that returns what leaves each of the rows ``at``; ``conv3_x`` stands for the last row of that stage.

    Raises:
        UsageError: the network has no such row.
    """
    return Features(net, at)
