"""The examples in the help texts run."""

import inspect
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from classicnets.cli import compare, data, draw, features, networks, plan, report, train, use
from classicnets.training.run import Run
from tests.cli.command import Command

COMMANDS: list[Callable[..., Any]] = [
    networks.list_,
    networks.show,
    compare.compare,
    draw.draw,
    plan.plan,
    train.train,
    report.report,
    use.evaluate,
    use.predict,
    features.features,
    features.probe,
    data.list_,
    data.get,
    data.check,
    data.show,
    data.shard,
]


def example(of: Callable[..., Any]) -> list[str]:
    """The arguments of the example in a command's help."""
    found = re.search(r"^Example: classicnets (.+)$", inspect.getdoc(of) or "", re.MULTILINE)
    assert found, f"{of.__name__} shows no example"
    return shlex.split(found[1])


@pytest.mark.parametrize("of", COMMANDS, ids=lambda of: f"{of.__module__}.{of.__name__}")
def test_example(
    of: Callable[..., Any],
    command: Command,
    run: Run,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLASSICNETS_DATA", str(tmp_path / "sets"))
    arguments = example(of)
    if of is train.train:
        arguments += ["--epochs", "1"]
    if of in (use.evaluate, use.predict, report.report, features.features, features.probe):
        (tmp_path / "runs").mkdir()
        (tmp_path / "runs" / "first").symlink_to(run.folder)
        (photos / "d.jpg").rename(tmp_path / "photo.jpg")
        for broken in photos.glob("*.jpg"):
            broken.unlink()
        photos.rename(tmp_path / "more-photos")
    if of is data.get:
        monkeypatch.setattr("classicnets.data.download.get", lambda name, **_: tmp_path / name)
    outcome = command(*arguments)
    if of is data.check:  # nothing was fetched here
        assert "get it with: classicnets data get mnist" in outcome.mistake()
    else:
        assert outcome.code == 0, outcome
