"""Dropout in a pipeline that zeroes what one process would zero."""

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import nn

from classicnets.inspection.tracing.recording import trace


class PartDropout(nn.Dropout):
    """Dropout of one micro-batch after the other, by masks drawn for the whole batch."""

    _parts: Iterator[torch.Tensor] = iter(())

    def begin(self, masks: Sequence[torch.Tensor]) -> None:
        """Take these factors for the next micro-batches, in their order."""
        self._parts = iter(masks)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """The shape stays."""
        return inputs * next(self._parts) if self.training and self.p else inputs


class Masks:
    """What each dropout of a network multiplies a batch by, drawn as one process would draw it.

    One process draws for the whole batch, row after row; so does each process here, all of them from the same state of
    torch's random numbers, and takes what its own rows need.

    Args:
        whole: a module of all the network's rows.
        stage: this process's rows, under the same names; their dropouts are replaced.
        batch: images a step.
        microbatches: parts of it.
        images: shape of one.
        frozen: paths of modules that stay in evaluation mode.
    """

    def __init__(
        self,
        whole: nn.Module,
        stage: nn.Module,
        *,
        batch: int,
        microbatches: int,
        image: tuple[int, ...],
        frozen: Sequence[str] = (),
    ) -> None:
        self._microbatches = microbatches
        self._shapes: list[tuple[str, float, tuple[int, ...]]] = []
        self._own: dict[str, PartDropout] = {}
        dtype = next(whole.parameters()).dtype
        self._like = next(stage.parameters(), torch.empty(0, dtype=dtype))
        for call in trace(whole, torch.zeros(2, *image, device="meta", dtype=dtype), training=True).calls:
            module = whole.get_submodule(call.path)
            if isinstance(module, nn.Dropout) and not call.path.startswith(tuple(f"{path}." for path in frozen)):
                self._shapes.append((call.path, module.p, (batch, *call.outputs[0].shape[1:])))
        for path, module in list(stage.named_modules()):
            if isinstance(module, nn.Dropout):
                self._own[path] = PartDropout(module.p).train(module.training)
                stage.set_submodule(path, self._own[path])

    def draw(self) -> None:
        """Draw for the next batch."""
        for path, share, shape in self._shapes:
            mask = F.dropout(self._like.new_ones(shape), share)
            if path in self._own:
                self._own[path].begin(mask.chunk(self._microbatches))
