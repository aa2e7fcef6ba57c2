"""Memory measured in a real run, for what is computed without one to be held against."""

import weakref
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from classicnets.layers.storage import allocate
from classicnets.networks import build
from classicnets.networks.chain import Chain


class Measured(TorchDispatchMode):
    """Watches the storages that operations return, for as long as anything refers to them.

    Attributes:
        course: bytes alive as each operation returned.
    """

    def __init__(self, apart: Iterable[torch.Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.apart = [tensor.untyped_storage() for tensor in apart]
        self.alive: dict[int, int] = {storage._cdata: 0 for storage in self.apart}
        self.watching: list[weakref.finalize[..., Any]] = []
        self.course: list[int] = []

    @property
    def peak(self) -> int:
        """The most bytes alive at once."""
        return max(self.course)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        returned = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(returned):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                if storage._cdata not in self.alive:
                    self.alive[storage._cdata] = storage.nbytes()
                    weakref.finalize(storage, self.alive.pop, storage._cdata)
        self.course.append(sum(self.alive.values()))
        return returned


def real(name: str, **options: Any) -> Chain:
    """A network of the catalog on the processor, all weights zero."""
    network = build(name, **options)
    allocate(network, torch.device("cpu"))
    with torch.no_grad():
        for tensor in state(network):
            tensor.zero_()
    return network


def state(module: nn.Module) -> list[torch.Tensor]:
    """Parameters and buffers."""
    return [*module.parameters(), *module.buffers()]
