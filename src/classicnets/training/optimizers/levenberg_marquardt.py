"""LeNet-5's optimizer: stochastic diagonal Levenberg-Marquardt (LeCun et al. 1998, section III.B and appendix C)."""

from collections.abc import Callable
from typing import Any

import torch
from torch.optim.optimizer import ParamsT

from classicnets.training.optimizers.curvature import Curvatures


class LevenbergMarquardt(torch.optim.Optimizer):
    """w = w - rate / (damping + h) gradient, h being the second derivative of the loss by w, estimated now and then.

    Args:
        params: of the network, or groups of them.
        lr: the global learning rate.
        damping: mu, which bounds a weight's own rate where the loss is flat.
    """

    def __init__(self, params: ParamsT, *, lr: float, damping: float) -> None:
        super().__init__(params, {"lr": lr, "damping": damping})

    def heed(self, curvatures: Curvatures) -> None:
        """Take these second derivatives from now on; they are part of the optimizer's state."""
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter]["curvature"] = curvatures[parameter]

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take a step; `heed` must have been called."""
        result = None
        if closure is not None:
            with torch.enable_grad():
                result = closure()
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            if not parameters:
                continue
            damped = torch._foreach_add(
                [self.state[parameter]["curvature"] for parameter in parameters], group["damping"]
            )
            torch._foreach_addcdiv_(parameters, [parameter.grad for parameter in parameters], damped, -group["lr"])
        return result
