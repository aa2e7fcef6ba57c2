"""Batch normalisation over the whole batch, however many processes share it."""

from typing import Any

import torch
import torch.distributed as dist
from torch import nn


class SynchronisedBatchNorm(nn.BatchNorm2d):
    """`torch.nn.BatchNorm2d` whose means and variances in training are those of all processes' images together.

    It runs on processors too, which `torch.nn.SyncBatchNorm` does not.
    """

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to the same; N may differ from process to process."""
        if not self.training:
            return super().forward(inputs)
        over = (0, 2, 3)
        values = inputs if inputs.dtype == torch.float64 else inputs.float()
        own = inputs.numel() // inputs.shape[1]
        counted = torch.cat([values.sum(over), values.new_tensor([own])])
        counted = _sum_of_all(counted)
        count = float(counted[-1].detach())
        mean = counted[:-1] / count
        # The mean first, then the distances from it: the difference of two large sums of squares would lose digits.
        centred = values - mean[:, None, None]
        variance = _sum_of_all(centred.square().sum(over)) / count
        self._remember(mean.detach(), variance.detach() * (count / max(count - 1, 1)))
        scale = torch.rsqrt(variance + self.eps) * self.weight
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(inputs.dtype)

    @torch.no_grad()
    def _remember(self, mean: torch.Tensor, variance: torch.Tensor) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        share = self.momentum if self.momentum is not None else 1 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), share)
        self.running_var.lerp_(variance.to(self.running_var.dtype), share)


class _Sum(torch.autograd.Function):
    """The sum over all processes; its gradient likewise, since each process's loss depends on it."""

    @staticmethod
    def forward(context: Any, own: torch.Tensor) -> torch.Tensor:
        total = own.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, *gradients: torch.Tensor) -> torch.Tensor:
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        return total


def _sum_of_all(own: torch.Tensor) -> torch.Tensor:
    total: torch.Tensor = _Sum.apply(own)  # type: ignore[no-untyped-call]
    return total


def synchronise(network: nn.Module) -> None:
    """Have every batch normalisation of ``network`` count the images of all processes; weights stay what they are."""
    for path, module in list(network.named_modules()):
        if isinstance(module, nn.BatchNorm2d) and not isinstance(module, SynchronisedBatchNorm):
            network.set_submodule(path, _like(module))


def _like(module: nn.BatchNorm2d) -> nn.Module:
    if next(module.parameters()).device.type == "cuda":
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(module)  # type: ignore[no-untyped-call]
        return converted
    made = SynchronisedBatchNorm(module.num_features, module.eps, module.momentum)
    made._parameters, made._buffers = module._parameters, module._buffers
    return made.train(module.training)
