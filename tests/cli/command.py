"""The command line, run in this process."""

import json
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from classicnets.cli import main, output


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a command left: its exit code and what it wrote."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """The JSON on the last line of standard output."""
        return json.loads(self.out.splitlines()[-1])

    def mistake(self) -> str:
        """The one line that a user's mistake is answered with, and nothing else."""
        lines = self.err.splitlines()
        assert (self.code, self.out, len(lines)) == (2, "", 1), self
        assert lines[0].startswith("error: ")
        return lines[0]


class Command:
    """Runs `classicnets` with arguments."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch = monkeypatch
        self.capsys = capsys

    def __call__(self, *arguments: object) -> Outcome:
        for stream in (output.console, output.messages):
            stream.cache_clear()  # the environment that they look at may have changed
        self.monkeypatch.setattr(sys, "argv", ["classicnets", *map(str, arguments)])
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        assert isinstance(end.value.code, int)
        captured = self.capsys.readouterr()
        return Outcome(code=end.value.code, out=captured.out, err=captured.err)
