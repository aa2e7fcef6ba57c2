"""What a network draws at random for an image, whichever process and piece of the batch the image comes in."""

from collections.abc import Iterator

import torch
from torch import nn

from classicnets.data.sharing import Piece
from classicnets.layers.stochastic_depth import StochasticResidual


class SharedDropout(nn.Dropout):
    """Dropout that draws for a whole batch and keeps what is for the images at hand.

    Processes that begin a step with the same random numbers so drop what one process would that had them all.

    Attributes:
        part: where the images at hand begin in the batch, and how many the batch has; None where they are all of it.
    """

    part: tuple[int, int] | None = None

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(N, ...) to the same."""
        if not self.training or self.p == 0 or self.part is None:
            return super().forward(inputs)
        start, whole = self.part
        # Laid out as the images are, since random numbers are drawn in the order of the memory.
        drawn = torch.empty_like(inputs[:1].expand(whole, *inputs.shape[1:]), memory_format=_layout(inputs))
        kept = drawn.bernoulli_(1 - self.p)[start : start + len(inputs)]
        return inputs * kept.div_(1 - self.p)


def share_draws(network: nn.Module) -> None:
    """Make what ``network`` draws in training a matter of the whole batch; see `see_piece`."""
    for path, module in list(network.named_modules()):
        if type(module) is nn.Dropout:
            network.set_submodule(path, SharedDropout(module.p).train(module.training))


def see_piece(network: nn.Module, piece: Piece) -> None:
    """Tell ``network``, after `share_draws`, which images of the batch come next."""
    for module in _drawing(network):
        module.part = (piece.start, piece.whole)


def _drawing(network: nn.Module) -> Iterator[SharedDropout | StochasticResidual]:
    for module in network.modules():
        if isinstance(module, SharedDropout | StochasticResidual):
            yield module


def _layout(inputs: torch.Tensor) -> torch.memory_format:
    if inputs.dim() == 4 and inputs.is_contiguous(memory_format=torch.channels_last):
        return torch.channels_last
    return torch.contiguous_format
