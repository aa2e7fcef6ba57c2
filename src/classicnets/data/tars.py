"""What lies where in a tar archive, so that any image of it can be read without the others."""

import json
import tarfile
import zipfile
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from classicnets.data.folder import SUFFIXES
from classicnets.data.names import Names, NamesWriter
from classicnets.errors import UsageError
from classicnets.files import write_whole

LABELS = ("cls", "json", "txt")
"""The endings of files that tell a sample's class, in the order of preference."""

_FIELDS = ("cls", "label", "class", "class_name")  # of a .json, likewise
_LARGEST_LABEL = 1 << 20  # bytes; a class takes a few
_FORMAT = 1

Integers = npt.NDArray[np.int64]


class Member(NamedTuple):
    """A file in a tar archive: its name, where its content begins, and how many bytes that has."""

    name: str
    offset: int
    size: int


@dataclass(frozen=True, kw_only=True)
class TarIndex:
    """The images of a tar archive.

    Attributes:
        size: bytes of the archive that this was made from.
        changed: when that was last changed, nanoseconds; 0 where a copy of the archive will do as well.
        keys: the images' names.
        offsets: int64, (images,): where in the archive each begins.
        sizes: int64, (images,): bytes of each.
        labels: int64, (images,): positions in ``texts``.
        texts: what the archive calls its classes, each once: names, or numbers.
    """

    size: int
    changed: int
    keys: Names
    offsets: Integers
    sizes: Integers
    labels: Integers
    texts: tuple[str, ...]


class IndexWriter:
    """Gathers the images of an archive for a `TarIndex`."""

    def __init__(self) -> None:
        self._keys = NamesWriter()
        self._places = array("q")
        self._texts: dict[str, int] = {}

    def add(self, key: str, offset: int, size: int, text: str) -> None:
        """Add an image with what the archive calls its class."""
        self._keys.add(key)
        self._places.extend((offset, size, self._texts.setdefault(text, len(self._texts))))

    def index(self, *, size: int, changed: int) -> TarIndex:
        """All that was added, of an archive of that size; see `TarIndex`."""
        places = np.frombuffer(self._places, dtype=np.int64).reshape(-1, 3)
        offsets, sizes, labels = (np.ascontiguousarray(column) for column in places.T)
        return TarIndex(
            size=size,
            changed=changed,
            keys=self._keys.names(),
            offsets=offsets,
            sizes=sizes,
            labels=labels,
            texts=tuple(self._texts),
        )


def members(path: Path, *, inner: bool = False) -> Iterator[Member]:
    """The files in an archive, in their order, a header at a time; neither folders nor links.

    Args:
        path: the archive, not compressed.
        inner: whether it holds archives, whose files are meant; each is named after its archive, ``a.tar/b.jpg``.

    Raises:
        UsageError: it cannot be read, is broken or truncated, or is compressed.
    """
    try:
        with tarfile.open(path, "r:") as tar:
            for info in _headers(tar):
                if not inner:
                    yield Member(info.name, info.offset_data, info.size)
                elif info.name.endswith(".tar"):
                    with tarfile.open(fileobj=tar.extractfile(info), mode="r:") as within:
                        for file in _headers(within):
                            yield Member(f"{info.name}/{file.name}", info.offset_data + file.offset_data, file.size)
    except tarfile.TarError as error:
        what = "compressed or no tar archive; unpack it to a plain .tar" if _is_compressed(path) else f"broken: {error}"
        raise UsageError(f"cannot read the archive {path}: {what}") from error
    except OSError as error:
        raise UsageError(f"cannot read the archive {path}: {error.strerror or error}") from error


