"""ImageNet (ILSVRC-2012) as it is downloaded: folders, or the tar archives without unpacking them.

To learn from: ``train/`` with a folder a class, or ``ILSVRC2012_img_train.tar``, which holds an archive a class. To
test on: ``val/`` with a folder a class; or the 50,000 images as they come, in ``val/`` or ``ILSVRC2012_img_val.tar``,
with a file that tells their classes (see `classicnets.data.imagenet_truth`). Each may lie in the folder that is given
or in ``ILSVRC/Data/CLS-LOC/`` below it. Classes are called by their WordNet numbers, as the folders are.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from classicnets.data.folder import SUFFIXES, files_of, scan, scan_classes
from classicnets.data.imagenet_truth import class_of_each
from classicnets.data.images import DataSet, EncodedImages, ImageFiles, Labels
from classicnets.data.local import IMAGENET
from classicnets.data.names import NamesWriter, Paths
from classicnets.data.shard_indices import indices_of
from classicnets.data.shards import packed
from classicnets.data.tars import IndexWriter, TarIndex, members
from classicnets.errors import UsageError

TRAIN_TAR = "ILSVRC2012_img_train.tar"
VAL_TAR = "ILSVRC2012_img_val.tar"

_INSIDE = ("", "ILSVRC/Data/CLS-LOC", "Data/CLS-LOC")  # where the images lie in what the hosts of the set hand out
_FLAT = "ILSVRC2012_val_"  # what the names of the images to test on begin with, where they lie in no class folders


def is_imagenet(path: Path) -> bool:
    """Whether a folder holds ImageNet in one of the ways in which only ImageNet comes."""
    return any(
        (path / inside / TRAIN_TAR).is_file() or next((path / inside / "val").glob(f"{_FLAT}*.JPEG"), None) is not None
        for inside in _INSIDE
    )


def open_imagenet(path: Path) -> DataSet:
    """ImageNet in a folder.

    Raises:
        UsageError: a part or the classes of the images to test on are missing, or an archive is broken.
    """
    base = next((path / inside for inside in _INSIDE if _has_train(path / inside)), None)
    if base is None:
        raise UsageError(f"{path} has neither {TRAIN_TAR} nor train/ with a folder for each class")
    if (base / TRAIN_TAR).is_file():
        classes, train = _packed_train(base / TRAIN_TAR)
    else:
        scanned = scan_classes(base / "train")
        classes, train = scanned.classes, files_of(base / "train", scanned)
    return DataSet(name=f"{IMAGENET}{path}", classes=classes, train=train, test=_test(path, base, classes))


def _has_train(base: Path) -> bool:
    return (base / TRAIN_TAR).is_file() or (base / "train").is_dir()


def _packed_train(tar: Path) -> tuple[tuple[str, ...], EncodedImages]:
    (index,) = indices_of([str(tar)], _index_train)
    classes = tuple(sorted(index.texts))
    if len(classes) < 2:
        raise UsageError(f"{tar} should hold an archive with images for each class, and has {len(classes)}")
    # The archives inside hold a class each: to go from one to the next would be to learn one class after the other.
    return classes, packed([str(tar)], [index], classes, mixed=False)


def _test(path: Path, base: Path, classes: tuple[str, ...]) -> EncodedImages:
    folder, tar = base / "val", base / VAL_TAR
    if folder.is_dir() and any(entry.is_dir() for entry in folder.iterdir()):
        scanned = scan_classes(folder)
        if scanned.classes != classes:
            strange = sorted(set(scanned.classes) ^ set(classes))
            raise UsageError(f"{folder} has other classes than the images to learn from: {', '.join(strange[:5])}")
        return files_of(folder, scanned)
    if folder.is_dir():
        found = scan(folder)
        names = [image.name for image in found]
        paths = Paths(folder, NamesWriter(str(image.relative_to(folder)) for image in found).names())
        return ImageFiles(paths=paths, labels=_labels(path, folder, names, classes))
    if not tar.is_file():
        raise UsageError(f"{base} has neither val/ nor {VAL_TAR}")
    (index,) = indices_of([str(tar)], _index_val)
    images = packed([str(tar)], [index], ("",), mixed=False)
    order = np.array(sorted(range(len(images)), key=images.keys.__getitem__), dtype=np.int64)
    images = images.taken(order)
    names = [key.rpartition("/")[2] for key in images.keys]
    return images.labelled(_labels(path, tar, names, classes))


def _labels(path: Path, where: Path, names: list[str], classes: tuple[str, ...]) -> Labels:
    if not names:
        raise UsageError(f"no images in {where}")
    positions = {name: at for at, name in enumerate(classes)}
    told = class_of_each(path, names, classes)
    strange = next((name for name in told if name not in positions), None)
    if strange is not None:
        raise UsageError(f"{where} has images of {strange}, a class that there is none of to learn from")
    return np.array([positions[name] for name in told], dtype=np.int64)


def _index_train(tar: Path, told: Callable[[int], None]) -> TarIndex:
    """Of the archive of archives, each of which is called by its class."""
    return _index(tar, told, inner=True, class_of=lambda name: name.split("/")[-2].removesuffix(".tar"))


def _index_val(tar: Path, told: Callable[[int], None]) -> TarIndex:
    """Of the archive of images, whose classes stand elsewhere."""
    return _index(tar, told, inner=False, class_of=lambda name: "")


def _index(tar: Path, told: Callable[[int], None], *, inner: bool, class_of: Callable[[str], str]) -> TarIndex:
    writer, state = IndexWriter(), tar.stat()
    for member in members(tar, inner=inner):
        if member.name.lower().endswith(SUFFIXES):
            writer.add(member.name, member.offset, member.size, class_of(member.name))
            told(1)
    return writer.index(size=state.st_size, changed=state.st_mtime_ns)
