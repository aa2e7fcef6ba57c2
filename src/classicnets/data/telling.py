"""What a person sees of a job that nothing is known of but how far it has come: one line, after the first second."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

_PATIENCE = 1.0  # seconds before anything is said
_BETWEEN = 0.25  # seconds


class Telling:
    """Keeps one line on standard error up to date, where that is a terminal.

    Args:
        text: what is done and counted, with a place for the number: ``listing photos: {:,} images``.
    """

    def __init__(self, text: str, *, stream: TextIO | None = None, patience: float = _PATIENCE) -> None:
        self._text = text
        self._stream = sys.stderr if stream is None else stream
        self._wanted = self._stream is not None and self._stream.isatty()
        self._next = time.monotonic() + patience
        self._width = 0
        self._done = 0

    def add(self, amount: int = 1) -> None:
        """Say that so much more is done."""
        self._done += amount
        if self._wanted and time.monotonic() >= self._next:
            self._next = time.monotonic() + _BETWEEN
            self._show(self._text.format(self._done))

    def end(self) -> None:
        """Take the line away."""
        if self._width:
            self._show("")

    def _show(self, line: str) -> None:
        self._stream.write(f"\r{line.ljust(self._width)}")
        if not line:
            self._stream.write("\r")
        self._width = len(line)
        self._stream.flush()


@contextmanager
def telling(text: str) -> Iterator[Telling]:
    """A line that stands while the block runs; see `Telling`."""
    line = Telling(text)
    try:
        yield line
    finally:
        line.end()