def index_samples(path: Path, told: Callable[[int], None] = lambda images: None) -> TarIndex:
    """The index of a shard: files of one name but for their endings (``7.jpg``, ``7.cls``) stand in a row.

    The name is all up to the first dot behind the last slash. One of the files is the image (`folder.SUFFIXES`), and
    one tells its class: ``.cls`` or ``.txt`` hold its number or name, ``.json`` a field ``cls``, ``label``, ``class``
    or ``class_name``. What has neither is passed over.

    Args:
        path: the shard.
        told: the number of images that have been found, as they are.

    Raises:
        UsageError: as for `members`, or an image has no class, or a sample more than one image.
    """
    writer, state = IndexWriter(), path.stat()
    with path.open("rb") as file:
        for key, sample in _samples(path):
            images = [ending for ending in sample if f".{ending}".endswith(SUFFIXES)]
            if not images:
                continue
            if len(images) > 1:
                raise UsageError(f"{path}: {key} has more than one image ({', '.join(images)})")
            ending = next((ending for ending in LABELS if ending in sample), None)
            if ending is None:
                raise UsageError(
                    f"{path}: {key}.{images[0]} has no class; a .cls, .json or .txt should stand beside it"
                )
            file.seek(sample[ending].offset)
            text = _class_in(file.read(min(sample[ending].size, _LARGEST_LABEL + 1)), ending)
            if text is None:
                raise UsageError(f"{path}: {key}.{ending} tells no class")
            image = sample[images[0]]
            writer.add(image.name, image.offset, image.size, text)
            told(1)
    return writer.index(size=state.st_size, changed=state.st_mtime_ns)


def _samples(path: Path) -> Iterator[tuple[str, dict[str, Member]]]:
    """What stands in a row with one key, by the ending of each file in small letters."""
    key, sample = "", dict[str, Member]()
    for member in members(path):
        folder, slash, name = member.name.rpartition("/")
        stem, _, ending = name.partition(".")
        if folder + slash + stem != key and sample:
            yield key, sample
            sample = {}
        key = folder + slash + stem
        sample[ending.lower()] = member
    if sample:
        yield key, sample


def _class_in(content: bytes, ending: str) -> str | None:
    """What a file says of a class; None where it says nothing that could be one."""
    if len(content) > _LARGEST_LABEL:
        return None
    try:
        text = content.decode("utf-8").strip()
        if ending == "json":
            fields = json.loads(text)
            found = (
                next((fields[name] for name in _FIELDS if name in fields), None) if isinstance(fields, dict) else None
            )
            text = str(found).strip() if isinstance(found, int | str) and not isinstance(found, bool) else ""
    except ValueError:
        return None
    return text if text and text.isprintable() else None


def write_index(path: Path, index: TarIndex) -> None:
    """Write an index, whole or not at all.

    Raises:
        UsageError: it cannot be written.
    """

    def write(beside: Path) -> None:
        with beside.open("wb") as file:
            np.savez(
                file,
                about=np.array([_FORMAT, index.size, index.changed], dtype=np.int64),
                text=index.keys.text,
                ends=index.keys.ends,
                offsets=index.offsets,
                sizes=index.sizes,
                labels=index.labels,
                texts=np.frombuffer("\n".join(index.texts).encode(), dtype=np.uint8),
            )

    write_whole(path, write)


def read_index(path: Path) -> TarIndex | None:
    """An index as `write_index` wrote it; None where there is none, or none of today's format.

    Raises:
        UsageError: it is damaged.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            form, size, changed = content["about"].tolist()
            if form != _FORMAT:
                return None
            texts = content["texts"].tobytes().decode().split("\n")
            return TarIndex(
                size=size,
                changed=changed,
                keys=Names(content["text"], content["ends"]),
                offsets=content["offsets"],
                sizes=content["sizes"],
                labels=content["labels"],
                texts=tuple(texts),
            )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UsageError(f"the index {path} is damaged; remove it, and it is made anew") from error


def _headers(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    while (info := tar.next()) is not None:
        tar.members = []  # type: ignore[attr-defined]  # else they would all be kept
        if info.isfile() and not info.issparse() and not info.name.rpartition("/")[2].startswith("."):
            yield info


def _is_compressed(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(262)
    return start[257:262] != b"ustar"
