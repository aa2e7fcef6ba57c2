"""Statistics of batch normalisation, measured anew instead of averaged along the training."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from classicnets.data.images import DataSet
from classicnets.data.pipeline import batches
from classicnets.data.statistics import some
from classicnets.errors import UsageError
from classicnets.weights.bundle import Bundle

_AT_ONCE = 256


def reestimated(bundle: Bundle, data: DataSet, count: int, *, workers: int | None = None) -> Bundle:
    """The bundle with means and variances of batch normalisation that are those of training images.

    In training a network keeps moving averages, which lag behind the weights. Here each layer gets the mean and the
    unbiased variance over all values that arrive at it while ``count`` images pass, each layer normalising by its own
    batch as in training (Ioffe, Szegedy, ICML 2015, algorithm 2, lines 8 to 10). The images are prepared as in a test
    and pass in batches of 256 at the most; dropout is off. Layers that no image comes to, those of auxiliary
    heads, keep what they have. The given bundle stays as it is.

    Args:
        bundle: a network with batch normalisation.
        data: opened to be tested on; the images are of its other part.
        count: how many of them at random, the same ones each time; all where there are no more.
        workers: processes that read image files.

    Raises:
        UsageError: the network has no batch normalisation, or there are fewer than two images besides those to test
            on.
    """
    network = copy.deepcopy(bundle.network).eval()
    layers = [module for module in network.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]
    if not layers:
        raise UsageError(f"{bundle.network.name} has no batch normalisation to re-estimate")
    if data.train is data.test:
        raise UsageError(
            f"all images of {data.name} are to test on, none is left to measure batch normalisation on; give a folder"
            " with train/ and val/"
        )
    chosen = some(data.train, count)
    if len(chosen) < 2:
        raise UsageError(f"batch normalisation is re-estimated from 2 images or more, not {len(chosen)}")
    # The size whose last batch is fullest: a batch of one image may have no variance.
    size = max(range(_AT_ONCE // 2, _AT_ONCE + 1), key=lambda size: (len(chosen) - 1) % size)
    weight = next(network.parameters())
    with _measuring(layers), torch.inference_mode():
        for batch in batches(chosen, bundle.preprocessing, batch_size=size, workers=workers):
            network(batch.images.to(weight.device, weight.dtype))
    return replace(bundle, network=network)


class _Moments:
    """Mean and squared deviations of all that has arrived at a layer, a channel at a time, in float64.

    Batches are joined as by Chan, Golub and LeVeque (The American Statistician 37, 1983).
    """

    def __init__(self, channels: int) -> None:
        self.count = 0
        self.mean = torch.zeros(channels, dtype=torch.float64)
        self.squares = torch.zeros(channels, dtype=torch.float64)

    def take(self, module: nn.Module, arrives: tuple[torch.Tensor]) -> None:
        values = arrives[0].transpose(0, 1).flatten(1)
        variance, mean = torch.var_mean(values.double(), dim=1, correction=0)
        count = values.shape[1]
        total = self.count + count
        distance = mean.cpu() - self.mean
        self.squares += variance.cpu() * count + distance.square() * (self.count * count / total)
        self.mean += distance * (count / total)
        self.count = total


@contextmanager
def _measuring(layers: list[_BatchNorm]) -> Iterator[None]:
    """Have layers normalise by each batch, and give them at the end what was measured of all."""
    found = [_Moments(layer.num_features) for layer in layers]
    hooks = [layer.register_forward_pre_hook(moments.take) for layer, moments in zip(layers, found, strict=True)]
    for layer in layers:
        layer.train()
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for layer in layers:
            layer.eval()
    for layer, moments in zip(layers, found, strict=True):
        if not moments.count:
            continue
        assert layer.running_mean is not None
        assert layer.running_var is not None
        layer.running_mean.copy_(moments.mean)
        layer.running_var.copy_(moments.squares / (moments.count - 1))
