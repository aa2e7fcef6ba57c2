"""What the README says is so: its code runs, its commands and files exist."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from classicnets import catalog
from classicnets.cli.commands import app

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def commands(program: str) -> list[list[str]]:
    """The arguments of each line in a shell block that calls ``program``."""
    lines = [shlex.split(line, comments=True) for block in blocks("sh") for line in block.splitlines()]
    return [words[1:] for words in lines if words[:1] == [program]]


def options(command: typer.core.TyperCommand) -> Iterator[str]:
    for parameter in command.params:
        yield from parameter.opts


def test_there_is_something_to_test() -> None:
    assert blocks("python")
    assert {"list", "show", "data", "train", "evaluate", "predict"} <= {words[0] for words in commands("classicnets")}


def test_python_runs_and_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, object] = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), namespace)
        printed = capsys.readouterr().out.splitlines()
        for said in re.findall(r"^print\(.*\)  # (.*)$", block, flags=re.MULTILINE):
            assert said in printed


@pytest.mark.parametrize("arguments", commands("classicnets"), ids=" ".join)
def test_commands_are_understood(arguments: list[str]) -> None:
    """Read down to the last argument, without doing what they say."""
    command = typer.main.get_command(app)
    context = command.make_context("classicnets", list(arguments), resilient_parsing=False)
    while isinstance(command, typer.core.TyperGroup):
        name, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert found is not None
        assert name is not None
        command, context = found, found.make_context(name, rest, parent=context)
    assert not context.args


@pytest.mark.parametrize(
    "arguments",
    [words for words in commands("classicnets") if words[0] in {"list", "show", "compare", "draw", "explain"}],
    ids=" ".join,
)
def test_commands_that_only_tell_something_do(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    subject = arguments[1].split("-")[0] if arguments[1:] else "resnet20_cifar"
    written = [Path(word).read_text(encoding="utf-8") for word in arguments if word.endswith((".html", ".svg"))]
    assert any(subject in told.lower() for told in (result.stdout, *written))


def test_networks_and_data_of_commands_exist() -> None:
    from classicnets.data.descriptions import SETS

    for arguments in commands("classicnets"):
        if arguments[0] in {"train", "show", "draw"} and arguments[1] != "--from":
            catalog.find(arguments[1])
        if "--data" in arguments:
            data = arguments[arguments.index("--data") + 1]
            assert data in {*SETS, "digits"} or data.startswith(("folder:", "imagenet:", "shards:"))


def test_options_in_the_text_exist() -> None:
    known = {name for group in all_commands() for name in options(group)}
    prose = re.sub(r"^```.*?^```", "", README, flags=re.MULTILINE | re.DOTALL)
    mentioned = set(re.findall(r"`(--[a-z-]+)", prose))
    assert mentioned <= known


def all_commands() -> Iterator[typer.core.TyperCommand]:
    waiting = [typer.main.get_command(app)]
    while waiting:
        command = waiting.pop()
        if isinstance(command, typer.core.TyperGroup):
            waiting.extend(command.commands.values())
        else:
            assert isinstance(command, typer.core.TyperCommand)
            yield command


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    mentioned = {words[0] for words in commands("make")} | set(re.findall(r"`make ([a-z]+)`", README))
    assert {"demo", "test"} <= mentioned <= targets


def test_files_that_are_linked_to_exist() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_networks_in_the_table_exist() -> None:
    table = README.partition("## Networks")[2].partition("\n## ")[0]
    names = re.findall(r"`([a-z0-9_]+)`", table)
    assert len(names) > 3
    for name in names:
        catalog.find(name)
