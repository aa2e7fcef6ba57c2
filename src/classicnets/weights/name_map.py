"""The same weights under two libraries' names: one table, good for both directions.

A line of the table pairs a path of this library's modules with the other library's, such as
``"conv{stage}_{block}.shortcut.norm"`` with ``"layer{stage-1}.{block-1}.downsample.1"``. A field in braces stands for
letters and digits; where the other side adds to it or takes away from it, for a number. The last part of a tensor's
name (``weight``, ``running_mean``) is the same in both libraries and stands in no table. Both sides have the same
fields, each once.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch

_FIELD = re.compile(r"{([a-z]+)([+-][0-9]+)?}")


@dataclass(frozen=True)
class AsConvolution:
    """A fully connected layer here that the other library has as a convolution over the whole map.

    Attributes:
        path: the other library's.
        kernel: its side in pixels.
    """

    path: str
    kernel: int = 1


class NameMap:
    """Names and shapes of a network's tensors here and in another library.

    Args:
        table: this library's paths, each with the other's. The first line that fits counts.
    """

    def __init__(self, table: Mapping[str, str | AsConvolution]) -> None:
        self._lines = [_line(ours, theirs) for ours, theirs in table.items()]

    def pairs(self, names: Iterable[str]) -> dict[str, str]:
        """This library's names of a network's tensors, each with the other library's, which has them all."""
        pairs = {}
        for name in names:
            theirs = self.to_theirs(name)
            assert theirs is not None, f"{name} has no name in the other library"
            pairs[name] = theirs
        assert len(set(pairs.values())) == len(pairs), "two tensors have one name in the other library"
        return pairs

    def to_theirs(self, name: str) -> str | None:
        """The other library's name of a tensor, None where it has none."""
        path, _, last = name.rpartition(".")
        for line in self._lines:
            if found := line.ours.fullmatch(path):
                return f"{_filled(line.path, found.groupdict())}.{last}"
        return None

    def knows(self, theirs: str) -> bool:
        """Whether a tensor of the other library's could be in a network of this table."""
        path, _, _ = theirs.rpartition(".")
        return any(line.theirs.fullmatch(path) for line in self._lines)

    def shaped_as_theirs(self, name: str, tensor: torch.Tensor) -> torch.Tensor:
        """This library's tensor ``name`` in the shape that the other has it in."""
        kernel = self._kernel(name)
        return tensor if kernel is None else tensor.reshape(len(tensor), -1, kernel, kernel)

    def shaped_as_ours(self, name: str, tensor: torch.Tensor) -> torch.Tensor:
        """The other library's tensor in the shape that this library has it in under ``name``."""
        return tensor if self._kernel(name) is None else tensor.flatten(1)

    def _kernel(self, name: str) -> int | None:
        """The side of the other library's convolution, where ``name`` is the weights of a fully connected layer."""
        path, _, last = name.rpartition(".")
        line = next((line for line in self._lines if line.ours.fullmatch(path)), None)
        return line.kernel if line is not None and last == "weight" else None


class _Line(NamedTuple):
    """A line of a table: both sides as patterns, and the other library's as it is written."""

    ours: re.Pattern[str]
    theirs: re.Pattern[str]
    path: str
    kernel: int | None


def _line(ours: str, theirs: str | AsConvolution) -> _Line:
    path, kernel = (theirs.path, theirs.kernel) if isinstance(theirs, AsConvolution) else (theirs, None)
    return _Line(_pattern(ours), _pattern(path), path, kernel)


def _pattern(path: str) -> re.Pattern[str]:
    literals = [re.escape(literal) for literal in _FIELD.split(path)[::3]]
    fields = [f"(?P<{name}>[A-Za-z0-9]+)" for name, _ in _FIELD.findall(path)]
    return re.compile(literals[0] + "".join(part for pair in zip(fields, literals[1:], strict=True) for part in pair))


def _filled(path: str, values: Mapping[str, str]) -> str:
    def value(field: re.Match[str]) -> str:
        name, plus = field.groups()
        return values[name] if plus is None else str(int(values[name]) + int(plus))

    return _FIELD.sub(value, path)
