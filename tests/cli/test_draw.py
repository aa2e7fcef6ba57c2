"""`classicnets draw`."""

import json
from pathlib import Path

import pytest

from tests.cli.command import Command


def test_the_picture_has_the_networks_name_by_default(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = command("draw", "lenet5")
    assert (outcome.code, outcome.out) == (0, "lenet5.svg\n")
    assert (tmp_path / "lenet5.svg").read_text().startswith("<?xml")


def test_options_and_size_reach_the_network(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "wide.svg"
    command("draw", "resnet20_cifar", "--set", "shortcut=B", "--input", "3x64x64", "--out", file)
    text = file.read_text()
    assert "16 x 64 x 64" in text
    assert "zeros" not in text


def test_the_ending_decides(command: Command, tmp_path: Path) -> None:
    for name in ("net.json", "net.macs.json"):
        assert command("draw", "lenet5", "--out", tmp_path / name).out == f"{tmp_path / name}\n"
    assert json.loads((tmp_path / "net.json").read_text())["label"] == "lenet5"
    assert json.loads((tmp_path / "net.macs.json").read_text())["lenet5"]["name"] == "MACs"


@pytest.mark.parametrize("name", ["net.png", "net"])
def test_another_ending_is_refused(command: Command, tmp_path: Path, name: str) -> None:
    assert f"{name}: the file must end in .svg" in command("draw", "lenet5", "--out", tmp_path / name).mistake()


def test_an_unknown_network_is_refused(command: Command) -> None:
    assert "resnet18" in command("draw", "resnet19").mistake()
