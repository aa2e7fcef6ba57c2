"""Multiply-accumulates counted by watching a forward, apart from what the package itself says."""

import math

import torch
from torch import nn

from classicnets.layers.sparse_convolution import SparseConvolution
from classicnets.networks.chain import Chain


def count_macs(network: Chain) -> int:
    """Of one image, convolutions and fully connected layers alone; ``network`` is on the meta device."""
    total = 0

    def watch(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.Conv2d):
            reads = module.in_channels // module.groups * math.prod(module.kernel_size)
            total += output[0].numel() * reads
        elif isinstance(module, SparseConvolution):
            total += output[0, 0].numel() * sum(map(len, module.table)) * module.kernel**2
        elif isinstance(module, nn.Linear):
            total += module.in_features * module.out_features

    for module in network.modules():
        module.register_forward_hook(watch)
    network.eval()(torch.empty(1, *network.input_shape, device="meta"))
    return total
