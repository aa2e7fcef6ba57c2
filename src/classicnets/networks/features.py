"""What leaves chosen rows of a network, for other tasks to build on."""

from collections.abc import Sequence

import torch
from torch import nn

from classicnets.errors import UsageError
from classicnets.networks.chain import Chain


class Features(nn.Module):
    """The rows of a network up to the last one asked for; the weights stay the network's own.

    Attributes:
        at: each name asked for, and the row of the network that it stands for.
        channels: for each name asked for, the channels that leave that row.
        strides: for each, how many pixels of the image one step of the map is (0 for a vector).
    """

    def __init__(self, network: Chain, at: Sequence[str]) -> None:
        super().__init__()
        if isinstance(at, str) or not at:
            raise UsageError(f"at must list the rows of {network.name} whose features are wanted, not {at!r}")
        self.at = {name: network.find_row(name) for name in at}
        last = max(network.rows.index(row) for row in self.at.values())
        self.trunk = network.upto(network.rows[last])
        height = network.input_shape[1]
        sites = {name: network.sites[row] for name, row in self.at.items()}
        self.channels = {name: site.channels for name, site in sites.items()}
        self.strides = {name: 0 if site.flat else round(height / site.height) for name, site in sites.items()}

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """(N, C, H, W) -> under each name asked for, what leaves that row."""
        wanted = set(self.at.values())
        found = {}
        activation = images
        for row, module in self.trunk.named_children():
            activation = module(activation)
            if row in wanted:
                found[row] = activation
        return {name: found[row] for name, row in self.at.items()}


def features(net: Chain, at: Sequence[str]) -> Features:
    """A module that returns what leaves each of the rows ``at``; ``conv3_x`` stands for the last row of that stage.

    Raises:
        UsageError: the network has no such row, or none is asked for.
    """
    return Features(net, at)
