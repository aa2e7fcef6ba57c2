"""A run's folder: made for one run, and gone on with only by the same one."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from classicnets.errors import UsageError
from classicnets.training.checkpoints import checkpoints, read_checkpoint
from classicnets.training.recipe import Recipe, complete, read_fields, write

RECIPE = "recipe.yaml"


def new_run(folder: Path | None, recipe: Recipe) -> Path:
    """Make the folder of a run, under ``runs/`` with the time in its name where none is given, and put the recipe in.

    Raises:
        UsageError: the folder already holds something, or cannot be written.
    """
    if folder is None:
        data = recipe.data.split(":")[0]
        folder = Path("runs") / f"{recipe.network}-{data}-{time.strftime('%Y%m%d-%H%M%S')}"
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--out {folder} is a file; name a folder for the run")
    if folder.is_dir() and any(folder.iterdir()):
        what = "another run" if (folder / RECIPE).exists() else "other files"
        hint = "name another folder, or go on with that run by --resume" if what == "another run" else "name another"
        raise UsageError(f"--out {folder} holds {what}; {hint}")
    write(folder / RECIPE, recipe)
    return folder


def old_run(folder: Path, wanted: Mapping[str, Any]) -> Recipe:
    """The recipe of the run in ``folder``, which must agree with every field that is wanted now.

    Raises:
        UsageError: there is no run, or it was started with another value of a field.
    """
    if not (folder / RECIPE).is_file():
        raise UsageError(f"--resume: there is no run in {folder} (no {RECIPE}); leave out --resume to start one")
    fields = read_fields(folder / RECIPE)
    recipe = complete(fields, source=str(folder / RECIPE))
    _must_agree(folder, recipe.model_dump(mode="json"), wanted, "")
    return recipe


def newest_checkpoint(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """The newest checkpoint of a run that can be read, with what it holds; None where the run has none yet.

    Raises:
        UsageError: there are checkpoints, and none can be read.
    """
    damage: UsageError | None = None
    for path in reversed(checkpoints(folder / "checkpoints")):
        try:
            return path, read_checkpoint(path)
        except UsageError as error:
            damage = damage or error
    if damage is not None:
        raise damage
    return None


def _must_agree(folder: Path, stored: Mapping[str, Any], wanted: Mapping[str, Any], inside: str) -> None:
    for field, value in wanted.items():
        was = stored.get(field)
        if isinstance(value, Mapping) and isinstance(was, Mapping):
            _must_agree(folder, was, value, f"{inside}{field}.")
        elif was != (list(value) if isinstance(value, tuple) else value):
            raise UsageError(
                f"--resume: the run in {folder} was started with {inside}{field} = {was!r}, not {value!r};"
                " leave it out to go on as it was, or start another run with another --out"
            )
