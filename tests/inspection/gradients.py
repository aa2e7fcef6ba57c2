"""Receptive fields found out by asking a network: which pixels move one place of a row?"""

from collections.abc import Iterator, Sequence

import torch
from torch import nn

from classicnets.layers.branches import Branches
from classicnets.layers.residual import PaddedShortcut
from classicnets.layers.sparse_convolution import SparseConvolution
from classicnets.layers.subsampling import Subsampling
from classicnets.networks.chain import Chain

Span = tuple[int, int]
"""The first and the last pixel that has a share, along one side."""


def row_outputs(network: Chain, height: int, width: int) -> tuple[torch.Tensor, Iterator[tuple[str, torch.Tensor]]]:
    """An image of ones, and what each row makes of it when no weight, pooling or normalisation hides a pixel.

    The network is spoilt: what is seen does not depend on how many maps there are, so each convolution makes one.
    """
    average_all_windows(network)
    for module in network.modules():
        _narrow(module)
    image = torch.ones(1, 1, height, width, dtype=torch.float64, requires_grad=True)

    def run() -> Iterator[tuple[str, torch.Tensor]]:
        activation = image
        for row, module in network.eval().row_modules():
            activation = module(activation)
            # A later row may write over what this one returned.
            yield row, activation.clone()

    return image, run()


def average_all_windows(network: nn.Module) -> None:
    """Put an average in the place of each maximum, which has one pixel's gradient alone."""
    for module in network.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.MaxPool2d):
                average = nn.AvgPool2d(child.kernel_size, child.stride, child.padding, child.ceil_mode)
                setattr(module, name, average)


def spans(image: torch.Tensor, activation: torch.Tensor, place: Sequence[int]) -> tuple[Span, Span]:
    """Which pixels have a share in all maps' activations at that place: down, across.

    All weights between them must be positive, or shares may cancel.
    """
    (gradient,) = torch.autograd.grad(activation[:, :, place[0], place[1]].sum(), image, retain_graph=True)
    shares = gradient.abs().sum(dim=(0, 1))
    return _span(shares.sum(dim=1)), _span(shares.sum(dim=0))


def _span(shares: torch.Tensor) -> Span:
    seen = shares.nonzero().flatten()
    return int(seen[0]), int(seen[-1])


def _narrow(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, SparseConvolution):
            setattr(module, name, nn.Conv2d(1, 1, child.kernel))
        elif isinstance(child, nn.BatchNorm2d):
            setattr(module, name, nn.Identity())
    if isinstance(module, nn.Conv2d):
        kernel = torch.ones(1, 1, *module.kernel_size, dtype=torch.float64)
        module.weight = nn.Parameter(kernel / kernel.numel())
        module.bias, module.groups = None, 1
        module.register_forward_pre_hook(lambda _, args: args[0].mean(dim=1, keepdim=True))
    elif isinstance(module, nn.Linear):
        module.weight = nn.Parameter(torch.ones(1, 1, dtype=torch.float64))
        module.register_parameter("bias", None)
        module.register_forward_pre_hook(lambda _, args: args[0].mean(dim=1, keepdim=True))
    elif isinstance(module, Subsampling):
        module.coefficient = nn.Parameter(torch.full((1,), 0.25, dtype=torch.float64))
        module.bias = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    elif isinstance(module, Branches):
        module.register_forward_hook(lambda _, __, joined: joined.mean(dim=1, keepdim=True))
    elif isinstance(module, PaddedShortcut):
        module.extra_channels = 0
