"""Small photographs, and archives of them in the layouts that data sets come in."""

import io
import tarfile
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images


@cache
def photograph(number: int) -> bytes:
    """A part of a real photograph as a JPEG, another one for each number."""
    picture = _photographs()[number % 2]
    top, left = (number * 37) % 300, (number * 53) % 500
    buffer = io.BytesIO()
    Image.fromarray(picture[top : top + 60 + number % 7, left : left + 70 + number % 11]).save(buffer, "JPEG")
    return buffer.getvalue()


@cache
def _photographs() -> tuple[np.ndarray, ...]:
    return tuple(load_sample_images().images)


def tar(path: Path, members: Iterable[tuple[str, bytes]], *, form: int = tarfile.GNU_FORMAT) -> Path:
    """Write a tar archive of files, and say where."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=form) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def shard(path: Path, numbers: Iterable[int], *, classes: int = 3) -> Path:
    """Write a shard with those photographs, the class of each being the rest of its number by ``classes``."""
    members = []
    for number in numbers:
        members += [
            (f"{number:06}.jpg", photograph(number)),
            (f"{number:06}.cls", str(number % classes).encode()),
        ]
    return tar(path, members)


def fill(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files by their paths from a folder on."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
