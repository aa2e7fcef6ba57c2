"""Data sets by name: the built-in ones, and one's own: folders of images, shards, ImageNet."""

from pathlib import Path

import numpy as np
import torch

from classicnets.data.descriptions import SETS, describe
from classicnets.data.folder import open_folder
from classicnets.data.imagenet import is_imagenet, open_imagenet
from classicnets.data.images import DataSet, ImageArray
from classicnets.data.local import FOLDER, IMAGENET, SHARDS, Part, default_data_dir, read
from classicnets.data.randomness import uniform
from classicnets.data.shards import open_shards
from classicnets.errors import UsageError

__all__ = ["SETS", "default_data_dir", "open_data"]


def open_data(spec: str, *, data_dir: Path | None = None, seed: int = 0, hold_out: bool = True) -> DataSet:
    """The data set that ``spec`` names.

    Args:
        spec: a built-in set's name (`descriptions.SETS`); ``folder:PATH`` for one's own images (`folder.open_folder`);
            ``shards:PATTERN`` for archives of them (`shards.open_shards`); ``imagenet:PATH`` for ImageNet as it is
            downloaded (`imagenet.open_imagenet`), which ``folder:PATH`` knows, too.
        data_dir: where the built-in sets lie; None stands for `default_data_dir`.
        seed: decides which images of a folder without a test part are held out. The built-in sets have their split.
        hold_out: whether such a folder is split at all; if not, all its images are to learn from and to test on.

    Raises:
        UsageError: no such set, a set that has not been fetched, or files that are not what they should be; the
            message says what to do.
    """
    for prefix, what in ((FOLDER, "PATH"), (SHARDS, "PATTERN"), (IMAGENET, "PATH")):
        if spec == prefix:
            raise UsageError(f"{spec!r} names no {'shards' if prefix == SHARDS else 'folder'}; write {prefix}{what}")
    if spec.startswith(SHARDS):
        return open_shards(spec, seed=seed, hold_out=hold_out)
    path = Path(spec.removeprefix(IMAGENET).removeprefix(FOLDER)).expanduser()
    if spec.startswith(IMAGENET) or (spec.startswith(FOLDER) and is_imagenet(path)):
        return open_imagenet(path)
    if spec.startswith(FOLDER):
        return open_folder(path, seed=seed, hold_out=hold_out)
    description = describe(spec)
    train, test = _digits() if description.name == "digits" else read(description, data_dir=data_dir)
    return DataSet(name=spec, classes=description.classes, train=_array(train), test=_array(test))


def _digits() -> tuple[Part, Part]:
    """Scikit-learn's 1,797 digits, 1,437 to learn from and 360 to test on.

    The set comes in one piece. Within each class the images are put in a random but fixed order, the classes are
    laid end to end, and every fifth image is for the test: so a fifth of each class is, to within one image. The
    random numbers are hashes (`randomness.uniform`) and the same everywhere. Values 0 to 16 become 0 to 255.
    """
    from sklearn.datasets import load_digits  # takes a second: only those who want this set wait for it

    images, labels = load_digits(return_X_y=True)
    pixels = np.rint(images * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8, 1)
    labels = labels.astype(np.int64)
    indices = np.arange(len(labels), dtype=np.int64)
    by_class = np.lexsort((uniform(0, 0, indices, "digits split"), labels))
    held_out = np.zeros(len(labels), dtype=np.bool_)
    held_out[by_class[::5]] = True
    return (
        Part(pixels=pixels[~held_out], labels=labels[~held_out]),
        Part(pixels=pixels[held_out], labels=labels[held_out]),
    )


def _array(part: Part) -> ImageArray:
    return ImageArray(pixels=torch.from_numpy(part.pixels), labels=part.labels)
