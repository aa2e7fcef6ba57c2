"""The index of a shard: found beside it, found in the user's cache folder, or made and kept there."""

import hashlib
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from platformdirs import user_cache_path

from classicnets.data.archive_cache import default_cache, fetch_patiently, locked
from classicnets.data.patterns import is_address
from classicnets.data.tars import TarIndex, index_samples, read_index, write_index
from classicnets.data.telling import telling
from classicnets.data.transfer import NotThereError
from classicnets.errors import UsageError
from classicnets.files import write_whole

INDEX = ".index"
"""What stands behind a shard's name in that of its index."""

Made = Callable[[Path, Callable[[int], None]], TarIndex]
"""Makes the index of an archive, and says how many images it has found, as it finds them."""

_CONNECTIONS = 8  # at a time, for indices that lie on a server: each is small, and the way to it long


def indices_of(shards: list[str], make: Made = index_samples) -> list[TarIndex]:
    """The index of each shard.

    Args:
        shards: paths or addresses.
        make: how the index of one that has none is made.

    Raises:
        UsageError: a shard cannot be read or got, or is broken.
    """
    with telling("indexing archives: {:,} images") as line:
        if not any(map(is_address, shards)):
            return [_of_file(Path(shard), make, line.add) for shard in shards]
        with ThreadPoolExecutor(_CONNECTIONS) as connections:
            return list(connections.map(lambda shard: _of_address(shard, make, line.add), shards))


def small_file(where: str) -> bytes | None:
    """What a file says, given by its path or address; None where there is none.

    Raises:
        UsageError: it cannot be read or got.
    """
    if is_address(where):
        with tempfile.TemporaryDirectory() as folder:
            part = Path(folder) / "part"
            try:
                fetch_patiently(where, part)
            except NotThereError:
                return None
            return part.read_bytes()
    try:
        return Path(where).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"cannot read {where}: {error.strerror or error}") from error


def _of_file(shard: Path, make: Made, told: Callable[[int], None]) -> TarIndex:
    try:
        state = shard.stat()
    except OSError as error:
        raise UsageError(f"cannot read the archive {shard}: {error.strerror or error}") from error
    beside, kept = shard.with_name(f"{shard.name}{INDEX}"), _kept(str(shard.absolute()))

    def found() -> TarIndex | None:
        for path in (beside, kept):
            index = read_index(path)
            if index is not None and index.size == state.st_size and index.changed in (0, state.st_mtime_ns):
                return index
        return None

    return found() or _make_once(kept, found, lambda: make(shard, told))


def _of_address(shard: str, make: Made, told: Callable[[int], None]) -> TarIndex:
    kept = _kept(shard)

    def found() -> TarIndex | None:
        return read_index(kept)

    def made() -> TarIndex:
        content = small_file(shard + INDEX)
        if content is None:
            return replace(make(default_cache().at_hand(shard), told), changed=0)
        write_whole(kept, lambda beside: _write(beside, content))
        index = read_index(kept)
        if index is None:
            raise UsageError(f"{shard}{INDEX} is of another version of this package; write the shards anew")
        return index

    return found() or _make_once(kept, found, made)


def _make_once(kept: Path, found: Callable[[], TarIndex | None], make: Callable[[], TarIndex]) -> TarIndex:
    """Make an index and keep it; of several processes that want it one makes it, the others wait for it."""
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with locked(kept):
            index = found()
            if index is None:
                index = make()
                write_index(kept, index)
            return index
    except OSError as error:
        raise UsageError(f"cannot write {kept}: {error.strerror or error}") from error


def _kept(where: str) -> Path:
    """Where the index of that archive is kept in the user's cache folder."""
    digest = hashlib.sha256(where.encode(errors="surrogateescape")).hexdigest()[:16]
    return user_cache_path("classicnets") / "indices" / f"{digest}-{where.rpartition('/')[2]}{INDEX}"


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
