"""`plan` and the page that shows it."""

import json
import re
import shlex
from pathlib import Path

import pytest
import typer

from classicnets.cli.commands import app
from classicnets.inspection.inspection import inspect
from classicnets.inspection.units import size
from tests.cli.command import Command

PAGE = (Path(__file__).parents[2] / "docs" / "from_one_machine_to_many.md").read_text(encoding="utf-8")
PLAN = ("plan", "resnet20_cifar", "--data-size", "50000")


def commands() -> list[list[str]]:
    """What every line of the page that calls the program gives it."""
    blocks = re.findall(r"^```(?:sh|bash)\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    lines = [shlex.split(line, comments=True) for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line[line.index("classicnets") + 1 :] for line in lines if "classicnets" in line]


def test_as_a_table(command: Command) -> None:
    lines = command(*PLAN, "--devices", 2, "--epochs", 10, "--rate", 1000).out.splitlines()
    assert lines[0] == "resnet20_cifar  input 3 x 32 x 32, 50,000 images, 2 devices (ddp), fp32"
    named = {line[:17].strip(): line[17:].split() for line in lines[1:] if line and not line.startswith("-")}
    assert named["steps"][0] == "3,910"
    assert named["hours"][0] == "0.07"
    assert named["exchange a step"][:2] == ["1.08", "MB"]
    assert named["reading"][:4] == ["2,000", "images/s", "from", "memory"]
    assert any(line.startswith("- one device learns from 1,000 images/s: given") for line in lines)


def test_as_json(command: Command) -> None:
    told = json.loads(command(*PLAN, "--devices", 4, "--recipe", "paper", "--rate", 1000, "--json").out)
    assert (told["network"], told["input"], told["data_size"], told["devices"]) == (
        "resnet20_cifar",
        [3, 32, 32],
        50_000,
        4,
    )
    assert (told["steps"], told["batch"], told["recipe"]["batch_size"]) == (64_000, 32, 128)
    assert told["exchange"]["gradients"] == 4 * 269_722
    assert told["rate"] == {"images_per_second": 1000.0, "source": "given"}
    assert told["memory"]["total"] == sum(part for name, part in told["memory"].items() if name != "total")
    assert told["hours"] == pytest.approx([64_000 * 0.032 / 3600] * 2, rel=0.06)
    assert told["decoding"] is None
    assert told["assumptions"]


def test_options_stand_above_the_recipe(command: Command) -> None:
    given = ("--batch", 64, "--optimizer", "adamw", "--recompute", "auto", "--input", "64", "--precision", "fp32")
    told = json.loads(command(*PLAN, *given, "--rate", 10, "--json").out)
    assert (told["input"], told["recipe"]["batch_size"], told["recipe"]["optimizer"]) == ([3, 64, 64], 64, "adamw")
    assert told["memory"]["optimizer_state"] == 2 * 4 * 269_722
    assert 0.1 < told["recomputed"] < 0.25


def test_images_to_decode_need_cores(command: Command) -> None:
    given = ("plan", "resnet18", "--data-size", 1000, "--rate", 400, "--devices", 4, "--decode", 300, "--json")
    told = json.loads(command(*given).out)
    assert told["images_per_second"] == pytest.approx(1600)
    assert told["decoding"] == {"images_per_second": 300.0, "source": "given", "cores": 6}


def test_a_measurement_says_so(command: Command) -> None:
    outcome = command("plan", "lenet5", "--data-size", 1437, "--epochs", 1, "--measure", "--recipe", "lenet5/digits")
    assert outcome.code == 0
    assert outcome.err.startswith("taking training steps of 32 images on this machine's")
    assert "measured, " in outcome.out


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--rate", "10", "--measure"), "give one of them"),
        (("--machine", "a10"), "did you mean a100"),
        (("--link", "10"), "write 10GB/s"),
        (("--devices", "300"), "too small for 300 devices"),
        (("--recompute", "conv9", "--rate", "1"), "no row 'conv9'"),
        (("--recompute", "1MB", "--rate", "1"), "alone take"),
        (("--precision", "fp8"), "precision: should be 'auto'"),
        (("--recipe", "papr"), "no recipe 'papr'"),
    ],
)
def test_mistakes(command: Command, given: tuple[str, ...], told: str) -> None:
    assert told in command(*PLAN, *given).mistake()


class TestPage:
    @pytest.mark.parametrize("arguments", commands(), ids=" ".join)
    def test_commands_are_understood(self, arguments: list[str]) -> None:
        command = typer.main.get_command(app)
        context = command.make_context("classicnets", list(arguments))
        while isinstance(command, typer.core.TyperGroup):
            name, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
            assert found is not None
            assert name is not None
            command, context = found, found.make_context(name, rest, parent=context)
        assert not context.args

    def test_what_it_shows_is_what_plan_prints(self, command: Command) -> None:
        shown = re.findall(r"^```sh\nclassicnets (plan [^\n]*)\n```\n\n```text\n(.*?)\n```", PAGE, re.M | re.S)
        assert len(shown) == 3
        for arguments, text in shown:
            printed = [line.rstrip() for line in command(*shlex.split(arguments)).out.rstrip().splitlines()]
            assert printed == text.splitlines()

    def test_the_memory_that_recomputing_leaves(self) -> None:
        rows = re.findall(r"^\| `(\w+)`, (\d+) images \| (.+?) \| (.+?) \| (.+?) \|$", PAGE, re.M)
        assert len(rows) == 6
        for name, images, *figures in rows:
            if name == "resnet1202_cifar":
                continue  # takes seconds: test_recompute holds its figures
            found = inspect(name, batch=int(images)).recomputation
            assert found is not None
            assert figures == [size(found.kept_peak), size(found.peak), f"{found.share:.1%}"]

    def test_readme_leads_there(self) -> None:
        readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
        assert "docs/from_one_machine_to_many.md" in readme
