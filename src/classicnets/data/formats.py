"""The two file formats the classic sets come in: idx (MNIST, Fashion-MNIST) and CIFAR's binary records.

Each class here names the files of one part of a set and reads them as ``(pixels, labels)``: uint8 (images, height,
width, channels) and int64 (images,). A file that is not what it should be is a `UsageError` that names it.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from classicnets.errors import UsageError

Bytes = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]

_GZIP_MAGIC = b"\x1f\x8b"
_IDX_BYTES = 0x08  # the code of unsigned bytes, in the third byte of an idx file; the fourth counts the dimensions


@dataclass(frozen=True, kw_only=True)
class IdxFiles:
    """A part of a set that lies in two idx files: grey images and their labels.

    Attributes:
        images: name of the file that holds (images, height, width) bytes.
        labels: name of the file that holds (images,) bytes.
    """

    images: str
    labels: str

    def read(self, folder: Path, *, count: int, shape: tuple[int, int, int], classes: int) -> tuple[Bytes, Labels]:
        """The pixels, not copied from the bytes of the file, and the labels.

        Args:
            folder: where the files are.
            count: images that there must be.
            shape: height, width and channels (1) that they must have.
            classes: labels must be below.

        Raises:
            UsageError: a file is missing, truncated or not what it should be.
        """
        height, width, _ = shape
        pixels = read_idx(folder / self.images, shape=(count, height, width))
        labels = read_idx(folder / self.labels, shape=(count,)).astype(np.int64)
        return pixels.reshape(count, *shape), _checked(labels, classes, folder / self.labels)


@dataclass(frozen=True, kw_only=True)
class CifarFiles:
    """A part of a set that lies in files of CIFAR records: a label of one or two bytes, then the planes of an image.

    Attributes:
        names: the files; each holds an equal share of the images.
        label_bytes: 1 in CIFAR-10; 2 in CIFAR-100, where the coarse label comes first and the fine one is wanted.
    """

    names: tuple[str, ...]
    label_bytes: int = 1

    def read(self, folder: Path, *, count: int, shape: tuple[int, int, int], classes: int) -> tuple[Bytes, Labels]:
        """The pixels, brought from planes to (height, width, channels) file by file, and the labels.

        Arguments and errors are those of `IdxFiles.read`.
        """
        height, width, channels = shape
        pixels = np.empty((count, *shape), dtype=np.uint8)
        labels = np.empty(count, dtype=np.int64)
        each = count // len(self.names)
        for at, name in zip(range(0, count, each), self.names, strict=True):
            records = _records(folder / name, count=each, length=self.label_bytes + height * width * channels)
            planes = records[:, self.label_bytes :].reshape(each, channels, height, width)
            # A channel at a time is several times faster than one copy whose innermost stride jumps over planes.
            for channel in range(channels):
                pixels[at : at + each, :, :, channel] = planes[:, channel]
            labels[at : at + each] = _checked(records[:, self.label_bytes - 1], classes, folder / name)
        return pixels, labels


Files = IdxFiles | CifarFiles


def read_idx(path: Path, *, shape: tuple[int, ...] | None = None) -> Bytes:
    """The array of bytes in an idx file, of any number of dimensions.

    The format: two zero bytes, a byte for the element type, a byte for the number of dimensions, each dimension as a
    big-endian 32-bit integer, then the elements in C order.

    Args:
        path: the file.
        shape: what the file must hold; None takes any.

    Raises:
        UsageError: the file cannot be read, is not idx, holds another type or shape, or is cut short or too long.
    """
    data = _bytes(path)
    head = data[:4].tobytes()
    if head[:2] == _GZIP_MAGIC:
        raise UsageError(f"{path}: still compressed; unpack it with gunzip")
    if len(head) < 4 or head[:3] != bytes((0, 0, _IDX_BYTES)):
        raise UsageError(f"{path}: not an idx file of bytes: it begins with {head.hex() or 'nothing'}")
    start = 4 + 4 * head[3]
    if len(data) < start:
        raise UsageError(f"{path}: cut short inside its header")
    found = tuple(data[4:start].view(">u4").tolist())
    if shape is not None and found != shape:
        raise UsageError(f"{path}: holds an array of shape {found}, not {shape}")
    expected = start + math.prod(found)
    if len(data) != expected:
        raise UsageError(f"{path}: has {len(data):,} bytes, its header promises {expected:,}")
    return data[start:].reshape(found)


def _records(path: Path, *, count: int, length: int) -> Bytes:
    data = _bytes(path)
    if len(data) != count * length:
        raise UsageError(f"{path}: has {len(data):,} bytes, {count:,} records of {length:,} need {count * length:,}")
    return data.reshape(count, length)


def _checked(labels: npt.NDArray[np.integer], classes: int, path: Path) -> Labels:
    wrong = np.flatnonzero(labels >= classes)
    if len(wrong):
        raise UsageError(f"{path}: label {labels[wrong[0]]} at image {wrong[0]}, allowed are 0 to {classes - 1}")
    return labels.astype(np.int64, copy=False)


def _bytes(path: Path) -> Bytes:
    try:
        return np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from error
