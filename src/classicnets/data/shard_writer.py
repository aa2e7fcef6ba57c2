"""Any data set as shards: see `classicnets.data.shards` for what these are."""

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from classicnets.data.images import DataSet, ImageArray, Images, Labels, PackedImages
from classicnets.data.randomness import order
from classicnets.data.reading import read
from classicnets.data.shard_indices import INDEX
from classicnets.data.shards import ABOUT, FORMAT
from classicnets.data.tars import index_samples, write_index
from classicnets.errors import UsageError
from classicnets.files import write_text, write_whole


@dataclass(frozen=True, kw_only=True)
class Written:
    """A part of a data set as shards.

    Attributes:
        images: in all of them.
        shards: their names.
        bytes: that they take.
    """

    images: int
    shards: tuple[str, ...]
    bytes: int


def write_shards(
    data: DataSet,
    out: Path,
    *,
    images_per_shard: int,
    seed: int = 0,
    begin: Callable[[int], None] = lambda images: None,
    progress: Callable[[int], None] = lambda images: None,
) -> dict[str, Written]:
    """Write a data set as shards, ``train-000000.tar`` and on and ``val-000000.tar`` and on, each with its index.

    The images of files and archives are copied byte for byte, those in memory become PNGs. Images to learn from are
    mixed first, so that every shard holds a bit of every class. The same data gives the same shards.

    Args:
        data: what to write.
        out: the folder, new or empty.
        images_per_shard: in each but the last.
        seed: of the mixing.
        begin: told the number of images before the first.
        progress: told the number of images that were written, as they are.

    Returns:
        What was written, by part: ``train`` and ``val``.

    Raises:
        UsageError: the folder holds something, cannot be written, or an image cannot be read.
    """
    _must_be_empty(out)
    begin(len(data.train) + len(data.test))
    mixed = order(seed, 0, len(data.train))
    written = {
        part: _write_part(out, part, images, visited, images_per_shard, progress)
        for part, images, visited in (
            ("train", data.train, mixed),
            ("val", data.test, np.arange(len(data.test), dtype=np.int64)),
        )
    }
    about = {
        "format": FORMAT,
        "data": data.name,
        "classes": data.classes,
        "images": {part: found.images for part, found in written.items()},
        "parts": {part: found.shards for part, found in written.items()},
    }
    write_text(out / ABOUT, json.dumps(about, indent=1) + "\n")
    return written


def _must_be_empty(out: Path) -> None:
    try:
        if any(out.iterdir()):
            raise UsageError(f"{out} holds other files; name a new or an empty folder")
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"cannot write to {out}: {error.strerror or error}") from error


def _write_part(
    out: Path,
    part: str,
    images: Images,
    visited: Labels,
    images_per_shard: int,
    progress: Callable[[int], None],
) -> Written:
    names = []
    digits = max(6, len(str(len(images) - 1)))
    for number, first in enumerate(range(0, len(visited), images_per_shard)):
        chosen = visited[first : first + images_per_shard].tolist()
        path = out / f"{part}-{number:06}.tar"
        write_whole(path, partial(_write_shard, images=images, chosen=chosen, digits=digits, progress=progress))
        # Copies have other dates; they are as good as what was copied.
        write_index(path.with_name(f"{path.name}{INDEX}"), replace(index_samples(path), changed=0))
        names.append(path.name)
    return Written(images=len(images), shards=tuple(names), bytes=sum((out / name).stat().st_size for name in names))


def _write_shard(
    path: Path, *, images: Images, chosen: list[int], digits: int, progress: Callable[[int], None]
) -> None:
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for index in chosen:
            for name, content in _sample(images, index, digits):
                info = tarfile.TarInfo(name)  # of no date and nobody's, so that the same data gives the same bytes
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
            progress(1)


def _sample(images: Images, index: int, digits: int) -> Iterator[tuple[str, bytes]]:
    """The files of a sample: the image, then its class."""
    key = f"{index:0{digits}}"
    if isinstance(images, ImageArray):
        pixels = images.pixels[index].numpy()
        picture = io.BytesIO()
        Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(picture, "PNG")
        yield f"{key}.png", picture.getvalue()
    else:
        place = images.place(index)
        ending = PurePosixPath(place.name).suffix.lower()
        yield f"{key}{ending}", read(place, images.cache if isinstance(images, PackedImages) else None)
    yield f"{key}.cls", str(int(images.labels[index])).encode()
