"""One training step of a network with its first weights, and the gradients that it sends back through the rows."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

from classicnets.networks import create
from classicnets.networks.chain import Chain

SEED = 0
IMAGES = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Step:
    """A forward and a backward pass.

    Attributes:
        network: in training mode, with its first weights.
        outputs: what left each row.
        gradients: of the loss, in respect of what left each row.
    """

    network: Chain
    outputs: dict[str, torch.Tensor]
    gradients: dict[str, torch.Tensor]

    def norm(self, row: str) -> float:
        """The length of the gradient that arrives at what left the row."""
        return float(self.gradients[row].norm())

    def cosine(self, row: str, other: str) -> float:
        """How alike the gradients at two rows of one shape are: 1 in the same direction, 0 unrelated."""
        return float(F.cosine_similarity(self.gradients[row].flatten(), self.gradients[other].flatten(), dim=0))


def first_step(name: str, **options: Any) -> Step:
    """Cross-entropy on a few images of noise, the same for each network; torch's random numbers stay as they were."""
    with torch.random.fork_rng(devices=[]), torch.device("cpu"), torch.enable_grad():
        torch.manual_seed(SEED)
        images = torch.randn(IMAGES, 3, 32, 32)
        labels = torch.arange(IMAGES)
        network = create(name, **options)
        outputs: dict[str, torch.Tensor] = {}
        gradients: dict[str, torch.Tensor] = {}
        activation = images
        for row, module in network.row_modules():
            activation = module(activation)
            outputs[row] = activation.detach()
            # What a row returns is never written over, but its ReLU has been: the hook must be on what it returned.
            activation.register_hook(_keep(gradients, row))
        F.cross_entropy(activation, labels).backward()  # type: ignore[no-untyped-call]
    return Step(network=network, outputs=outputs, gradients=gradients)


def _keep(gradients: dict[str, torch.Tensor], row: str) -> Any:
    def hook(gradient: torch.Tensor) -> None:
        gradients[row] = gradient

    return hook
