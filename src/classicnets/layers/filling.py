"""Random numbers into tensors, large ones by all the threads that torch may use.

PyTorch draws a tensor's random numbers on one thread. A large tensor is filled here in blocks, each by a generator of
its own whose seed comes from torch's: the numbers depend on torch's seed alone, not on how many threads there are.
"""

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import torch

_BLOCK = 1 << 16  # elements; a tensor of less than two blocks is filled in one go
_PIECE = 1 << 15  # elements; PyTorch starts threads of its own for an operation on more
_WITHIN_TWO_DEVIATIONS = math.erf(math.sqrt(2))

Draw = Callable[[torch.Tensor, torch.Generator | None], object]
"""Fills a tensor with random numbers of a generator, None being torch's own."""


def normal_(tensor: torch.Tensor, deviation: float) -> None:
    """Fill with N(0, deviation^2)."""
    _fill(tensor, lambda part, generator: part.normal_(0.0, deviation, generator=generator))


def uniform_(tensor: torch.Tensor, bound: float) -> None:
    """Fill evenly between -bound and bound."""
    _fill(tensor, lambda part, generator: part.uniform_(-bound, bound, generator=generator))


def truncated_normal_(tensor: torch.Tensor, deviation: float) -> None:
    """Fill with N(0, deviation^2) without what lies beyond two deviations.

    By one draw a number, through the inverse of the distribution function; drawing again until a number lies within,
    as TensorFlow does, gives the same distribution.
    """

    def draw(part: torch.Tensor, generator: torch.Generator | None) -> None:
        part.uniform_(-_WITHIN_TWO_DEVIATIONS, _WITHIN_TWO_DEVIATIONS, generator=generator)
        for piece in torch.split(part.view(-1), _PIECE):
            piece.erfinv_().mul_(math.sqrt(2) * deviation)

    _fill(tensor, draw)


def _fill(tensor: torch.Tensor, draw: Draw) -> None:
    tensor = tensor.detach()
    if tensor.numel() < 2 * _BLOCK or tensor.device.type != "cpu":
        draw(tensor, None)
        return
    blocks = torch.split(tensor.view(-1), _BLOCK)
    seeds = torch.randint(2**62, (len(blocks),), device="cpu").tolist()

    def draw_block(block: torch.Tensor, seed: int) -> None:
        draw(block, torch.Generator("cpu").manual_seed(seed))

    for _ in _threads(torch.get_num_threads()).map(draw_block, blocks, seeds):
        pass


@cache
def _threads(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix="classicnets-filling")


# A forked process has none of the threads that its copy of the pool believes in.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_threads.cache_clear)
