"""Gates on the ways of a residual unit (He et al., ECCV 2016, section 3.1; Srivastava et al., NIPS 2015)."""

import torch
from torch import nn

from classicnets.layers.residual import Residual


class GatedResidual(Residual):
    """A residual unit with a gate g(y) = sigmoid(W y + b) on its shortcut, one value for each value that passes.

    Shortcut-only: after(F(y) + (1 - g(y)) h(y)). Exclusive: after(g(y) F(y) + (1 - g(y)) h(y)), as in highway networks.
    F is the branch, h the shortcut, and y = before(x).

    Args:
        branch: the residual mapping F.
        shortcut: h, what y passes through before it is gated.
        gate: W and b; gives maps of the shape that the branch gives.
        exclusive: whether what the shortcut gets is taken from the branch.
        before: what both ways and the gate share; None stands for nothing.
        after: what the sum passes through; None stands for a ReLU.
    """

    def __init__(
        self,
        branch: nn.Module,
        shortcut: nn.Module,
        gate: nn.Module,
        *,
        exclusive: bool,
        before: nn.Module | None = None,
        after: nn.Module | None = None,
    ) -> None:
        super().__init__(branch, shortcut, before=before, after=after)
        self.gate = gate
        self.exclusive = exclusive

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to whatever shape branch, shortcut and gate agree on."""
        inputs = self.before(inputs)
        gate = torch.sigmoid(self.gate(inputs))
        branch = self.branch(inputs)
        kept = (1 - gate) * self.shortcut(inputs)
        outputs: torch.Tensor = self.after(kept + gate * branch if self.exclusive else kept + branch)
        return outputs

    def extra_repr(self) -> str:
        """What `print` shows between the brackets."""
        return f"exclusive={self.exclusive}"
