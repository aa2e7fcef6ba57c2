"""What the comparisons with other libraries share: random weights, our network with theirs, and how near is equal."""

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import nn

from classicnets.networks import build
from classicnets.networks.chain import Chain
from classicnets.weights.imported import Imported

Module = TypeVar("Module", bound=nn.Module)

RELATIVE = 1e-4  # of the largest output
POOL = 1_000_003  # a prime: where a pool of numbers begins anew falls together with no side of a tensor


class Numbers:
    """Random numbers for many large tensors, drawn once: each tensor gets a stretch of its own, turned round."""

    def __init__(self, seed: int) -> None:
        self._normal = torch.randn(POOL, generator=torch.Generator().manual_seed(seed))
        self._begin = 0

    def normal(self, *shape: int) -> torch.Tensor:
        """N(0, 1)."""
        count = math.prod(shape)
        self._begin = (self._begin + 7919) % POOL
        turned = self._normal.roll(-self._begin)
        return turned.repeat(-(-count // POOL))[:count].view(shape)

    def uniform(self, *shape: int) -> torch.Tensor:
        """From 0.5 to 1.5."""
        return 1 + 0.5 * self.normal(*shape).erf()

    def like(self, name: str, shape: Sequence[int], *, fan_in: int | None = None) -> torch.Tensor:
        """For a tensor of that name and shape numbers that neither explode nor vanish, and of which none is 0 or 1.

        Args:
            name: the last part of its name in torch.
            shape: of more than one side are kernels alone.
            fan_in: of a kernel, where its first side is not its outputs'.
        """
        if len(shape) > 1:
            return self.normal(*shape) * math.sqrt(2 / (fan_in or math.prod(shape[1:])))
        return self.uniform(*shape) if name in ("weight", "running_var") else 0.1 * self.normal(*shape)


@torch.no_grad()
def randomised(make: Callable[[], Module], *, seed: int = 0) -> Module:
    """The module that ``make`` makes, in evaluation mode, with random weights and running statistics."""
    with torch.device("meta"):
        module = make()
    module.to_empty(device="cpu")
    numbers = Numbers(seed)
    for path, tensor in module.state_dict().items():
        counts = path.endswith("num_batches_tracked")
        tensor.copy_(torch.tensor(7) if counts else numbers.like(path.rpartition(".")[2], tensor.shape))
    return module.eval()


def network_of(imported: Imported) -> Chain:
    """Our network with the weights that were taken in; auxiliary heads that they lack stay without storage."""
    network = build(
        imported.network,
        num_classes=imported.num_classes,
        in_channels=imported.in_channels,
        **imported.options,
    )
    missing, unexpected = network.load_state_dict(imported.tensors, strict=False, assign=True)
    assert not unexpected
    assert all(name.startswith("aux.") for name in missing)
    return network.eval()


def epsilons(module: nn.Module) -> set[float]:
    """Of the normalisations; they show in outputs where variances are small, which here they are not."""
    return {norm.eps for norm in module.modules() if isinstance(norm, nn.BatchNorm2d)}


def images(height: int, width: int, *, channels: int = 3) -> torch.Tensor:
    """One image, (1, channels, height, width), of N(0, 1)."""
    return torch.randn(1, channels, height, width, generator=torch.Generator().manual_seed(3))


def must_agree(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    """Both outputs are the same, and say something."""
    scale = theirs.abs().max().item()
    assert theirs.isfinite().all()
    assert theirs.std() > 0.01 * scale, "all outputs are about the same"
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max().item() <= RELATIVE * scale
