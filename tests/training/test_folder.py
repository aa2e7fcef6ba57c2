"""A run's folder is made for one run, and gone on with only by the same one."""

from pathlib import Path
from typing import Any

import pytest
import torch

from classicnets.errors import UsageError
from classicnets.training.checkpoints import checkpoint_path
from classicnets.training.folder import new_run, newest_checkpoint, old_run
from classicnets.training.recipe.reading import complete

RECIPE = complete({"network": "lenet5", "data": "digits", "optimizer": {"lr": 0.005}, "options": {"a": 1}})


def test_a_new_run_keeps_its_recipe(tmp_path: Path) -> None:
    folder = new_run(tmp_path / "deep" / "run", RECIPE)
    assert old_run(folder, {}) == RECIPE


def test_a_run_without_a_name_is_made_under_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = new_run(None, complete({"network": "lenet5", "data": "folder:/home/me/pictures"}))
    assert folder.parent == Path("runs")
    assert folder.name.startswith("lenet5-folder-")


@pytest.mark.parametrize(
    ("file", "out", "told"),
    [
        ("run/recipe.yaml", "run", "recipe.yaml holds no fields"),
        ("run/notes.txt", "run", "holds other files"),
        ("run", "run", "is a file"),
        ("run", "run/inner", "is a file, or lies in one"),
    ],
)
def test_what_is_there_is_not_touched(tmp_path: Path, file: str, out: str, told: str) -> None:
    there = tmp_path / file
    there.parent.mkdir(exist_ok=True)
    there.write_text("mine")
    with pytest.raises(UsageError, match=told):
        new_run(tmp_path / out, RECIPE)
    assert there.read_text() == "mine"
    assert len(list(there.parent.iterdir())) == 1


def test_a_folder_with_another_run_is_refused(folder: Path) -> None:
    other = RECIPE.model_copy(update={"seed": 1})
    with pytest.raises(UsageError, match="holds the recipe of another run"):
        new_run(folder, other)
    assert new_run(folder, RECIPE) == folder, "nothing was trained yet, so the same run can begin again"
    checkpoint_path(folder / "checkpoints", 1).parent.mkdir()
    checkpoint_path(folder / "checkpoints", 1).touch()
    with pytest.raises(UsageError, match="holds another run; name another folder, or go on with that run by --resume"):
        new_run(folder, RECIPE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return new_run(tmp_path / "run", RECIPE)


@pytest.mark.parametrize(
    "wanted",
    [
        {"network": "lenet5", "data": "digits"},
        {"optimizer": {"lr": "5e-3"}},
        {"optimizer": {"betas": [0.9, 0.999]}},
        {"optimizer": {}},
        {"preprocessing": None},
        {"options": {"a": 1}},
        {"clip_norm": None},
    ],
)
def test_the_same_may_be_said_again(folder: Path, wanted: dict[str, Any]) -> None:
    assert old_run(folder, wanted) == RECIPE


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"network": "lenet5_dense"}, "network = 'lenet5', not 'lenet5_dense'"),
        ({"optimizer": {"lr": 0.1, "name": "sgd"}}, "optimizer.lr = 0.005, not 0.1"),
        ({"options": {"a": 2}}, "options.a = 1, not 2"),
        ({"options": {"b": 2}}, "options.b = None, not 2"),
        ({"clip_norm": 1}, "clip_norm = None, not 1"),
        ({"lr": 1}, "no field 'lr'"),
        ({"epochs": "abc"}, "epochs: should be a valid integer"),
    ],
)
def test_anything_else_is_refused(folder: Path, wanted: dict[str, Any], told: str) -> None:
    before = (folder / "recipe.yaml").read_bytes()
    with pytest.raises(UsageError, match=told):
        old_run(folder, wanted)
    assert (folder / "recipe.yaml").read_bytes() == before


def test_there_must_be_a_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path, tmp_path / "nowhere", tmp_path / "file"):
        with pytest.raises(UsageError, match="there is no run in"):
            old_run(folder, {})


def test_a_damaged_recipe_is_named(folder: Path) -> None:
    (folder / "recipe.yaml").write_text("epochs: 3\n")
    with pytest.raises(UsageError, match=r"recipe\.yaml: network: Field required"):
        old_run(folder, {})


def test_the_newest_checkpoint_that_can_be_read_counts(folder: Path) -> None:
    assert newest_checkpoint(folder) is None
    checkpoints = folder / "checkpoints"
    checkpoints.mkdir()
    torch.save({"step": 5}, checkpoint_path(checkpoints, 5))
    checkpoint_path(checkpoints, 10).write_bytes(b"half a")
    newest = newest_checkpoint(folder)
    assert newest is not None
    assert newest[1] == {"step": 5}
    checkpoint_path(checkpoints, 5).unlink()
    with pytest.raises(UsageError, match="step-000000010"):
        newest_checkpoint(folder)
