"""Folders of one's own images as data sets."""

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from classicnets.data.images import DataSet, ImageFiles, Labels
from classicnets.data.names import Names, NamesWriter, Paths
from classicnets.data.randomness import uniform
from classicnets.data.telling import Telling, telling
from classicnets.errors import UsageError

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm")

_TEST_SHARE = 1 / 5
_TEST_FOLDERS = ("val", "test")  # in the order of preference where a folder has both


class Scanned(NamedTuple):
    """The images of a folder's class subfolders.

    Attributes:
        classes: the subfolders' names, sorted.
        names: the images' paths from the folder on: class by class, sorted within each.
        labels: int64, (images,): positions in ``classes``.
    """

    classes: tuple[str, ...]
    names: Names
    labels: Labels


def open_folder(path: Path, *, seed: int, hold_out: bool = True) -> DataSet:
    """The images of a folder as a data set.

    Two layouts are understood. Class subfolders: a fifth of each class, one image at least, is held out to test on;
    (``seed``, the images' relative paths) decide which. Or ``train/`` and ``val/`` (or ``test/``) with the same class
    subfolders each. Classes are in the order of their names, images in the order of their paths.

    Args:
        path: the folder.
        seed: decides which images are held out.
        hold_out: whether class subfolders are split; if not, all images are to learn from and to test on.

    Raises:
        UsageError: no such folder, no images, fewer than two classes, a class without images (or with one where some
            are to be held out), or parts whose classes differ.
    """
    names = [entry.name for entry in _entries(path) if entry.is_dir()]
    test_folder = next((name for name in _TEST_FOLDERS if name in names), None)
    if "train" in names and test_folder is not None:
        learned, tested = scan_classes(path / "train"), scan_classes(path / test_folder)
        _demand_agreement(path, learned.classes, tested.classes, test_folder)
        train, test = (files_of(path / name, part) for name, part in (("train", learned), (test_folder, tested)))
        classes = learned.classes
    elif names == ["train"]:
        raise UsageError(f"{path} has train/ but neither val/ nor test/; give {path / 'train'} to have a part held out")
    else:
        scanned = scan_classes(path)
        classes, train = scanned.classes, files_of(path, scanned)
        test = train
        if hold_out:
            held_out = hold_out_of(scanned.names, scanned.labels, classes, seed=seed, where=str(path))
            train, test = train.taken(np.flatnonzero(~held_out)), train.taken(np.flatnonzero(held_out))
    return DataSet(name=f"folder:{path}", classes=classes, train=train, test=test)


def scan(path: Path) -> list[Path]:
    """The images in a folder and in the folders inside it, in the order of their paths.

    Hidden files and folders are left out, and so are links to folders, which could lead round in a circle. A file is
    an image if its name ends in one of `SUFFIXES`, in small or capital letters.

    Raises:
        UsageError: a folder does not exist or cannot be read.
    """
    return [path / name for name in _images_in(path, "")]


def scan_classes(path: Path) -> Scanned:
    """The images of each class subfolder, classes in the order of their names.

    Raises:
        UsageError: no such folder, no images, fewer than two classes, or one without images or with a name that is no
            text.
    """
    classes = sorted(entry.name for entry in _entries(path) if entry.is_dir())
    if not classes:
        raise UsageError(f"{path} has no subfolders; put the images of each class into a subfolder named after it")
    for name in classes:
        if not name.isprintable():
            raise UsageError(f"{path} has a class folder whose name is no readable text, {name!a}; rename it")
    names = NamesWriter()
    counts = []
    with telling(f"listing {path}: {{:,}} images") as line:
        for name in classes:
            counts.append(_gather(path / name, f"{name}/", names, line))
    empty = [name for name, count in zip(classes, counts, strict=True) if not count]
    if len(empty) == len(classes):
        raise UsageError(f"no images in the subfolders of {path}; looked for {', '.join(SUFFIXES)}")
    if empty:
        raise UsageError(f"{path} has class folders without images: {', '.join(empty)}; fill or remove them")
    if len(classes) == 1:
        raise UsageError(f"{path} has one class only, {classes[0]}; a classifier needs two or more")
    return Scanned(tuple(classes), names.names(), np.repeat(np.arange(len(counts), dtype=np.int64), counts))


def files_of(path: Path, scanned: Scanned) -> ImageFiles:
    """What was found in the folder ``path``, as images."""
    return ImageFiles(paths=Paths(path, scanned.names), labels=scanned.labels)


def hold_out_of(
    names: Names, labels: Labels, classes: tuple[str, ...], *, seed: int, where: str
) -> npt.NDArray[np.bool_]:
    """Which images are held out to test on: a fifth of each class, one at least; (``seed``, their names) decide.

    Raises:
        UsageError: a class has one image only.
    """
    # A hash of the name and not the position decides, so that a new image moves hardly any of the others.
    hashes = np.fromiter((zlib.crc32(names.encoded(at)) for at in range(len(names))), np.int64, len(names))
    chances = uniform(seed, 0, hashes, "folder split")
    held_out = np.zeros(len(names), dtype=np.bool_)
    of_each = np.argsort(labels, kind="stable")
    for name, images in zip(classes, np.split(of_each, np.cumsum(np.bincount(labels))[:-1]), strict=True):
        if len(images) == 1:
            raise UsageError(f"the class {name} in {where} has one image only; to hold one out it needs two or more")
        by_chance = np.argsort(chances[images], kind="stable")
        held_out[images[by_chance[: max(1, round(len(images) * _TEST_SHARE))]]] = True
    return held_out


def _gather(path: Path, inside: str, names: NamesWriter, line: Telling) -> int:
    """Add the images in a folder to ``names``, and say how many they are."""
    before = len(names)
    for name in _images_in(path, inside):
        names.add(name)
        line.add()
    return len(names) - before


def _images_in(path: Path, inside: str) -> Iterator[str]:
    """The images below a folder by their names, each with ``inside`` before it, in the order of their paths.

    Of a folder only the names are kept while it is gone through: what the system says of each takes far more.
    """
    found = []
    for entry in _scandir(path):
        if entry.is_dir(follow_symlinks=False):
            found.append(f"{entry.name}/")
        elif entry.name.lower().endswith(SUFFIXES) and entry.is_file():
            found.append(entry.name)
    # Paths are compared folder by folder: without what marks a folder, which is more than some characters.
    found.sort(key=lambda name: name.removesuffix("/"))
    for name in found:
        if name.endswith("/"):
            yield from _images_in(path / name, inside + name)
        else:
            yield inside + name


def _entries(path: Path) -> list[os.DirEntry[str]]:
    return list(_scandir(path))


def _scandir(path: Path) -> Iterator[os.DirEntry[str]]:
    """What a folder holds, hidden files and folders left out."""
    try:
        with os.scandir(path) as entries:
            yield from (entry for entry in entries if not entry.name.startswith("."))
    except FileNotFoundError as error:
        raise UsageError(f"no folder {path}; give one with a subfolder of images for each class") from error
    except NotADirectoryError as error:
        raise UsageError(f"{path} is not a folder; give one with a subfolder of images for each class") from error
    except OSError as error:
        raise UsageError(f"cannot read the folder {path}: {error.strerror or error}") from error


def _demand_agreement(path: Path, train: tuple[str, ...], test: tuple[str, ...], test_folder: str) -> None:
    for one, other, here, there in ((train, test, "train", test_folder), (test, train, test_folder, "train")):
        missing = [name for name in one if name not in set(other)]
        if missing:
            raise UsageError(
                f"{path} has classes in {here}/ that are not in {there}/: {', '.join(missing)}; add or remove them"
            )
