"""Multiply-accumulates counted by watching a forward, apart from what the package itself says."""

import math
from collections import Counter
from collections.abc import Callable

import torch
from torch import nn

from classicnets.layers.sparse_convolution import SparseConvolution
from classicnets.networks.chain import Chain


def count_macs(network: Chain) -> int:
    """Of one image, convolutions and fully connected layers alone; ``network`` is on the meta device."""
    return sum(macs_by_row(network).values())


def macs_by_row(network: Chain) -> Counter[str]:
    """The same for each row; auxiliary heads do not run."""
    found = Counter[str](dict.fromkeys(network.rows, 0))
    for path, macs in macs_by_module(network).items():
        found[path.split(".")[0]] += macs
    return found


def macs_by_module(network: Chain) -> Counter[str]:
    """The same for each module by its path, such as "conv1.convolution"."""
    found = Counter[str]()

    def watch(path: str) -> Callable[[nn.Module, tuple[torch.Tensor, ...], torch.Tensor], None]:
        def count(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
            if isinstance(module, nn.Conv2d):
                reads = module.in_channels // module.groups * math.prod(module.kernel_size)
                found[path] += output[0].numel() * reads
            elif isinstance(module, SparseConvolution):
                found[path] += output[0, 0].numel() * sum(map(len, module.table)) * module.kernel**2
            elif isinstance(module, nn.Linear):
                found[path] += module.in_features * module.out_features

        return count

    handles = [module.register_forward_hook(watch(path)) for path, module in network.named_modules()]
    training = network.training
    network.eval()(torch.empty(1, *network.input_shape, device="meta"))
    network.train(training)
    for handle in handles:
        handle.remove()
    return found
