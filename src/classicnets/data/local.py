"""The data folder: where the built-in sets lie unpacked, each in a folder of its own name."""

import hashlib
import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from classicnets.data.descriptions import SetDescription
from classicnets.data.formats import Bytes, Files, Labels
from classicnets.data.patterns import is_address, split
from classicnets.errors import UsageError

MANIFEST = "SHA256SUMS"
"""The file beside the unpacked ones that lists their sums, as ``sha256sum --check`` reads it."""

FOLDER = "folder:"
"""What stands before the path of one's own images where a data set is named."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of a set, as read from its files.

    Attributes:
        pixels: uint8, (images, height, width, channels).
        labels: int64, (images,).
    """

    pixels: Bytes
    labels: Labels


SHARDS = "shards:"
"""What stands before the place of shards where a data set is named."""

IMAGENET = "imagenet:"
"""What stands before the folder of ImageNet where a data set is named."""


def default_data_dir() -> Path:
    """The folder of data sets: what CLASSICNETS_DATA names, else ``classicnets/data`` in the user's cache folder."""
    named = os.environ.get("CLASSICNETS_DATA")
    return Path(named) if named else user_cache_path("classicnets") / "data"


def absolute(spec: str) -> str:
    """A data set's name as it is; with paths made absolute where it has any, so that it means the same anywhere."""
    kind = next((kind for kind in (FOLDER, SHARDS, IMAGENET) if spec.startswith(kind)), None)
    if kind is None:
        return spec
    given = spec.removeprefix(kind)
    paths = split(given) if kind == SHARDS else [given]
    return kind + ",".join(path if is_address(path) else str(Path(path).expanduser().absolute()) for path in paths)


def read(description: SetDescription, *, data_dir: Path | None = None) -> tuple[Part, Part]:
    """The part to learn from and the part to test on.

    Raises:
        UsageError: the set is not there, or a file is truncated or foreign; the message says how to get it.
    """
    folder = (data_dir or default_data_dir()) / description.name
    command = get_command(description, data_dir)
    for name in description.contents:
        if not is_there(folder / name):
            raise UsageError(f"{description.name} is not in {folder} (no {name}); get it with: {command}")
    try:
        return (
            _part(description, description.train, folder, description.train_count),
            _part(description, description.test, folder, description.test_count),
        )
    except UsageError as error:
        raise UsageError(f"{error}; get the set again with: {command}") from error


def require_files(description: SetDescription) -> None:
    """Raise a `UsageError` for a set that has no files of its own."""
    if not description.archives:
        raise UsageError(f"{description.name} comes with classicnets: there is nothing to get or to check")


def get_command(description: SetDescription, data_dir: Path | None) -> str:
    """The command that fetches the set to where it is looked for."""
    where = "" if data_dir is None else f" --data-dir {shlex.quote(str(data_dir))}"
    return f"classicnets data get {description.name}{where}"


def manifest_of(description: SetDescription) -> str:
    """The text of the set's `MANIFEST`."""
    return "".join(f"{sha256}  {name}\n" for name, sha256 in description.contents.items())


def is_there(path: Path) -> bool:
    """Whether a file exists.

    Raises:
        UsageError: its folder may not be looked into.
    """
    try:
        return path.exists()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from error


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal.

    Raises:
        UsageError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from error


def _part(description: SetDescription, files: Files | None, folder: Path, count: int) -> Part:
    assert files is not None  # only sets that come with a library have none, and those are not read from here
    pixels, labels = files.read(folder, count=count, shape=description.shape, classes=len(description.classes))
    return Part(pixels=pixels, labels=labels)
