"""Errors counted by all processes together, each image once."""

import numpy as np
import numpy.typing as npt
import torch.distributed as dist
from torch import nn

from classicnets.data.batches import Batches
from classicnets.evaluation.counting import Evaluation, evaluate_network
from classicnets.training.scale.world import World, of_all


def test_together(world: World, network: nn.Module, test: Batches, classes: tuple[str, ...]) -> Evaluation:
    """What ``network`` says of all images of ``test``, each process asking it about its share; told to all.

    Args:
        world: the processes. Where their running statistics differ, those of the first hold for all.
        network: (N, C, H, W) -> (N, len(classes)) logits.
        test: goes through this process's share of each batch.
        classes: the names of the classes.

    Raises:
        UsageError: the network's output is not a number.
    """
    if not world.is_shared:
        return evaluate_network(network, test, classes)
    for buffer in network.buffers():
        dist.broadcast(buffer, 0)
    own = evaluate_network(network, test, classes)
    return merged(of_all(world, (test.indices(), own)))


def merged(parts: list[tuple[npt.NDArray[np.int64], Evaluation]]) -> Evaluation:
    """What the parts of a test came to as one, images in the order of the data set.

    Args:
        parts: each with the positions of its images in the data set. Where an image is in several they agree.
    """
    indices = np.concatenate([places for places, _ in parts])
    _, first = np.unique(indices, return_index=True)
    columns = ("labels", "predicted", "probability", "in_top5", "losses")
    return Evaluation(
        classes=parts[0][1].classes,
        **{name: np.concatenate([getattr(part, name) for _, part in parts])[first] for name in columns},
    )
