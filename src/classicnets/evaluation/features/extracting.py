"""The features of a data set or of some images, in memory or to a file."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from classicnets.data.images import DataSet, ImageArray, ImageFiles, Images
from classicnets.evaluation.features.dense import Combine, dense_features
from classicnets.evaluation.features.files import Table, Values, check_file, write_table
from classicnets.evaluation.features.rows import Chunk, Floats, Wanted, gathered, row_features
from classicnets.weights.bundle import Bundle

Part = Literal["train", "test", "both"]
PARTS = ("train", "test")
"""What the numbers of the array ``part`` stand for."""


class Pictures(NamedTuple):
    """Images whose features are wanted.

    Attributes:
        name: of the data set, or what else they are called.
        parts: images, each with the number of the part that they are of; see `PARTS`.
        classes: what labels stand for; None for images without labels.
    """

    name: str
    parts: tuple[tuple[int, Images], ...]
    classes: tuple[str, ...] | None

    @property
    def total(self) -> int:
        """How many images there are."""
        return sum(len(images) for _, images in self.parts)


class Dense(NamedTuple):
    """That whole images at several scales are wanted; see `classicnets.evaluation.features.dense`."""

    scales: tuple[int, ...]
    combine: Combine = "average"


@dataclass(frozen=True, kw_only=True)
class FeatureSet:
    """Features with what is known of their images.

    Attributes:
        rows: under each name float32, (images, ...).
        known: ``labels`` (int64), ``part`` (uint8, a position in `PARTS`) and ``paths`` (text), an entry an image
            each, as far as there are such.
        about: of what network, images and classes they are.
    """

    rows: dict[str, Floats]
    known: dict[str, Values]
    about: dict[str, Any]


def pictures_of(data: DataSet, part: Part = "both") -> Pictures:
    """The images of a data set, or of one of its parts."""
    parts = tuple((number, getattr(data, name)) for number, name in enumerate(PARTS) if part in (name, "both"))
    return Pictures(name=data.name, parts=parts, classes=data.classes)


def pictures_at(paths: Sequence[str]) -> Pictures:
    """Image files without labels."""
    files = ImageFiles(paths=tuple(map(Path, paths)), labels=np.zeros(len(paths), dtype=np.int64))
    return Pictures(name="images", parts=((0, files),), classes=None)


def features_of(
    bundle: Bundle,
    pictures: Pictures,
    wanted: Wanted,
    *,
    dense: Dense | None = None,
    batch_size: int = 64,
    workers: int | None = None,
    progress: Callable[[int], None] = lambda images: None,
) -> FeatureSet:
    """The features of images, in memory.

    Args:
        bundle: the network, and how its images are prepared.
        pictures: see `pictures_of` and `pictures_at`.
        wanted: which rows, and what is done with them.
        dense: whole images at several scales instead of what the bundle prepares.
        batch_size: images at a time.
        workers: processes that read image files.
        progress: told the number of images after each batch.

    Raises:
        UsageError: no such row, an image that cannot be read, or a network that cannot do it.
    """
    chunks = list(_told(_chunks(bundle, pictures, wanted, dense, batch_size, workers), progress))
    return FeatureSet(rows=gathered(chunks), known=_known(pictures), about=_about(bundle, pictures, wanted, dense))


def write_features(
    path: Path,
    bundle: Bundle,
    pictures: Pictures,
    wanted: Wanted,
    *,
    dense: Dense | None = None,
    batch_size: int = 64,
    workers: int | None = None,
    progress: Callable[[int], None] = lambda images: None,
) -> dict[str, tuple[int, ...]]:
    """Write the features of images to a file, batch by batch; arguments as of `features_of`.

    Returns:
        Under each row asked for the shape of its array.

    Raises:
        UsageError: as of `features_of`, or the file cannot be written.
    """
    check_file(path)
    chunks = _told(_chunks(bundle, pictures, wanted, dense, batch_size, workers), progress)
    first = next(chunks)  # the shapes of what comes are known by what has come
    large = {name: (pictures.total, *values.shape[1:]) for name, values in first.rows.items()}
    table = Table(small=_known(pictures), large=large, about=_about(bundle, pictures, wanted, dense))
    write_table(path, table, (chunk.rows for chunk in chain([first], chunks)))
    return large


def _chunks(
    bundle: Bundle, pictures: Pictures, wanted: Wanted, dense: Dense | None, batch_size: int, workers: int | None
) -> Iterator[Chunk]:
    for _, images in pictures.parts:
        if dense is None:
            yield from row_features(bundle, images, wanted, batch_size=batch_size, workers=workers)
        else:
            yield from dense_features(bundle, images, wanted, scales=dense.scales, combine=dense.combine)


def _told(chunks: Iterator[Chunk], progress: Callable[[int], None]) -> Iterator[Chunk]:
    for chunk in chunks:
        yield chunk
        progress(chunk.images)


def _known(pictures: Pictures) -> dict[str, Values]:
    known: dict[str, Values] = {}
    if pictures.classes is not None:
        known["labels"] = np.concatenate([images.labels for _, images in pictures.parts])
        known["part"] = np.repeat(
            np.array([number for number, _ in pictures.parts], dtype=np.uint8),
            [len(images) for _, images in pictures.parts],
        )
    paths = [
        images.place(at).name
        for _, images in pictures.parts
        if not isinstance(images, ImageArray)
        for at in range(len(images))
    ]
    if paths:
        known["paths"] = np.array(paths)
    return known


def _about(bundle: Bundle, pictures: Pictures, wanted: Wanted, dense: Dense | None) -> dict[str, Any]:
    return {
        "network": bundle.network.name,
        "rows": {name: bundle.network.find_row(name) for name in wanted.rows(bundle)},
        "images": pictures.name,
        "classes": None if pictures.classes is None else list(pictures.classes),
        "parts": list(PARTS),
        "preprocessing": bundle.preprocessing.model_dump(mode="json"),
        **asdict(wanted),
        "at": list(wanted.at),
        "dense": None if dense is None else {"scales": list(dense.scales), "combine": dense.combine},
    }
