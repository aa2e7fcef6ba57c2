"""How long training has taken, and how long it stood still for something else."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class Clock:
    """Seconds of training, from its start; tests and checkpoints are left out."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin at 0."""
        self._began = time.monotonic()
        self._stopped_at: float | None = None
        self._ended_stops = 0.0

    @property
    def running(self) -> float:
        """Seconds that the clock ran."""
        upto = time.monotonic() if self._stopped_at is None else self._stopped_at
        return upto - self._began - self._ended_stops

    @property
    def left_out(self) -> float:
        """Seconds that it stood still."""
        stop = 0.0 if self._stopped_at is None else time.monotonic() - self._stopped_at
        return self._ended_stops + stop

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Leave out what happens within."""
        assert self._stopped_at is None, "it stands still already"
        self._stopped_at = time.monotonic()
        try:
            yield
        finally:
            self._ended_stops += time.monotonic() - self._stopped_at
            self._stopped_at = None


class Wait:
    """How long somebody waited for what an iterator gives.

    Attributes:
        seconds: so far.
    """

    def __init__(self) -> None:
        self.seconds = 0.0

    def timed(self, iterable: Iterable[T]) -> Iterator[T]:
        """The same items, the time until each is there counted."""
        iterator = iter(iterable)
        while True:
            asked = time.monotonic()
            try:
                item = next(iterator)
            except StopIteration:
                return
            finally:
                self.seconds += time.monotonic() - asked
            yield item
