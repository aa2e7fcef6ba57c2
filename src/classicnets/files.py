"""Files that are written whole or not at all."""

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from classicnets.errors import UsageError


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Have ``write`` fill a new file beside ``path``, then put it in place in one step.

    Whatever stood at ``path`` stays untouched until the new file is complete and on the disk, so a full disk, a
    read-only folder or a killed process costs the new content only.

    Raises:
        UsageError: the file could not be written; the former content of ``path`` survives.
    """
    beside: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        os.close(handle)
        beside = Path(name)
        write(beside)
        _to_disk(beside)
        beside.chmod(0o666 & ~_umask())
        beside.replace(path)
    except OSError as error:
        kept = "; the former file is intact" if path.exists() else ""
        raise UsageError(f"cannot write {path}: {error.strerror or error}{kept}") from error
    finally:
        if beside is not None:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)


def remove_unfinished(folder: Path) -> None:
    """Delete what a killed `write_whole` left in ``folder``; nobody else may be writing there."""
    for part in folder.glob(".*.part"):
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 to ``path``, whole or not at all (see `write_whole`)."""
    write_whole(path, lambda beside: _write_utf8(beside, text))


def _write_utf8(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _to_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _umask() -> int:
    # The process-wide mask can only be read by setting it.
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
