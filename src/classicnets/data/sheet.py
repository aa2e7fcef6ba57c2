"""A contact sheet: images of a data set beside what training makes of them, as one HTML page."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from classicnets.data.augmentation.chance import Chance
from classicnets.data.augmentation.mixing import Mixed
from classicnets.data.augmentation.whole import change
from classicnets.data.decode import decode_bytes
from classicnets.data.defaults import default_preprocessing
from classicnets.data.descriptions import SETS
from classicnets.data.images import DataSet, ImageArray, Images, PackedImages
from classicnets.data.pipeline import with_figures
from classicnets.data.pixels import augment, with_channels
from classicnets.data.randomness import order
from classicnets.data.reading import read
from classicnets.data.transforms import Augmentation, Preprocessing, draw
from classicnets.files import write_text
from classicnets.web.pictures import as_source
from classicnets.web.templates import fill

PHOTOGRAPH = (3, 224, 224)
"""Channels, height and width that images of a folder are brought to where nothing else is said."""

SIDE = 112
"""The longest side of an image on the sheet, in pixels of the page."""

_FINER = 2  # pixels of the image for one of the page, for screens that show them


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """What a contact sheet shows.

    Attributes:
        data: the data set; its training images are shown.
        preprocessing: what size and channels the network takes.
        augmentation: what training does.
        description: of the augmentation, for people, in lines.
        images: how many rows, classes taking turns.
        versions: how many changed ones in a row: what training makes of the image in its first epochs.
        seed: of the run.
    """

    data: DataSet
    preprocessing: Preprocessing
    augmentation: Augmentation
    description: str
    images: int = 8
    versions: int = 6
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class _Picture:
    source: str  # a data URI
    width: int  # in pixels of the page
    height: int
    magnified: bool
    alt: str
    caption: str = ""


@dataclass(frozen=True, kw_only=True)
class _Row:
    name: str
    index: int
    pictures: tuple[_Picture, ...]


def default_input(data: DataSet, given: tuple[int, ...] | None) -> Preprocessing:
    """The preprocessing for a sheet: of the size and channels that are given, else of the data's own.

    Args:
        data: what is shown.
        given: channels, height and width, or the last two alone.
    """
    height, width, channels = SETS[data.name].shape if data.name in SETS else (*PHOTOGRAPH[1:], PHOTOGRAPH[0])
    if given is not None:
        *leading, height, width = given
        channels = leading[0] if leading else channels
    return default_preprocessing(data.name, channels, (height, width))


def write_sheet(path: Path, sheet: Sheet) -> None:
    """Write ``sheet`` as one HTML file that needs no network and holds no scripts.

    Raises:
        UsageError: the augmentation does not go with the input size, the file could not be written, or an image is
            broken.
    """
    sheet.augmentation.check_size(sheet.preprocessing.size)
    sheet = replace(sheet, augmentation=with_figures(sheet.augmentation, sheet.data.train, sheet.preprocessing))
    write_text(path, fill("classicnets.data", "sheet.html", sheet=sheet, rows=_rows(sheet), side=SIDE))


def chosen(labels: npt.NDArray[np.int64], count: int, seed: int) -> npt.NDArray[np.int64]:
    """Positions of ``count`` images, or of all where there are fewer: at random, but the classes take turns."""
    mixed = order(seed, 0, len(labels))
    by_class = mixed[np.argsort(labels[mixed], kind="stable")]
    begins = np.flatnonzero(np.diff(labels[by_class], prepend=-1))
    turn = np.arange(len(labels)) - np.repeat(begins, np.diff(np.append(begins, len(labels))))
    picked: npt.NDArray[np.int64] = by_class[np.lexsort((labels[by_class], turn))][:count]
    return picked


def _rows(sheet: Sheet) -> list[_Row]:
    train, classes = sheet.data.train, sheet.data.classes
    indices = chosen(train.labels, sheet.images, sheet.seed)
    labels = train.labels[indices]
    originals = [_pixels(train, index, sheet.preprocessing) for index in indices.tolist()]
    columns = [_versions(sheet, originals, indices, labels, epoch) for epoch in range(sheet.versions)]
    rows = []
    for at, (index, label) in enumerate(zip(indices.tolist(), labels.tolist(), strict=True)):
        name = classes[label]
        pictures = [_picture(originals[at], alt=f"{name}, image {index} as it is")]
        pictures += [
            _picture(
                mixed.images[at], alt=f"{name}, image {index} in epoch {epoch}", caption=_caption(mixed, at, classes)
            )
            for epoch, mixed in enumerate(columns, start=1)
        ]
        rows.append(_Row(name=name, index=index, pictures=tuple(pictures)))
    return rows


def _pixels(images: Images, index: int, preprocessing: Preprocessing) -> torch.Tensor:
    if isinstance(images, ImageArray):
        return with_channels(images.pixels[index], preprocessing.channels)
    place = images.place(index)
    content = read(place, images.cache if isinstance(images, PackedImages) else None)
    return decode_bytes(content, name=place.name, channels=preprocessing.channels)


def _versions(
    sheet: Sheet,
    originals: Sequence[torch.Tensor],
    indices: npt.NDArray[np.int64],
    labels: npt.NDArray[np.int64],
    epoch: int,
) -> Mixed:
    """What training makes of the images in one epoch, the rows of the sheet being a batch."""
    drawn = draw(sheet.augmentation, sheet.seed, epoch, indices)
    cut = torch.stack(
        [
            augment(pixels, sheet.preprocessing, sheet.augmentation, drawn.choice(at))
            for at, pixels in enumerate(originals)
        ]
    )
    chance = Chance(sheet.seed, epoch, indices)
    pixels = change(cut, sheet.augmentation, chance)
    classes = torch.from_numpy(labels)
    if sheet.augmentation.mix is None:
        return Mixed(pixels, classes, classes, torch.ones(len(indices)))
    return sheet.augmentation.mix(pixels, classes, chance)


def _caption(mixed: Mixed, at: int, classes: Sequence[str]) -> str:
    share = round(100 * float(mixed.weights[at]))
    first, second = (classes[int(labels[at])] for labels in (mixed.labels, mixed.others))
    return "" if share == 100 else f"{share}% {first}, {100 - share}% {second}"


def _picture(pixels: torch.Tensor, *, alt: str, caption: str = "") -> _Picture:
    array = pixels.numpy()
    picture = Image.fromarray(np.ascontiguousarray(array[:, :, 0] if array.shape[2] == 1 else array))
    longest = max(picture.size)
    # A whole number, so that every pixel of a small image becomes a square of the same size.
    factor = SIDE // longest if longest <= SIDE else SIDE / longest
    width, height = (max(1, round(side * factor)) for side in picture.size)
    picture.thumbnail((SIDE * _FINER, SIDE * _FINER))
    return _Picture(
        source=as_source(picture),
        width=width,
        height=height,
        magnified=factor > 1,
        alt=alt,
        caption=caption,
    )
