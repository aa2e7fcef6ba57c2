"""All the batches of a run, one epoch after the other, from any step on."""

from collections.abc import Iterator
from typing import Any

from classicnets.data.batches import Batch, Batches


class Stream:
    """The run as one sequence of batches, so that Lightning resumes it like the middle of an epoch.

    Args:
        batches: an epoch's.
        epochs: how many follow one another.

    Attributes:
        taken: batches that training has finished with; kept by who trains, since Lightning fetches one ahead.
    """

    def __init__(self, batches: Batches, epochs: int) -> None:
        self.batches = batches
        self.epochs = epochs
        self.taken = 0

    def __len__(self) -> int:
        """Batches in the whole run."""
        return self.epochs * len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        first, start = divmod(self.taken, len(self.batches))
        for epoch in range(first, self.epochs):
            self.batches.epoch = epoch
            self.batches.start = start if epoch == first else 0
            yield from self.batches

    def state_dict(self) -> dict[str, Any]:
        """How far training has come, for checkpoints."""
        return {"taken": self.taken}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` said."""
        self.taken = state["taken"]
