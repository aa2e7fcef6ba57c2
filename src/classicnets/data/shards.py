"""Sharded tar archives as data sets, in the layout of webdataset: on a disk, or read over HTTP(S).

A shard holds samples, each a few files in a row with one name: ``000123.jpg`` and ``000123.cls`` (its class, a number
or a name; or ``.txt``, or ``.json``). An index says where in its shard each image lies, so that an epoch can begin
anywhere and any number of processes can read: see `classicnets.data.tars`, and `randomness.order_of_runs` for the
order. An index that lies beside its shard (``NAME.tar.index``) is taken; otherwise it is made when the shard is seen
for the first time, and kept in the user's cache folder.
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from classicnets.data.archive_cache import LIMIT_VARIABLE, ArchiveCache, default_cache
from classicnets.data.folder import hold_out_of
from classicnets.data.images import SHARDS_TOGETHER, DataSet, Labels, PackedImages
from classicnets.data.local import SHARDS
from classicnets.data.names import Names
from classicnets.data.patterns import braces, is_address, local_files, split
from classicnets.data.shard_indices import indices_of, small_file
from classicnets.data.tars import TarIndex
from classicnets.errors import UsageError

ABOUT = "shards.json"
"""The file in a folder of shards that says what they are: ``{"format": 1, "classes": [names], "parts": {"train":
[names of shards], "val": [...]}}``."""

FORMAT = 1
"""Of `ABOUT`."""

_CLASSES = "classes.txt"  # a name a line, for shards without an `ABOUT` whose classes are numbers
_TRAIN, _TESTS = "train", ("val", "validation", "test")


class _About(NamedTuple):
    """What a folder of shards says of itself: which shards each part has, and what the classes are called."""

    parts: dict[str, list[str]]
    classes: tuple[str, ...] | None


class _Parts(NamedTuple):
    """Shards to learn from and to test on (None where that is a part of the former), and the classes if known."""

    train: list[str]
    test: list[str] | None
    classes: tuple[str, ...] | None


def open_shards(spec: str, *, seed: int, hold_out: bool = True) -> DataSet:
    """The images of shards as a data set.

    Args:
        spec: ``shards:`` and a folder, or an address ending in a slash, with the shards of both parts in it; or one
            pattern with braces (``{000..146}``) and, on a disk, wildcards, of which a fifth of each class is held out;
            or two patterns with a comma between, for training and for testing.
        seed: decides which images are held out.
        hold_out: whether a single pattern is split; if not, all images are to learn from and to test on.

    Raises:
        UsageError: no such shards, a broken one, samples without a class, or classes that do not agree.
    """
    parts = _parts(spec.removeprefix(SHARDS))
    indices = indices_of([*parts.train, *(parts.test or [])])
    classes = parts.classes or _classes(spec, indices)
    train = packed(parts.train, indices[: len(parts.train)], classes, mixed=True)
    if parts.test is not None:
        test = packed(parts.test, indices[len(parts.train) :], classes, mixed=True)
    elif hold_out:
        held_out = hold_out_of(train.keys, train.labels, classes, seed=seed, where=spec)
        train, test = train.taken(np.flatnonzero(~held_out)), train.taken(np.flatnonzero(held_out))
    else:
        test = train
    return DataSet(name=spec, classes=classes, train=train, test=test)


def packed(archives: list[str], indices: list[TarIndex], classes: tuple[str, ...], *, mixed: bool) -> PackedImages:
    """The images of several archives as one.

    Args:
        archives: paths or addresses.
        indices: one an archive.
        classes: what labels are positions in. Where archives call all classes by numbers, these are the positions.
        mixed: see `PackedImages`.

    Raises:
        UsageError: no images, a class that is not among ``classes``, or archives too large to be kept.
    """
    named = not all(text.isdecimal() for index in indices for text in index.texts)
    positions = {name if named else str(at): at for at, name in enumerate(classes)}
    labels = []
    for archive, index in zip(archives, indices, strict=True):
        of_texts = [positions.get(text if named else str(int(text)), -1) for text in index.texts]
        strange = [text for text, at in zip(index.texts, of_texts, strict=True) if at < 0]
        if strange:
            raise UsageError(f"{archive} has the class {strange[0]!r}, which is none of the {len(classes)} classes")
        labels.append(np.array(of_texts, dtype=np.int64)[index.labels])
    counts = np.array([len(index.offsets) for index in indices], dtype=np.int64)
    if not counts.sum():
        raise UsageError(f"no images in {archives[0]}" + (" and the archives beside it" if len(archives) > 1 else ""))
    lengths = np.array([index.size for index in indices], dtype=np.int64)
    return PackedImages(
        archives=tuple(archives),
        lengths=lengths,
        counts=counts,
        keys=Names.joined([index.keys for index in indices]),
        offsets=np.concatenate([index.offsets for index in indices]),
        sizes=np.concatenate([index.sizes for index in indices]),
        labels=np.concatenate(labels),
        mixed=mixed,
        cache=_cache(lengths) if is_address(archives[0]) else None,
    )


def _cache(lengths: Labels) -> ArchiveCache:
    """Where copies are kept: with room for those that are read at a time, else each would be fetched again and again.

    As many again are fetched ahead.
    """
    cache = default_cache()
    needed = int(np.sort(lengths)[-2 * SHARDS_TOGETHER :].sum())
    if needed > cache.limit:
        raise UsageError(
            f"reading these archives takes {needed / 1e9:.3g} GB of copies at a time, but all copies may take"
            f" {cache.limit / 1e9:.3g}; allow more by {LIMIT_VARIABLE}, in gigabytes"
        )
    return cache


def _parts(where: str) -> _Parts:
    patterns = split(where)
    if not all(patterns) or len(patterns) > 2:
        raise UsageError(f"{SHARDS}{where}: write shards:FOLDER, shards:PATTERN or shards:TRAIN,TEST")
    if where.endswith("/") or (not is_address(where) and Path(where).expanduser().is_dir()):
        return _parts_of_folder(where)
    found = [braces(pattern) if is_address(pattern) else local_files(pattern) for pattern in patterns]
    about = _about(found[0][0].removesuffix(found[0][0].rpartition("/")[2]))
    return _Parts(found[0], found[1] if len(found) > 1 else None, about.classes)


def _parts_of_folder(where: str) -> _Parts:
    """What `ABOUT` says; without it, on a disk, the shards whose names or folders begin with train, val or test."""
    base = where if is_address(where) else f"{Path(where).expanduser()}/"
    about = _about(base)
    if is_address(base) and not about.parts:
        raise UsageError(f"{base} has no {ABOUT}; name the shards, such as {base}train-{{0000..0146}}.tar")
    listed = about.parts or _listed(Path(base))
    test = next((listed[part] for part in _TESTS if listed.get(part)), None)
    if not listed.get(_TRAIN) or test is None:
        raise UsageError(f"{where} has no train*.tar and val*.tar; write shards:PATTERN or shards:TRAIN,TEST")
    return _Parts([base + name for name in listed[_TRAIN]], [base + name for name in test], about.classes)


def _listed(folder: Path) -> dict[str, list[str]]:
    return {
        part: sorted(
            str(path.relative_to(folder)) for glob in (f"{part}*.tar", f"{part}/*.tar") for path in folder.glob(glob)
        )
        for part in (_TRAIN, *_TESTS)
    }


def _about(base: str) -> _About:
    content = small_file(f"{base}{ABOUT}")
    if content is None:
        names = small_file(f"{base}{_CLASSES}")
        return _About({}, None if names is None else tuple(names.decode(errors="replace").strip().splitlines()))
    try:
        about = json.loads(content)
        known = about["format"] == FORMAT
        parts = {part: [str(name) for name in names] for part, names in about["parts"].items()}
        classes = tuple(str(name) for name in about["classes"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{base}{ABOUT} does not say what the shards are; write it anew, or remove it") from error
    if not known:
        raise UsageError(f"{base}{ABOUT} is of another version of this package; write the shards anew")
    return _About(parts, classes)


def _classes(spec: str, indices: list[TarIndex]) -> tuple[str, ...]:
    """The classes that shards name, sorted; numbers stand for themselves, from 0 to the largest."""
    texts = sorted({text for index in indices for text in index.texts})
    if texts and all(text.isdecimal() for text in texts):
        texts = [str(number) for number in range(max(map(int, texts)) + 1)]
    if len(texts) < 2:
        raise UsageError(f"{spec} has {'one class' if texts else 'no classes'}; a classifier needs two or more")
    return tuple(texts)
