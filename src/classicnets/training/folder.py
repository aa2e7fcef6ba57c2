"""A run's folder: made for one run, and gone on with only by the same one."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from classicnets.errors import UsageError
from classicnets.training.checkpoints import checkpoints, read_checkpoint
from classicnets.training.recipe.reading import complete, merge, read_fields, write
from classicnets.training.recipe.recipe import Recipe
from classicnets.training.watch.names import RECIPE, RECORDS


def new_run(folder: Path | None, recipe: Recipe) -> Path:
    """Make the folder of a run, under ``runs/`` with the time in its name where none is given, and put the recipe in.

    Raises:
        UsageError: the folder already holds something, or cannot be written.
    """
    if folder is None:
        data = recipe.data.split(":")[0]
        folder = Path("runs") / f"{recipe.network}-{data}-{time.strftime('%Y%m%d-%H%M%S')}"
    must_be_free(folder)
    file = folder / RECIPE
    if file.exists() and read_fields(file) != recipe.model_dump(mode="json"):
        raise UsageError(f"--out {folder} holds the recipe of another run; name another folder")
    write(file, recipe)
    return folder


def must_be_free(folder: Path) -> None:
    """Make sure that ``folder`` can take a new run. One that ended before its first checkpoint is not in the way:
    the same can be started there again, which `new_run` makes sure of.

    Raises:
        UsageError: the folder holds something else, or cannot be looked into.
    """
    try:
        holds = {path.name for path in folder.iterdir()}
    except FileNotFoundError:
        holds = set()
    except NotADirectoryError as error:
        raise UsageError(f"--out {folder} is a file, or lies in one; name a folder for the run") from error
    except OSError as error:
        raise UsageError(f"--out {folder} cannot be looked into: {error.strerror or error}") from error
    if RECIPE in holds and (checkpoints(folder / "checkpoints") or "bundle" in holds):
        raise UsageError(f"--out {folder} holds another run; name another folder, or go on with that run by --resume")
    if holds - {RECIPE, "checkpoints"} - RECORDS:
        raise UsageError(f"--out {folder} holds other files; name a new or an empty folder")


def is_begun(folder: Path) -> bool:
    """Whether ``folder`` holds a run that has something to go on from."""
    return (folder / RECIPE).is_file() and bool(checkpoints(folder / "checkpoints"))


def old_run(folder: Path, wanted: Mapping[str, Any]) -> Recipe:
    """The recipe of the run in ``folder``, which must agree with every field that is wanted now.

    Raises:
        UsageError: there is no run, it was started with another value of a field, or a wanted field is a mistake.
    """
    file = folder / RECIPE
    try:
        is_there = file.is_file()
    except OSError as error:
        raise UsageError(f"--resume: {folder} cannot be looked into: {error.strerror or error}") from error
    if not is_there:
        raise UsageError(f"--resume: there is no run in {folder} (no {RECIPE}); leave out --resume to start one")
    recipe = complete(read_fields(file), source=str(file))
    stored = recipe.model_dump()
    # A preprocessing of None asks for the one that was filled in when the run began.
    asked = {field: value for field, value in wanted.items() if (field, value) != ("preprocessing", None)}
    # Through the model, so that what is compared has been read alike: a list is a tuple, "0.1" is 0.1.
    now = complete(merge(stored, asked)).model_dump()
    _must_agree(folder, stored, now, asked, "")
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


def _must_agree(
    folder: Path, stored: Mapping[str, Any], now: Mapping[str, Any], asked: Mapping[str, Any], inside: str
) -> None:
    """Compare the fields that are asked for, and no others, as they are stored and as they would be now."""
    for field, value in asked.items():
        was, wanted = stored.get(field), now.get(field)
        if isinstance(value, Mapping) and isinstance(was, Mapping) and isinstance(wanted, Mapping):
            _must_agree(folder, was, wanted, value, f"{inside}{field}.")
        elif was != wanted:
            raise UsageError(
                f"--resume: the run in {folder} was started with {inside}{field} = {was!r}, not {wanted!r};"
                " leave it out to go on as it was, or start another run with another --out"
            )
