"""Names that stand for many: braces and wildcards."""

import glob
import re
from pathlib import Path

from classicnets.errors import UsageError

_RANGE = re.compile(r"(\d+)\.\.(\d+)")
_MOST = 10_000_000  # names; a slip of the finger in a range could ask for more than memory holds


def is_address(text: str) -> bool:
    """Whether ``text`` is an http or https address."""
    return text.startswith(("http://", "https://"))


def split(text: str) -> list[str]:
    """The parts between commas that stand outside of braces."""
    return re.split(r",(?![^{}]*})", text)


def braces(pattern: str) -> list[str]:
    """The names that a pattern with braces stands for: ``{000..146}`` counts, ``{a,b}`` lists.

    Numbers keep the zeros that the first is written with.

    Raises:
        UsageError: a brace is not closed, or a range counts down or without end.
    """
    found = re.search(r"[{}]", pattern)
    if not found:
        return [pattern]
    inner = re.match(r"\{([^{}]*)\}", pattern[found.start() :])
    if inner is None:
        raise UsageError(f"{pattern}: braces are written {{000..146}} or {{a,b}}, one pair beside the other")
    before, after = pattern[: found.start()], braces(pattern[found.start() + inner.end() :])
    return [before + middle + rest for middle in _alternatives(inner[1], pattern) for rest in after]


def local_files(pattern: str) -> list[str]:
    """The files that a pattern of braces and wildcards (``*``, ``?``, ``[0-9]``) stands for; sorted wildcards.

    Raises:
        UsageError: there are none, or one that is named is not there.
    """
    found: list[str] = []
    for name in braces(str(Path(pattern).expanduser())):
        here = sorted(glob.glob(name)) if glob.has_magic(name) else [name] * Path(name).is_file()  # noqa: PTH207  # of any folder
        if not here:
            raise UsageError(f"no file {name}" + ("" if name == pattern else f", which {pattern} stands for"))
        found += here
    return found


def _alternatives(inside: str, pattern: str) -> list[str]:
    counted = _RANGE.fullmatch(inside)
    if counted is None:
        return inside.split(",")
    first, last = int(counted[1]), int(counted[2])
    if not 0 <= last - first < _MOST:
        raise UsageError(f"{pattern}: {{{inside}}} should count up, to {_MOST:,} names at the most")
    return [f"{number:0{len(counted[1])}}" for number in range(first, last + 1)]
