"""All the batches of a run, one epoch after the other, from any step on."""

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

from classicnets.data.batches import Batch, Batches
from classicnets.data.sharing import Piece
from classicnets.training.watch.clock import Wait


class Place(NamedTuple):
    """Where a run stands after a step.

    Attributes:
        step: counted from 1.
        epoch: that the step is of, counted from 1.
        ends_epoch: whether it is the epoch's last, or the run's.
    """

    step: int
    epoch: int
    ends_epoch: bool


class Stream:
    """The run as one sequence of batches, so that Lightning resumes it like the middle of an epoch.

    Where a process takes batches in pieces (`Batches.share`), pieces are what is counted in the place of batches.

    Args:
        batches: an epoch's.
        epochs: how many follow one another; None for as many as ``steps`` take.
        steps: where the run ends, in the midst of an epoch if it comes to that; None for the end of the last epoch.

    Attributes:
        steps: in the whole run, one a batch however many pieces it is taken in.
        epochs: how many are begun.
        taken: batches that training has finished with; kept by who trains, since Lightning fetches one ahead.
        wait: how long training waited for batches.
    """

    def __init__(self, batches: Batches, epochs: int | None, steps: int | None = None) -> None:
        assert epochs is not None or steps is not None, "a recipe has one of them"
        lengths = [] if epochs is None else [epochs * batches.steps]
        self.batches = batches
        self.steps = min(lengths if steps is None else [*lengths, steps])
        self.epochs = -(-self.steps // batches.steps)
        self.taken = 0
        self.wait = Wait()

    def __len__(self) -> int:
        """Batches in the whole run."""
        return self.steps * self.batches.share.pieces

    def __iter__(self) -> Iterator[Batch]:
        first, start = divmod(self.taken, len(self.batches))
        for epoch in range(first, self.epochs):
            self.batches.epoch = epoch
            self.batches.start = start if epoch == first else 0
            left = len(self) - epoch * len(self.batches) - self.batches.start
            yield from self.wait.timed(itertools.islice(self.batches, left))

    def after(self, number: int) -> Place | None:
        """Where the run stands after a piece, counted from the run's first; None in the midst of a step."""
        step, unfinished = divmod(number + 1, self.batches.share.pieces)
        if unfinished:
            return None
        epoch, rest = divmod(step, self.batches.steps)
        return Place(step, epoch + (rest > 0), rest == 0 or step == self.steps)

    def piece(self, number: int) -> Piece:
        """Where the images of a piece, counted from the run's first, stand in their batch."""
        return self.batches.piece(number % len(self.batches))

    def state_dict(self) -> dict[str, Any]:
        """How far training has come, for checkpoints."""
        return {"taken": self.taken}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` said."""
        self.taken = state["taken"]
