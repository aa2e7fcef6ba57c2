"""The connection between the two devices, and a pretended one that only counts what would cross it."""

from abc import ABC, abstractmethod
from collections import Counter
from typing import NamedTuple

import torch
import torch.distributed as dist

from classicnets.errors import UsageError

DEVICES = 2


class Way(NamedTuple):
    """Where and when something crosses: before which row, in the forward or in the backward pass."""

    row: str
    backward: bool


class Wire(ABC):
    """The connection as one of the two devices sees it.

    Args:
        rank: which of the two this is, 0 or 1.

    Attributes:
        sent: bytes that left this device so far.
        received: bytes that came.
    """

    def __init__(self, rank: int) -> None:
        self.rank = rank
        self.sent: Counter[Way] = Counter()
        self.received: Counter[Way] = Counter()

    def swap(self, mine: torch.Tensor, way: Way) -> torch.Tensor:
        """Give ``mine``, take the other device's tensor of the same shape and type."""
        outgoing = mine.contiguous()
        incoming = torch.empty_like(outgoing)
        self._cross(outgoing, incoming)
        self._count(way, outgoing, incoming)
        # The other half shall lie in memory as this one does: joined, they then keep that order.
        return incoming.contiguous(memory_format=_order(mine))

    def send(self, tensor: torch.Tensor, way: Way) -> None:
        """Give a tensor that the other device waits for."""
        outgoing = tensor.contiguous()
        self._cross(outgoing, None)
        self._count(way, outgoing, None)

    def receive(self, like: torch.Tensor, shape: tuple[int, ...], way: Way) -> torch.Tensor:
        """Take a tensor of that shape, of the type and on the device of ``like``."""
        incoming = like.new_empty(shape)
        self._cross(None, incoming)
        self._count(way, None, incoming)
        return incoming

    def both(self, mine: torch.Tensor, way: Way, dim: int = 0) -> torch.Tensor:
        """The tensors of both devices, one after the other along ``dim``."""
        return torch.cat(self.in_order(mine, self.swap(mine, way)), dim=dim)

    def in_order(self, mine: torch.Tensor, other: torch.Tensor) -> list[torch.Tensor]:
        """What is device 0's, then what is device 1's."""
        return [mine, other] if self.rank == 0 else [other, mine]

    @abstractmethod
    def _cross(self, outgoing: torch.Tensor | None, incoming: torch.Tensor | None) -> None:
        """Send the one and fill the other, at the same time; both are contiguous."""

    def _count(self, way: Way, outgoing: torch.Tensor | None, incoming: torch.Tensor | None) -> None:
        for counts, tensor in ((self.sent, outgoing), (self.received, incoming)):
            if tensor is not None:
                counts[way] += tensor.numel() * tensor.itemsize


class ProcessWire(Wire):
    """Between two processes of torch.distributed: gloo joins processors, nccl GPUs.

    Args:
        group: of two processes; None stands for all that there are.

    Raises:
        UsageError: there is no process group, or it is not of two processes.
    """

    def __init__(self, group: dist.ProcessGroup | None = None) -> None:
        if not dist.is_available() or not dist.is_initialized():
            raise UsageError("two towers need 2 processes of torch.distributed: start with torchrun --nproc-per-node 2")
        size = dist.get_world_size(group)
        if size != DEVICES:
            raise UsageError(f"two towers need 2 processes, not {size}: start with torchrun --nproc-per-node 2")
        super().__init__(dist.get_rank(group))
        self._group = group

    def _cross(self, outgoing: torch.Tensor | None, incoming: torch.Tensor | None) -> None:
        other = 1 - self.rank
        sides = ((dist.isend, outgoing), (dist.irecv, incoming))
        operations = [
            dist.P2POp(way, tensor, group=self._group, group_peer=other) for way, tensor in sides if tensor is not None
        ]
        for work in dist.batch_isend_irecv(operations):
            work.wait()


class PretendedWire(Wire):
    """Nothing crosses, and what would is counted: for tensors on the meta device, which have no numbers anyway."""

    def _cross(self, outgoing: torch.Tensor | None, incoming: torch.Tensor | None) -> None:
        assert all(tensor is None or tensor.is_meta for tensor in (outgoing, incoming)), "these numbers would be lost"


def _order(tensor: torch.Tensor) -> torch.memory_format:
    last = tensor.dim() == 4 and tensor.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last and not tensor.is_contiguous() else torch.contiguous_format
