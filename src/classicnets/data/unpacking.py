"""Archives to plain files: only the files that are wanted, under fixed names, and only with the right sums."""

import gzip
import hashlib
import tarfile
from pathlib import Path
from typing import Protocol

from classicnets.data.descriptions import Archive
from classicnets.errors import UsageError
from classicnets.files import write_whole

_BLOCK = 1 << 20


class Readable(Protocol):
    """What bytes can be read from, one block after another."""

    def read(self, size: int, /) -> bytes: ...


def unpack(archive: Archive, path: Path, folder: Path) -> None:
    """Write the contents of ``archive``, which lies at ``path``, to ``folder``.

    Names inside a tar archive are compared with the wanted ones and never used as paths, so none leads elsewhere.

    Raises:
        UsageError: the archive lacks a file or holds another in its place, or a file cannot be written.
    """
    if archive.name.endswith((".tar.gz", ".tgz")):
        _unpack_tar(archive, path, folder)
    else:
        ((name, sha256),) = archive.contents.items()
        with gzip.open(path) as stream:
            write_content(folder / name, stream, sha256)


def write_content(path: Path, stream: Readable, sha256: str) -> None:
    """Write a stream to a file, whole or not at all, provided that its SHA-256 is the one given.

    Raises:
        UsageError: it is another, or the file cannot be written.
    """

    def copy(beside: Path) -> None:
        digest = hashlib.sha256()
        with beside.open("wb") as file:
            while block := stream.read(_BLOCK):
                digest.update(block)
                file.write(block)
        if digest.hexdigest() != sha256:
            raise UsageError(f"{path} is not written: SHA-256 should be {sha256}, is {digest.hexdigest()}")

    write_whole(path, copy)


def _unpack_tar(archive: Archive, path: Path, folder: Path) -> None:
    missing = {f"{archive.folder}/{name}": name for name in archive.contents}
    with tarfile.open(path, "r:gz") as tar:
        for member in tar:
            stream = tar.extractfile(member) if member.isfile() and member.name in missing else None
            if stream is not None:
                name = missing.pop(member.name)
                write_content(folder / name, stream, archive.contents[name])
    if missing:
        raise UsageError(f"{path}: holds no {', '.join(missing)}")
