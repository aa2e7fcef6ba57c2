"""What the two towers tell each other in the forward pass, and what goes back in the backward pass.

Each is a function of autograd: what a device computes from the other's activations gives those a gradient, which
crosses back and is added there.
"""

from typing import Any

import torch
from torch.autograd.function import once_differentiable

from classicnets.training.devices.wire import Way, Wire


def both_halves(mine: torch.Tensor, wire: Wire, row: str) -> torch.Tensor:
    """The maps of both towers, (N, C, ...) -> (N, 2 C, ...), as ``row`` reads them on each device.

    Each device sends its half; backward each sends the gradient of the other's half, by its own kernels.
    """
    return _apply(_BothHalves, mine, wire, row)


def with_border(mine: torch.Tensor, wire: Wire, row: str, reach: int) -> torch.Tensor:
    """One's own maps and the ``reach`` maps of the other tower next to them, (N, C, ...) -> (N, C + reach, ...).

    What normalisation across maps needs of the other tower. Backward the gradients of the borrowed maps go back.
    """
    return _apply(_WithBorder, mine, wire, row, reach)


def collect(mine: torch.Tensor, wire: Wire, row: str) -> torch.Tensor:
    """On device 0 what both towers hand to ``row``; the other device calls `hand_over`."""
    return _apply(_Collect, mine, wire, row)


def hand_over(mine: torch.Tensor, wire: Wire, row: str, answers: int) -> torch.Tensor:
    """On device 1: give device 0 one's half of what ``row`` reads, take the logits (N, ``answers``) in return.

    The gradient that arrives here counts for nothing: that of one's half comes from device 0.
    """
    logits = _apply(_HandOver, mine, wire, row, answers)
    if torch.is_grad_enabled() and not logits.requires_grad:
        logits.requires_grad_()  # only the head learns, and it is not here; the loss shall have a backward all the same
    return logits


def announce(logits: torch.Tensor, wire: Wire, row: str) -> torch.Tensor:
    """On device 0: give the logits to device 1, which waits for them in `hand_over`."""
    wire.send(logits.detach(), Way(row, backward=False))
    return logits


class _BothHalves(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, mine: torch.Tensor, wire: Wire, row: str) -> torch.Tensor:
        ctx.wire, ctx.row = wire, row
        return wire.both(mine, Way(row, backward=False), dim=1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        halves = gradient.chunk(2, dim=1)
        wire: Wire = ctx.wire
        by_other = wire.swap(halves[1 - wire.rank], Way(ctx.row, backward=True))
        return halves[wire.rank] + by_other, None, None


class _WithBorder(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, mine: torch.Tensor, wire: Wire, row: str, reach: int) -> torch.Tensor:
        ctx.wire, ctx.row, ctx.reach = wire, row, reach
        borrowed = wire.swap(_facing(mine, wire, reach), Way(row, backward=False))
        return torch.cat(wire.in_order(mine, borrowed), dim=1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        wire: Wire = ctx.wire
        reach: int = ctx.reach
        mine = own_maps(gradient, wire, reach).clone()
        borrowed = gradient.narrow(1, gradient.shape[1] - reach if wire.rank == 0 else 0, reach)
        _facing(mine, wire, reach).add_(wire.swap(borrowed, Way(ctx.row, backward=True)))
        return mine, None, None, None


class _Collect(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, mine: torch.Tensor, wire: Wire, row: str) -> torch.Tensor:
        ctx.wire, ctx.row = wire, row
        other = wire.receive(mine, tuple(mine.shape), Way(row, backward=False))
        return torch.cat([mine, other], dim=1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        mine, other = gradient.chunk(2, dim=1)
        ctx.wire.send(other, Way(ctx.row, backward=True))
        return mine, None, None


class _HandOver(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, mine: torch.Tensor, wire: Wire, row: str, answers: int) -> torch.Tensor:
        ctx.wire, ctx.row, ctx.shape = wire, row, tuple(mine.shape)
        wire.send(mine, Way(row, backward=False))
        return wire.receive(mine, (len(mine), answers), Way(row, backward=False))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        return ctx.wire.receive(gradient, ctx.shape, Way(ctx.row, backward=True)), None, None, None


def own_maps(extended: torch.Tensor, wire: Wire, reach: int) -> torch.Tensor:
    """What `with_border` was given, of what it returned or of something computed from that."""
    return extended.narrow(1, 0 if wire.rank == 0 else reach, extended.shape[1] - reach)


def _facing(mine: torch.Tensor, wire: Wire, reach: int) -> torch.Tensor:
    """The maps at the cut: the last of tower 0, the first of tower 1."""
    return mine.narrow(1, mine.shape[1] - reach if wire.rank == 0 else 0, reach)


def _apply(function: type[torch.autograd.Function], *arguments: Any) -> torch.Tensor:
    result: torch.Tensor = function.apply(*arguments)  # type: ignore[no-untyped-call]
    return result
