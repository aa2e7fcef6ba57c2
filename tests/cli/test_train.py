"""`train` and its run folder."""

import builtins
from pathlib import Path
from typing import Any

import pytest

from classicnets.training.recipe.reading import complete, read_fields
from classicnets.training.run import Run
from tests.cli.command import Command


def test_train_leaves_a_run_and_ends_with_its_result(command: Command, tmp_path: Path) -> None:
    out = tmp_path / "run"
    given = ("--epochs", 1, "--set", "optimizer.lr=2e-3", "--set", "seed=3", "--out", out, "--json")
    outcome = command("train", "lenet5", "--data", "digits", *given)
    assert outcome.code == 0
    told = outcome.json()
    assert list(told) == ["bundle", "report", "images", "top1_error", "top5_error", "interval"]
    assert (told["bundle"], told["report"], told["images"]) == (str(out / "bundle"), str(out / "report.html"), 360)
    assert len(outcome.out.splitlines()) == 1
    assert outcome.err.startswith("epoch 1/1")
    recipe = complete(read_fields(out / "recipe.yaml"))
    assert (recipe.optimizer.lr, recipe.seed, recipe.optimizer.name) == (0.002, 3, "adamw")
    again = command("evaluate", out / "bundle", "--json").json()
    assert all(again[key] == told[key] for key in told)


def test_resume_compares_what_is_given_and_no_more(command: Command, run: Run) -> None:
    same = ("lenet5", "--data", "digits", "--epochs", 1, "--set", "optimizer.lr=5e-3", "--set", "preprocessing=")
    for given in ((), same, ("--recipe", run.folder / "recipe.yaml")):
        outcome = command("train", *given, "--resume", "--out", run.folder)
        assert outcome.code == 0, outcome
        assert "test error" in outcome.out


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("lenet5_dense",), "network = 'lenet5', not 'lenet5_dense'"),
        (("--data", "mnist"), "data = 'digits', not 'mnist'"),
        (("--epochs", "2"), "epochs = 1, not 2"),
        (("--set", "optimizer.lr=1e-3"), "optimizer.lr = 0.005, not 0.001"),
        (("--set", "optimizer.lrr=1"), "did you mean lr?"),
        (("--set", "epochs=abc"), "epochs: should be a valid integer"),
    ],
)
def test_resume_refuses_another_recipe(command: Command, run: Run, given: tuple[str, ...], told: str) -> None:
    assert told in command("train", *given, "--resume", "--out", run.folder).mistake()


def test_a_run_is_never_written_over(command: Command, run: Run, tmp_path: Path) -> None:
    before = (run.folder / "recipe.yaml").read_bytes()
    assert "another run" in command("train", "lenet5", "--data", "digits", "--out", run.folder).mistake()
    assert (run.folder / "recipe.yaml").read_bytes() == before
    (tmp_path / "thesis.txt").write_text("years of work")
    assert "other files" in command("train", "lenet5", "--data", "digits", "--out", tmp_path).mistake()


@pytest.mark.parametrize("package", ["lightning", "jinja2", "plotly"])
def test_packages_that_training_needs_are_named(
    command: Command, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **named: Any) -> Any:
        if name == "classicnets.training.run":
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    told = command("train", "lenet5", "--data", "digits").mistake()
    assert f"{package}, which is not installed: pip install 'classicnets[train]'" in told


def test_recompute_is_a_field_of_the_recipe(command: Command, tmp_path: Path) -> None:
    given = ("train", "lenet5", "--data", "digits", "--set", "steps=2", "--recompute", "auto")
    outcome = command(*given, "--out", tmp_path / "run")
    assert outcome.code == 0
    assert "recomputing rows: a step holds" in outcome.err
    assert complete(read_fields(tmp_path / "run" / "recipe.yaml")).recompute == "auto"
    told = command(*given[:-1], "C9", "--out", tmp_path / "other").mistake()
    assert "lenet5 has no row 'C9'" in told
