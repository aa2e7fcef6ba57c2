"""Copies of archives from the network: fetched whole, kept while there is room, shared by all processes."""

import contextlib
import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from classicnets.data.transfer import HomeFailedError, NotThereError, receive
from classicnets.errors import UsageError

LIMIT_VARIABLE = "CLASSICNETS_SHARD_CACHE"
"""The environment variable that says how many gigabytes copies may take."""

_GIGABYTES = 32.0
_WAITS = (1.0, 5.0, 20.0)  # seconds until a server that failed is asked again: a blip shall not end a day's work
_TIMEOUT = 60.0  # seconds that a server may stay silent
_FETCHING = (".part", ".lock")


@dataclass(frozen=True)
class ArchiveCache:
    """Where copies of archives from the network are kept.

    Attributes:
        folder: of the copies.
        limit: bytes that all of them may take; those that nobody has asked for the longest make room.
    """

    folder: Path
    limit: int

    def at_hand(self, url: str, size: int | None = None) -> Path:
        """The copy of an archive, fetched if it is not there yet; of several processes one fetches, the others wait.

        Args:
            url: an http or https address.
            size: bytes that the archive has; None where that is not known yet.

        Raises:
            UsageError: the server does not deliver it or has another by now, or the folder cannot be written.
        """
        path = self.folder / f"{_digest(url)}-{url.rpartition('/')[2]}"
        try:
            if not _is_whole(path, size):
                self.folder.mkdir(parents=True, exist_ok=True)
                with locked(path):
                    if not _is_whole(path, size):
                        self._fetch(url, path, size)
            os.utime(path)  # asked for just now
        except FileNotFoundError:
            return self.at_hand(url, size)  # it had to make room for another the moment it was found
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror or error}") from error
        return path

    def _fetch(self, url: str, path: Path, size: int | None) -> None:
        part = path.with_name(f"{path.name}.part")
        try:
            fetch_patiently(url, part)
        except NotThereError as error:
            raise UsageError(f"cannot get {url}: {error}") from error
        found = part.stat().st_size
        if size is not None and found != size:
            part.unlink()
            raise UsageError(f"{url} has {found:,} bytes, but had {size:,} when it was indexed; it has been changed")
        self._make_room(found, path)
        part.replace(path)

    def _make_room(self, wanted: int, path: Path) -> None:
        if wanted > self.limit:
            raise UsageError(
                f"{path.name} takes {wanted:,} bytes, but all copies may take {self.limit:,};"
                f" allow more by {LIMIT_VARIABLE}, in gigabytes"
            )
        copies = []
        for other in self.folder.iterdir():
            if other != path and other.suffix not in _FETCHING:
                with contextlib.suppress(FileNotFoundError):
                    state = other.stat()
                    copies.append((state.st_mtime_ns, state.st_size, other))
        taken = sum(size for _, size, _ in copies)
        for _, size, other in sorted(copies):
            if taken + wanted <= self.limit:
                break
            other.unlink(missing_ok=True)  # who is reading it can read on
            taken -= size


def default_cache() -> ArchiveCache:
    """The cache in the user's cache folder, as large as the environment allows.

    Raises:
        UsageError: what it says is no number.
    """
    given = os.environ.get(LIMIT_VARIABLE) or str(_GIGABYTES)
    try:
        limit = int(float(given) * 1e9)
    except (ValueError, OverflowError):
        raise UsageError(f"{LIMIT_VARIABLE} is {given!r}; it should be a number of gigabytes") from None
    return ArchiveCache(user_cache_path("classicnets") / "shards", limit)


def fetch_patiently(url: str, part: Path) -> None:
    """Fill the file ``part`` with what ``url`` holds; a server that fails is asked again after a while.

    Raises:
        NotThereError: the server says that there is no such file.
        UsageError: it fails again and again.
        OSError: ``part`` cannot be written.
    """
    for wait in (*_WAITS, None):
        try:
            receive(url, part, report=lambda received: None, timeout=_TIMEOUT)
        except NotThereError:
            raise
        except HomeFailedError as error:
            if wait is None:
                raise UsageError(f"cannot get {url}: {error}; check the network and run this again") from error
            time.sleep(wait)
        else:
            return


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Have one process at a time run the block, of all that name the same path."""
    import fcntl  # not on Windows, where all but archives from the network works without

    with path.with_name(f"{path.name}.lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # given up with the file, even by a process that is killed
        yield


def _is_whole(path: Path, size: int | None) -> bool:
    try:
        found = path.stat().st_size
    except FileNotFoundError:
        return False
    return size is None or found == size


def _digest(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:16]
