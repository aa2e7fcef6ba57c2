"""Getting a built-in set from its home, and verifying what lies in the data folder."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from classicnets.data.descriptions import Archive, SetDescription, describe
from classicnets.data.local import (
    MANIFEST,
    default_data_dir,
    get_command,
    is_there,
    manifest_of,
    read,
    require_files,
    sha256,
)
from classicnets.data.transfer import HomeFailedError, fetch
from classicnets.data.unpacking import unpack
from classicnets.errors import UsageError
from classicnets.files import write_text

Progress = Callable[[int, int | None], None]
"""Called with the bytes of a set's archives that are here, and with how many there are in all."""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What `check` found in order.

    Attributes:
        name: the set's.
        folder: where it lies.
        files: names of the files whose sums agree.
        train_count: images to learn from.
        test_count: images to test on.
    """

    name: str
    folder: Path
    files: tuple[str, ...]
    train_count: int
    test_count: int


def get(name: str, *, data_dir: Path | None = None, progress: Progress | None = None) -> Path:
    """Fetch a built-in set to ``data_dir``, or to `default_data_dir`; see `get_set`."""
    return get_set(describe(name), data_dir=data_dir or default_data_dir(), progress=progress)


def get_set(
    description: SetDescription, *, data_dir: Path, progress: Progress | None = None, timeout: float = 30
) -> Path:
    """Fetch what is missing of a set, and unpack it to the folder of its name in ``data_dir``.

    A transfer that breaks off leaves a ``.part`` file, from which the next call goes on. An archive that somebody
    placed in the folder is unpacked from there, and left. Files that are complete are not fetched again.

    Args:
        description: the set.
        data_dir: the folder of data sets.
        progress: see `Progress`.
        timeout: seconds that a home may stay silent.

    Returns:
        The folder of the set.

    Raises:
        UsageError: no home delivers an archive with the right sum, or the folder cannot be written.
    """
    require_files(description)
    folder = data_dir / description.name
    total = sum(archive.size for archive in description.archives)
    before = 0
    for archive in description.archives:
        if not _is_unpacked(archive, folder):
            _get_archive(description, archive, folder, timeout, _counting(progress, before, total))
        before += archive.size
        _counting(progress, before, total)(0)
    write_text(folder / MANIFEST, manifest_of(description))
    return folder


def check(name: str, *, data_dir: Path | None = None) -> Checked:
    """Verify a built-in set in ``data_dir``; see `check_files`."""
    return check_files(describe(name), data_dir=data_dir)


def check_files(description: SetDescription, *, data_dir: Path | None = None) -> Checked:
    """Verify every unpacked file of a set: its SHA-256, and the number of its images and labels.

    The sums are those of the description; a manifest beside the files, which a set that was placed by hand may lack,
    must list the same.

    Raises:
        UsageError: a file is missing, short or altered; the message names it and says what to do.
    """
    require_files(description)
    train, test = read(description, data_dir=data_dir)
    folder = (data_dir or default_data_dir()) / description.name
    command = get_command(description, data_dir)
    for file, expected in description.contents.items():
        found = sha256(folder / file)
        if found != expected:
            raise UsageError(
                f"{folder / file}: altered: SHA-256 should be {expected}, is {found}; get the set again with: {command}"
            )
    manifest = folder / MANIFEST
    if is_there(manifest) and manifest.read_text(encoding="utf-8", errors="replace") != manifest_of(description):
        raise UsageError(f"{manifest}: altered: the sums it lists are not the set's; write it anew with: {command}")
    return Checked(
        name=description.name,
        folder=folder,
        files=tuple(description.contents),
        train_count=len(train.labels),
        test_count=len(test.labels),
    )


def _is_unpacked(archive: Archive, folder: Path) -> bool:
    return all(
        is_there(folder / name) and sha256(folder / name) == expected for name, expected in archive.contents.items()
    )


def _get_archive(
    description: SetDescription, archive: Archive, folder: Path, timeout: float, report: Callable[[int], None]
) -> None:
    placed = folder / archive.name
    if is_there(placed):
        found = sha256(placed)
        if found != archive.sha256:
            raise UsageError(
                f"{placed}: SHA-256 should be {archive.sha256}, is {found}; delete it or place the right one"
            )
        unpack(archive, placed, folder)
        return
    part = folder / f"{archive.name}.part"
    _fetch_from_any(description, archive, part, timeout, report)
    unpack(archive, part, folder)
    part.unlink()


def _fetch_from_any(
    description: SetDescription, archive: Archive, part: Path, timeout: float, report: Callable[[int], None]
) -> None:
    failures = []
    for home in description.homes:
        url = home + archive.name
        try:
            fetch(url, part, archive.sha256, report=report, timeout=timeout)
        except HomeFailedError as error:
            failures.append(f"{url}: {error}")
        else:
            return
    raise UsageError(
        f"cannot get {description.name}: {'; '.join(failures)}; check the network and run this again, or first "
        f"place {archive.name} in {part.parent} by hand"
    )


def _counting(progress: Progress | None, before: int, total: int) -> Callable[[int], None]:
    def report(received: int) -> None:
        if progress is not None:
            progress(before + received, total)

    return report
