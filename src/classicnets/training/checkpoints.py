"""Checkpoints that are written whole, read without running code, and never lost to a failed write."""

import pickle
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from classicnets.errors import UsageError
from classicnets.files import write_whole

KEPT = 2  # should the newest be unreadable, the one before it is there
_NAME = re.compile(r"step-(\d+)\.ckpt")
# What the readers of zip archives, of pickles and of torch raise on broken files.
_BROKEN = (zipfile.BadZipFile, zlib.error, pickle.UnpicklingError, EOFError, RuntimeError, ValueError)


class WholeCheckpoints(TorchCheckpointIO):
    """Lightning's way to disk, with files that are written beside and then renamed."""

    def save_checkpoint(self, checkpoint: Mapping[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write ``checkpoint`` to ``path``, whole or not at all; afterwards it is the newest of the `KEPT` that stay.

        Later ones can only be those that were found damaged when the run was resumed: they go, too.
        """
        written = Path(path)
        write_whole(written, lambda beside: _save(dict(checkpoint), beside))
        there = checkpoints(written.parent)
        upto = there.index(written) + 1
        for other in (*there[:upto][:-KEPT], *there[upto:]):
            other.unlink()

    def load_checkpoint(self, path: Any, *_arguments: Any, **_named: Any) -> dict[str, Any]:
        """Read a checkpoint without running what it holds."""
        return read_checkpoint(Path(path))


def _save(content: dict[str, Any], path: Path) -> None:
    with path.open("wb") as file:
        witness = _Witness(file)
        try:
            torch.save(content, witness)  # type: ignore[arg-type]  # torch writes and flushes, no more
        except RuntimeError as error:
            # torch tells of a failed write only that its count of bytes is off; the file itself said why.
            raise witness.error or error from error


class _Witness:
    """Hands what is written on to a file, and remembers why a write failed."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.error: OSError | None = None

    def write(self, content: Any) -> int:
        try:
            return self.file.write(content)
        except OSError as error:
            self.error = self.error or error
            raise

    def flush(self) -> None:
        self.file.flush()


def checkpoint_path(folder: Path, step: int) -> Path:
    """Where the checkpoint after that many steps lies."""
    return folder / f"step-{step:09d}.ckpt"


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints in a folder, oldest first; unfinished files are not among them."""
    return sorted(path for path in folder.glob("step-*.ckpt") if _NAME.fullmatch(path.name))


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What a checkpoint holds.

    Raises:
        UsageError: it is damaged, or holds what could run code.
    """
    try:
        _must_be_undamaged(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UsageError(f"cannot read the checkpoint {path}: {error.strerror or error}") from error
    except _BROKEN as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(f"the checkpoint {path} is damaged or not one ({reason})") from error
    if not isinstance(content, dict):
        raise UsageError(f"{path} holds no checkpoint")
    return content


def _must_be_undamaged(path: Path) -> None:
    # torch reads on without a word where bits have changed: it leaves the sums in its files unchecked.
    with zipfile.ZipFile(path) as archive:
        if damaged := archive.testzip():
            raise zipfile.BadZipFile(f"the checksum of {damaged} is wrong")
