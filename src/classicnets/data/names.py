"""Long lists of file names, kept in few bytes: a million of them in tens of megabytes."""

import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import overload

import numpy as np
import numpy.typing as npt

_AT_A_TIME = 1 << 13  # names copied at once: bounds the memory that copying needs beside the result


class Names(Sequence[str]):
    """Texts in one run of bytes: each takes its own length and 8 bytes more, where a `str` takes 57 more and up.

    What no text can hold, the odd byte of a file's name, survives as `os.fsdecode` has it.

    Args:
        text: the names, one after the other, uint8.
        ends: int64, (names,): behind the last byte of each.
    """

    def __init__(self, text: npt.NDArray[np.uint8], ends: npt.NDArray[np.int64]) -> None:
        self.text = text
        self.ends = ends

    def __len__(self) -> int:
        return len(self.ends)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> "Names": ...
    def __getitem__(self, at: int | slice) -> "str | Names":
        if isinstance(at, slice):
            return self.taken(np.arange(len(self))[at])
        return os.fsdecode(self.encoded(at))

    def encoded(self, at: int) -> bytes:
        """A name as the bytes that the file system has."""
        at = range(len(self))[at]
        return self.text[self.ends[at - 1] if at else 0 : self.ends[at]].tobytes()

    def taken(self, chosen: npt.NDArray[np.int64]) -> "Names":
        """The names at those positions, in that order."""
        ends = np.cumsum(self.ends[chosen] - self._begins(chosen), dtype=np.int64)
        text = np.empty(ends[-1] if len(ends) else 0, dtype=np.uint8)
        for first in range(0, len(chosen), _AT_A_TIME):
            part = chosen[first : first + _AT_A_TIME]
            begins, upto = self._begins(part), ends[first : first + _AT_A_TIME]
            lengths = self.ends[part] - begins
            start = ends[first - 1] if first else 0
            shift = np.repeat(begins - (upto - lengths), lengths)
            text[start : upto[-1]] = self.text[np.arange(start, upto[-1]) + shift]
        return Names(text, ends)

    @staticmethod
    def joined(parts: Sequence["Names"]) -> "Names":
        """All names of all parts."""
        sizes = np.array([len(part.text) for part in parts])
        shifts = np.cumsum(sizes) - sizes
        ends = [part.ends + shift for part, shift in zip(parts, shifts, strict=True)]
        return Names(np.concatenate([part.text for part in parts]), np.concatenate(ends))

    def _begins(self, chosen: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        begins: npt.NDArray[np.int64] = np.where(chosen > 0, self.ends[chosen - 1], 0)
        return begins


class NamesWriter:
    """Gathers names, one after the other."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._text = bytearray()
        self._ends = array("q")
        for name in names:
            self.add(name)

    def __len__(self) -> int:
        return len(self._ends)

    def add(self, name: str) -> None:
        """Put a name behind the others."""
        self._text += os.fsencode(name)
        self._ends.append(len(self._text))

    def names(self) -> Names:
        """All of them; no more can be added then."""
        return Names(np.frombuffer(self._text, dtype=np.uint8), np.frombuffer(self._ends, dtype=np.int64))


class Paths(Sequence[Path]):
    """The paths of the files in a folder, each made when it is asked for.

    Attributes:
        root: the folder.
        names: the paths from there on.
    """

    def __init__(self, root: Path, names: Names) -> None:
        self.root = root
        self.names = names

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, at: int) -> Path: ...
    @overload
    def __getitem__(self, at: slice) -> "Paths": ...
    def __getitem__(self, at: int | slice) -> "Path | Paths":
        return Paths(self.root, self.names[at]) if isinstance(at, slice) else self.root / self.names[at]

    def __iter__(self) -> Iterator[Path]:
        return (self.root / name for name in self.names)

    def taken(self, chosen: npt.NDArray[np.int64]) -> "Paths":
        """The paths at those positions, in that order."""
        return Paths(self.root, self.names.taken(chosen))
