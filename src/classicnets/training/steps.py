"""The parts of a training step that a recipe names: the loss, the optimizer, what follows it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from classicnets.errors import UsageError
from classicnets.layers.radial_basis import maximum_a_posteriori_loss, minimum_distance_loss
from classicnets.networks.chain import Chain
from classicnets.training.optimizers.curvature import check_layers
from classicnets.training.optimizers.levenberg_marquardt import LevenbergMarquardt
from classicnets.training.optimizers.momentum import ScaledVelocity
from classicnets.training.optimizers.rmsprop import RMSProp
from classicnets.training.recipe.recipe import Recipe
from classicnets.training.recipe.sections import Loss, Optimizer


class Losses(NamedTuple):
    """What a batch came to.

    Attributes:
        learned: the mean loss that the gradient is of, auxiliary heads included.
        main: the mean loss of the main head alone, which is what is shown and can be compared with a test's.
        logits: of the main head, float32, (N, classes).
    """

    learned: torch.Tensor
    main: torch.Tensor
    logits: torch.Tensor


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


def losses_of(loss: Loss, network: Chain, images: torch.Tensor, targets: torch.Tensor) -> Losses:
    """What a batch comes to in training.

    Args:
        loss: says whether auxiliary heads take part, and with which weight.
        network: what is trained.
        images: as it takes them.
        targets: labels or shares of the classes; see `loss_of`.
    """
    if not loss.aux_weight:
        logits = _exact(network(images))
        main = loss_of(loss, logits, targets)
        return Losses(main, main, logits)
    raw, auxiliary = network.forward_with_aux(images)
    logits = _exact(raw)
    main = loss_of(loss, logits, targets)
    beside = [loss_of(loss, _exact(each), targets) for each in auxiliary.values()]
    return Losses(main + loss.aux_weight * torch.stack(beside).sum(), main, logits)


def check_parts(recipe: Recipe, network: Chain) -> None:
    """Make sure that the network has what the recipe makes use of.

    Raises:
        UsageError: it has not.
    """
    if recipe.loss.aux_weight and not network.aux:
        raise UsageError(
            f"loss.aux_weight is {recipe.loss.aux_weight:g}, but {network.name} has no auxiliary heads; leave it out"
        )
    if recipe.optimizer.name == "levenberg_marquardt":
        check_layers(network)


def optimizer_of(
    optimizer: Optimizer, network: nn.Module, rates: Mapping[str, float] = MappingProxyType({})
) -> torch.optim.Optimizer:
    """The optimizer, with weight decay on the parameters that the recipe wants it on; frozen ones are left out.

    Args:
        optimizer: of the recipe.
        network: what learns.
        rates: how many times the learning rate parameters take, by their names; those that are missing take it once.
    """
    return _made(optimizer, groups_of(optimizer, network, rates))


def groups_of(
    optimizer: Optimizer, network: nn.Module, rates: Mapping[str, float] = MappingProxyType({})
) -> list[dict[str, Any]]:
    """The parameters that learn, in groups with their weight decay and learning rate; see `optimizer_of`."""
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            # A kernel or a matrix has two dimensions or more; biases, scales, shifts and coefficients have one.
            decays = optimizer.decay_all or parameter.dim() > 1
            rate = rates.get(name, 1.0) * (optimizer.bias_rate if name.endswith("bias") else 1.0)
            groups.setdefault((rate, decays), []).append(parameter)
    return [
        {"params": group, "weight_decay": optimizer.weight_decay if decays else 0.0, "lr": optimizer.lr * rate}
        for (rate, decays), group in sorted(groups.items(), key=lambda item: item[0], reverse=True)
    ]


def _made(optimizer: Optimizer, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    match optimizer.name:
        case "sgd" if optimizer.velocity == "scaled":
            return ScaledVelocity(groups, lr=optimizer.lr, momentum=optimizer.momentum)
        case "sgd":
            return torch.optim.SGD(
                groups, lr=optimizer.lr, momentum=optimizer.momentum, nesterov=optimizer.nesterov, foreach=True
            )
        case "adamw":
            return torch.optim.AdamW(
                groups, lr=optimizer.lr, betas=optimizer.betas, eps=optimizer.epsilon, foreach=True
            )
        case "rmsprop":
            return RMSProp(
                groups,
                lr=optimizer.lr,
                rho=optimizer.rho,
                momentum=optimizer.momentum,
                epsilon=optimizer.epsilon,
            )
        case "levenberg_marquardt":
            return LevenbergMarquardt(groups, lr=optimizer.lr, damping=optimizer.damping)


@torch.no_grad()
def limit_filters(network: nn.Module, limit: float) -> None:
    """Scale each filter of a convolution whose root mean square exceeds ``limit`` back to it (ZFNet, section 3.1)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            size = module.weight.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
            module.weight.mul_((limit / size).clamp(max=1))


def seed_step(seed: int, step: int) -> None:
    """Have what is drawn from torch's generators in a step (dropout) follow from the run's seed and the step alone."""
    # Mixed into 32 bits: of a longer seed torch's generator for the processor passes over the upper half.
    mixed = np.random.SeedSequence((seed, 0, step)).generate_state(1)
    torch.manual_seed(int(mixed[0]))


def _exact(logits: torch.Tensor) -> torch.Tensor:
    """In single precision at least: half of it is too coarse for a loss."""
    return logits if logits.dtype == torch.float64 else logits.float()
