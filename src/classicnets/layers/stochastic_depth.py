"""Stochastic depth: residual blocks that training leaves out by chance (Huang et al., ECCV 2016)."""

from typing import Literal

import torch
from torch import nn

from classicnets.layers.residual import Residual

Drop = Literal["batch", "sample"]
"""Whether one draw decides for a mini-batch, as in the paper, or one for each image of it."""


class StochasticResidual(Residual):
    """In training relu(b branch(x) + shortcut(x)), b being 1 with the probability of survival and 0 else.

    In evaluation relu(survival branch(x) + shortcut(x)), so that the branch adds what it adds on average in training
    (section 3 of the paper). A branch that is dropped for the whole batch is not computed: its
    parameters get no gradient in that step and its running statistics stay. Draws come from torch's generator.

    Args:
        branch: as of a `Residual`.
        shortcut: as of a `Residual`.
        survival: the probability that the branch is kept, from 0 to 1.
        drop: ``batch`` draws b once for a mini-batch; ``sample`` draws it for each image, whose branch is computed
            whatever is drawn and multiplied by b.

    Attributes:
        part: where the images at hand begin in the mini-batch and how many it has, where they are only a part of it:
            each image then keeps the b that it would have in the whole. None where they are all of it.
    """

    part: tuple[int, int] | None = None

    def __init__(self, branch: nn.Module, shortcut: nn.Module, *, survival: float, drop: Drop = "batch") -> None:
        super().__init__(branch, shortcut)
        assert 0 <= survival <= 1, "a probability"
        self.survival = survival
        self.drop = drop

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to whatever shape both ways agree on."""
        if not self.training:
            return self._sum(self.branch(inputs).mul_(self.survival), inputs)
        if self.drop == "sample":
            start, whole = self.part or (0, len(inputs))
            kept = torch.rand(whole, 1, 1, 1, device=inputs.device)[start : start + len(inputs)] < self.survival
            return self._sum(self.branch(inputs) * kept, inputs)
        # Drawn on the CPU whatever the device: the decision is the host's, and it does not wait for the device.
        if torch.rand((), device="cpu").item() < self.survival:
            return super().forward(inputs)
        around: torch.Tensor = self.shortcut(inputs)
        # The ReLU writes over what it is given, and that must not be what the row before keeps for its gradient.
        outputs: torch.Tensor = self.after(around.clone() if around is inputs else around)
        return outputs

    def extra_repr(self) -> str:
        """What `print` shows between the brackets."""
        return f"survival={self.survival:g}, drop={self.drop}"

    def _sum(self, branch: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = self.after(branch.add_(self.shortcut(inputs)))
        return outputs


def linear_decay(blocks: int, final: float) -> list[float]:
    """The survival probability of each block, from 1 before the first to ``final`` at the last (section 3)."""
    return [1 - number / blocks * (1 - final) for number in range(1, blocks + 1)]
