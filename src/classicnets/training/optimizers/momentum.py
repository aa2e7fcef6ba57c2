"""Stochastic gradient descent whose velocity already holds the learning rate."""

from collections.abc import Callable
from typing import Any

import torch
from torch.optim.optimizer import ParamsT


class ScaledVelocity(torch.optim.SGD):
    """v = momentum v - rate (gradient + weight_decay w), w = w + v: as AlexNet's paper (section 5) and Caffe have it.

    PyTorch keeps v without the rate and multiplies when it moves the weights. As long as the rate stays, both are the
    same; when it falls, here the velocity gathered at the higher rate dies away by and by.

    Args:
        params: of the network, or groups of them.
        lr: the learning rate.
        momentum: the share of the velocity that stays.
        weight_decay: times the weights, added to the gradient.
    """

    def __init__(self, params: ParamsT, *, lr: float, momentum: float, weight_decay: float = 0.0) -> None:
        super().__init__(params, lr=lr, momentum=momentum, weight_decay=weight_decay, foreach=True)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take a step."""
        result = None
        if closure is not None:
            with torch.enable_grad():
                result = closure()
        for group in self.param_groups:
            before = group.get("velocity_lr", group["lr"])
            # PyTorch's velocity times the rate is the paper's: where the rate changes, it has to change the other way.
            if before != group["lr"] and group["lr"] > 0:
                velocities = [
                    self.state[parameter]["momentum_buffer"]
                    for parameter in group["params"]
                    if self.state[parameter].get("momentum_buffer") is not None
                ]
                if velocities:
                    torch._foreach_mul_(velocities, before / group["lr"])
            if group["lr"] > 0:
                group["velocity_lr"] = group["lr"]
        super().step()
        return result
