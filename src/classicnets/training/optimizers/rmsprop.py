"""RMSProp as TensorFlow computes it, with which the later Inceptions were trained."""

from collections.abc import Callable
from typing import Any

import torch
from torch.optim.optimizer import ParamsT


class RMSProp(torch.optim.Optimizer):
    """s = rho s + (1 - rho) g^2, v = momentum v + rate g / sqrt(s + epsilon), w = w - v; s begins at 1, v at 0.

    g is the gradient plus ``weight_decay`` times the weights. PyTorch's optimizer of the name adds epsilon to the root
    instead, begins s at 0 and multiplies v by the rate. With epsilon 1 as in Inception-v3 (section 8) the first of
    these alone changes a small gradient's step by a factor of up to 2.

    Args:
        params: of the network, or groups of them.
        lr: the learning rate.
        rho: the share of the mean square that stays.
        momentum: the share of the velocity that stays.
        epsilon: added to the mean square, under the root.
        weight_decay: times the weights, added to the gradient.
    """

    def __init__(
        self,
        params: ParamsT,
        *,
        lr: float,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1.0,
        weight_decay: float = 0.0,
    ) -> None:
        defaults = {"lr": lr, "rho": rho, "momentum": momentum, "epsilon": epsilon, "weight_decay": weight_decay}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take a step."""
        result = None
        if closure is not None:
            with torch.enable_grad():
                result = closure()
        for group in self.param_groups:
            self._step(group)
        return result

    def _step(self, group: dict[str, Any]) -> None:
        parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
        if not parameters:
            return
        for parameter in parameters:
            if not self.state[parameter]:
                self.state[parameter] = {
                    "square": torch.ones_like(parameter, memory_format=torch.preserve_format),
                    "velocity": torch.zeros_like(parameter, memory_format=torch.preserve_format),
                }
        gradients = [parameter.grad for parameter in parameters]
        if group["weight_decay"]:
            gradients = list(torch._foreach_add(gradients, parameters, alpha=group["weight_decay"]))
        squares = [self.state[parameter]["square"] for parameter in parameters]
        velocities = [self.state[parameter]["velocity"] for parameter in parameters]
        torch._foreach_mul_(squares, group["rho"])
        torch._foreach_addcmul_(squares, gradients, gradients, 1 - group["rho"])
        roots = torch._foreach_add(squares, group["epsilon"])
        torch._foreach_sqrt_(roots)
        torch._foreach_mul_(velocities, group["momentum"])
        torch._foreach_addcdiv_(velocities, gradients, roots, group["lr"])
        torch._foreach_sub_(parameters, velocities)
