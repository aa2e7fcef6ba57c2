"""The processes that train one network together: who they are, and what they tell each other.

They are started from outside, by ``torchrun`` or SLURM's ``srun``; one that was started by neither is alone.
"""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

import torch
import torch.distributed as dist
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment

from classicnets.errors import UsageError

Answer = TypeVar("Answer")


class World(NamedTuple):
    """This process among those that train together.

    Attributes:
        rank: of this one, from 0.
        ranks: how many there are.
        here: how many of them run on this host.
    """

    rank: int = 0
    ranks: int = 1
    here: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes and speaks."""
        return self.rank == 0

    @property
    def is_shared(self) -> bool:
        """Whether there are others."""
        return self.ranks > 1


ALONE = World()


def whole_world() -> World:
    """This process among the others, as who started it says.

    Raises:
        UsageError: it was started in a way that does not tell.
    """
    environment = _environment()
    if environment is None or environment.world_size() == 1:
        return ALONE
    ranks = environment.world_size()
    here = os.environ.get("LOCAL_WORLD_SIZE") or ranks // int(os.environ.get("SLURM_NNODES", 1))
    return World(environment.global_rank(), ranks, int(here))


@contextlib.contextmanager
def joined(world: World) -> Iterator[None]:
    """With the processes connected to each other: by gloo, accelerators by nccl.

    Raises:
        UsageError: the others do not come.
    """
    environment = _environment()
    if not world.is_shared or dist.is_initialized():
        yield
        return
    assert environment is not None, "a world has been started by something"
    os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"] = environment.main_address, str(environment.main_port)
    if torch.cuda.is_available():
        torch.cuda.set_device(environment.local_rank())
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    try:
        dist.init_process_group(backend, rank=world.rank, world_size=world.ranks)
    except (dist.DistError, ValueError) as error:
        raise UsageError(f"process {world.rank} of {world.ranks} cannot reach the others: {error}") from error
    try:
        yield
    finally:
        dist.destroy_process_group()


def as_the_first(world: World, action: Callable[[], Answer]) -> Answer:
    """What ``action`` gives on the first process, which alone does it, told to all.

    Raises:
        UsageError: the first process met one; the others end without a word.
    """
    if not world.is_shared:
        return action()
    told: list[Answer | UsageError | None] = [None]
    if world.leads:
        try:
            told = [action()]
        except UsageError as error:
            told = [error]
    dist.broadcast_object_list(told)
    if isinstance(told[0], UsageError):
        if world.leads:
            raise told[0]
        sys.exit(2)  # told once is enough
    return told[0]  # type: ignore[return-value]  # what action gave, None included


def of_all(world: World, own: Answer) -> list[Answer]:
    """What each process has to say, in the order of their ranks, told to all."""
    if not world.is_shared:
        return [own]
    told: list[Answer | None] = [None] * world.ranks
    dist.all_gather_object(told, own)
    return told  # type: ignore[return-value]  # every place is filled now


def any_of(world: World, *own: bool) -> tuple[bool, ...]:
    """For each question whether any process says yes; much quicker than `of_all`."""
    if not world.is_shared:
        return own
    answers = torch.tensor(own, dtype=torch.int32)
    dist.all_reduce(answers, dist.ReduceOp.MAX)
    return tuple(map(bool, answers.tolist()))


def _environment() -> ClusterEnvironment | None:
    for kind in (TorchElasticEnvironment, SLURMEnvironment):
        if kind.detect():
            try:
                return kind()
            except RuntimeError as error:  # SLURM was asked for tasks without a word of how many to each host
                raise UsageError(f"the processes were started in a way that cannot work: {error}") from error
    return None
