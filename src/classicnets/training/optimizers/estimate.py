"""Second derivatives estimated on some of the training images, before each epoch."""

import numpy as np
import torch

from classicnets.data.batches import Batches, normalise
from classicnets.networks.chain import Chain
from classicnets.training.optimizers.curvature import Curvatures, curvatures
from classicnets.training.recipe.recipe import Recipe
from classicnets.training.steps import loss_of
from classicnets.training.stream import Stream

_PURPOSE = 1998  # keeps these random numbers apart from all others of the run


def estimate(network: Chain, recipe: Recipe, stream: object, device: torch.device) -> Curvatures:
    """What `curvatures` finds on as many training images as the recipe says, drawn by seed and epoch alone.

    Args:
        network: what is trained.
        recipe: of the run.
        stream: the run's batches, at the epoch that begins.
        device: where the network is.
    """
    assert isinstance(stream, Stream), "every run trains on one"
    batches = stream.batches
    random = np.random.default_rng((recipe.seed, batches.epoch, _PURPOSE))
    count = min(recipe.optimizer.samples, len(batches.labels))
    indices = np.sort(random.choice(len(batches.labels), count, replace=False))
    images = _images(batches, indices).to(device)
    labels = torch.from_numpy(batches.labels[indices]).to(device)
    mode = network.training
    network.eval()
    try:
        return curvatures(network, lambda logits, right: loss_of(recipe.loss, logits, right), images, labels)
    finally:
        network.train(mode)


def _images(batches: Batches, indices: np.ndarray[tuple[int], np.dtype[np.int64]]) -> torch.Tensor:
    parts = [indices[at : at + batches.batch_size] for at in range(0, len(indices), batches.batch_size)]
    return torch.cat([normalise(batches.pixels(part), batches.preprocessing) for part in parts])
