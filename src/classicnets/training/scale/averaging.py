"""A moving average of weights that may lie spread over processes."""

from collections.abc import Callable, Sequence

import torch
from torch.distributed.tensor import DTensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

Follow = Callable[[Sequence[torch.Tensor], Sequence[torch.Tensor], torch.Tensor | int], None]


def followed_at(decay: float) -> Follow:
    """What moves averages towards tensors by 1 - ``decay`` of the distance, as `AveragedModel` takes it."""
    move: Follow = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]

    def follow(averages: Sequence[torch.Tensor], tensors: Sequence[torch.Tensor], number: torch.Tensor | int) -> None:
        # Weights may be spread while running statistics are not, and torch moves only one kind at a time.
        for spread in (False, True):
            of_kind = [at for at, average in enumerate(averages) if isinstance(average, DTensor) is spread]
            if of_kind:
                move([averages[at] for at in of_kind], [tensors[at] for at in of_kind], number)

    return follow
