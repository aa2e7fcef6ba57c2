"""Folders of one's own images as data sets."""

import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from classicnets.data.images import DataSet, ImageFiles
from classicnets.data.randomness import uniform
from classicnets.errors import UsageError

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm")

_TEST_SHARE = 1 / 5
_TEST_FOLDERS = ("val", "test")  # in the order of preference where a folder has both

Scanned = dict[str, list[Path]]


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
        train, test = _scan_classes(path / "train"), _scan_classes(path / test_folder)
        _demand_agreement(path, train, test, test_folder)
    elif names == ["train"]:
        raise UsageError(f"{path} has train/ but neither val/ nor test/; give {path / 'train'} to have a part held out")
    elif hold_out:
        train, test = _hold_out(path, _scan_classes(path), seed)
    else:
        train = test = _scan_classes(path)
    return DataSet(name=f"folder:{path}", classes=tuple(train), train=_files(train), test=_files(test))


def scan(path: Path) -> list[Path]:
    """The images in a folder and in the folders inside it, in the order of their paths.

    Hidden files and folders are left out, and so are links to folders, which could lead round in a circle. A file is
    an image if its name ends in one of `SUFFIXES`, in small or capital letters.

    Raises:
        UsageError: a folder does not exist or cannot be read.
    """
    return sorted(_images_in(path))


def _images_in(path: Path) -> Iterator[Path]:
    for entry in _entries(path):
        if entry.is_dir(follow_symlinks=False):
            yield from _images_in(Path(entry.path))
        elif entry.name.lower().endswith(SUFFIXES) and entry.is_file():
            yield Path(entry.path)


def _entries(path: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except FileNotFoundError as error:
        raise UsageError(f"no folder {path}; give one with a subfolder of images for each class") from error
    except NotADirectoryError as error:
        raise UsageError(f"{path} is not a folder; give one with a subfolder of images for each class") from error
    except OSError as error:
        raise UsageError(f"cannot read the folder {path}: {error.strerror or error}") from error


def _scan_classes(path: Path) -> Scanned:
    """The images of each class subfolder, classes in the order of their names."""
    classes = sorted(entry.name for entry in _entries(path) if entry.is_dir())
    if not classes:
        raise UsageError(f"{path} has no subfolders; put the images of each class into a subfolder named after it")
    for name in classes:
        if not name.isprintable():
            raise UsageError(f"{path} has a class folder whose name is no readable text, {name!a}; rename it")
    scanned = {name: scan(path / name) for name in classes}
    empty = [name for name, images in scanned.items() if not images]
    if len(empty) == len(classes):
        raise UsageError(f"no images in the subfolders of {path}; looked for {', '.join(SUFFIXES)}")
    if empty:
        raise UsageError(f"{path} has class folders without images: {', '.join(empty)}; fill or remove them")
    if len(classes) == 1:
        raise UsageError(f"{path} has one class only, {classes[0]}; a classifier needs two or more")
    return scanned


def _demand_agreement(path: Path, train: Scanned, test: Scanned, test_folder: str) -> None:
    for one, other, here, there in ((train, test, "train", test_folder), (test, train, test_folder, "train")):
        missing = [name for name in one if name not in other]
        if missing:
            raise UsageError(
                f"{path} has classes in {here}/ that are not in {there}/: {', '.join(missing)}; add or remove them"
            )


def _hold_out(path: Path, scanned: Scanned, seed: int) -> tuple[Scanned, Scanned]:
    train: Scanned = {}
    test: Scanned = {}
    for name, images in scanned.items():
        if len(images) == 1:
            raise UsageError(f"the class {name} in {path} has one image only; to hold one out it needs two or more")
        # A hash of the path and not the position decides, so that a new image moves hardly any of the others.
        hashes = np.array([zlib.crc32(image.relative_to(path).as_posix().encode()) for image in images])
        by_chance = np.argsort(uniform(seed, 0, hashes, "folder split"), kind="stable")
        held_out = set(by_chance[: max(1, round(len(images) * _TEST_SHARE))].tolist())
        train[name] = [image for at, image in enumerate(images) if at not in held_out]
        test[name] = [image for at, image in enumerate(images) if at in held_out]
    return train, test


def _files(scanned: Scanned) -> ImageFiles:
    paths = tuple(image for images in scanned.values() for image in images)
    counts = [len(images) for images in scanned.values()]
    labels: npt.NDArray[np.int64] = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    return ImageFiles(paths=paths, labels=labels)
