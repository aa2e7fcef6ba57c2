"""`compare`: networks side by side, for people and for programs."""

import json
from pathlib import Path

import pytest

from tests.cli.command import Command
from tests.web.reading import Page


def test_as_a_table(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out = command("compare", "alexnet", "resnet18").out
    lines = out.splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.split()[:3] == ["alexnet", "2012", "61.0"] for line in lines)
    assert any(line.startswith("resnet18") and "6.42 MB" in line for line in lines)
    assert "inputs differ" in out
    assert "MACs are multiply-accumulates" in out


def test_as_json(command: Command) -> None:
    compared = json.loads(command("compare", "lenet5", "resnet20_cifar", "--batch", 4, "--json").out)
    assert compared["batch"] == 4
    lenet, resnet = compared["networks"]
    assert (lenet["name"], lenet["year"], lenet["parameters"], lenet["input"]) == ("lenet5", 1998, 60_000, [1, 32, 32])
    assert resnet["reported"]["value"] == 8.75
    assert compared["warnings"]


def test_as_markdown(command: Command) -> None:
    out = command("compare", "lenet5", "resnet20_cifar", "--markdown").out
    assert "| lenet5 | 1998 | 1 x 32 x 32 | 60,000 |" in out


def test_at_another_size(command: Command) -> None:
    compared = json.loads(command("compare", "resnet20_cifar", "resnet18", "--input", "3x64x64", "--json").out)
    assert [network["input"] for network in compared["networks"]] == [[3, 64, 64]] * 2


def test_as_a_page(command: Command, tmp_path: Path) -> None:
    outcome = command("compare", "resnet20_cifar", "resnet32_cifar", "--html", tmp_path / "beside.html")
    assert (outcome.code, outcome.out) == (0, "")
    assert "beside.html" in outcome.err
    assert Page((tmp_path / "beside.html").read_text()).title == "resnet20_cifar, resnet32_cifar"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "NETWORK"),
        (("vgg17",), "did you mean vgg1"),
        (("lenet5", "resnet21_cifar"), "6n + 2"),
        (("lenet5", "--input", "32x"), "--input 32x"),
        (("alexnet", "--input", "16"), "alexnet takes images of at least"),
        (("lenet5", "--batch", "0"), "at least 1"),
        (("lenet5", "--foo"), "--foo"),
    ],
)
def test_mistakes(command: Command, arguments: tuple[str, ...], told: str) -> None:
    assert told in command("compare", *arguments).mistake()
