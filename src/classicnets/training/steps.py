"""The parts of a training step that a recipe names: loss, optimizer, learning rate."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from classicnets.layers.radial_basis import maximum_a_posteriori_loss, minimum_distance_loss
from classicnets.training.recipe import Loss, Optimizer, Schedule


def loss_of(loss: Loss, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The mean loss of a batch: float32 logits (N, classes), int64 labels (N,).

    Cross-entropy also takes shares of the classes, float32 (N, classes), in the place of labels.
    """
    match loss.name:
        case "cross_entropy":
            return F.cross_entropy(logits, labels, label_smoothing=loss.label_smoothing)
        case "maximum_a_posteriori":
            return maximum_a_posteriori_loss(logits, labels, rubbish=loss.rubbish)
        case "minimum_distance":
            return minimum_distance_loss(logits, labels)


def optimizer_of(optimizer: Optimizer, network: nn.Module) -> torch.optim.Optimizer:
    """The optimizer, with weight decay on the parameters that the recipe wants it on; frozen ones are left out."""
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    # A kernel or a matrix has two dimensions or more; biases, scales, shifts and coefficients have one.
    decayed = [parameter for parameter in learning if optimizer.decay_all or parameter.dim() > 1]
    others = [parameter for parameter in learning if not (optimizer.decay_all or parameter.dim() > 1)]
    groups = [
        {"params": group, "weight_decay": decay}
        for group, decay in ((decayed, optimizer.weight_decay), (others, 0.0))
        if group
    ]
    if optimizer.name == "sgd":
        return torch.optim.SGD(
            groups, lr=optimizer.lr, momentum=optimizer.momentum, nesterov=optimizer.nesterov, foreach=True
        )
    return torch.optim.AdamW(groups, lr=optimizer.lr, betas=optimizer.betas, foreach=True)


def learning_rate_of(schedule: Schedule, steps: int) -> Callable[[int], float]:
    """The share of the optimizer's learning rate that each of ``steps`` steps takes, the first being step 0."""

    def share(step: int) -> float:
        done = min((step + 0.5) / steps, 1.0)  # the middle of the step, so that neither end of a ramp is wasted on 0
        if schedule.name == "one_cycle":
            if done < schedule.rise:
                return done / schedule.rise
            return _half_cosine((done - schedule.rise) / (1 - schedule.rise), schedule.final)
        if done < schedule.warmup:
            return schedule.warmup_from + (1 - schedule.warmup_from) * done / schedule.warmup
        if schedule.name == "step":
            return math.prod(schedule.factor for milestone in schedule.milestones if step >= milestone * steps)
        if schedule.name == "cosine":
            return _half_cosine((done - schedule.warmup) / (1 - schedule.warmup), schedule.final)
        return 1.0

    return share


def _half_cosine(done: float, final: float) -> float:
    return final + (1 - final) * (1 + math.cos(math.pi * done)) / 2
