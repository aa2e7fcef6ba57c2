"""Small data sets in the real ones' formats, with the archives that a home would hold."""

import dataclasses
import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from classicnets.data.descriptions import Archive, SetDescription
from classicnets.data.formats import CifarFiles, IdxFiles

TRAIN, TEST = 12, 4
_RANDOM = np.random.default_rng(0)
CLASSES = ("circle", "square", "cross")
GREY = _RANDOM.integers(0, 256, (TRAIN + TEST, 9, 7, 1), dtype=np.uint8)
COLOUR = _RANDOM.integers(0, 256, (TRAIN + TEST, 9, 7, 3), dtype=np.uint8)
LABELS = (np.arange(TRAIN + TEST) * 7 % len(CLASSES)).astype(np.uint8)


def idx(array: npt.NDArray[np.uint8]) -> bytes:
    """An array as an idx file."""
    return bytes((0, 0, 8, array.ndim)) + np.array(array.shape, dtype=">u4").tobytes() + array.tobytes()


def cifar(pixels: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8], *, coarse: bytes = b"") -> bytes:
    """Images, (images, height, width, channels), as CIFAR records, with ``coarse`` before each label."""
    return b"".join(
        coarse + bytes([label]) + image.transpose(2, 0, 1).tobytes()
        for image, label in zip(pixels, labels.tolist(), strict=True)
    )


IDX_CONTENTS = {
    "train-images-idx3-ubyte": idx(GREY[:TRAIN, :, :, 0]),
    "train-labels-idx1-ubyte": idx(LABELS[:TRAIN]),
    "t10k-images-idx3-ubyte": idx(GREY[TRAIN:, :, :, 0]),
    "t10k-labels-idx1-ubyte": idx(LABELS[TRAIN:]),
}
CIFAR_CONTENTS = {
    "data_batch_1.bin": cifar(COLOUR[:6], LABELS[:6]),
    "data_batch_2.bin": cifar(COLOUR[6:TRAIN], LABELS[6:TRAIN]),
    "test_batch.bin": cifar(COLOUR[TRAIN:], LABELS[TRAIN:]),
}


def idx_set(*homes: str) -> tuple[SetDescription, dict[str, bytes]]:
    """A grey set of four gz archives, as MNIST is, and these archives."""
    archives = {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in IDX_CONTENTS.items()}
    description = SetDescription(
        name="grey",
        title="small grey images",
        classes=CLASSES,
        shape=(9, 7, 1),
        train_count=TRAIN,
        test_count=TEST,
        mean=(0.5,),
        std=(0.3,),
        licence="none",
        source="made for a test",
        homes=homes,
        archives=tuple(
            Archive(name=name, size=len(data), sha256=sha256(data), contents=sums([name.removesuffix(".gz")]))
            for name, data in archives.items()
        ),
        train=IdxFiles(images="train-images-idx3-ubyte", labels="train-labels-idx1-ubyte"),
        test=IdxFiles(images="t10k-images-idx3-ubyte", labels="t10k-labels-idx1-ubyte"),
    )
    return description, archives


def cifar_set(
    *homes: str, archive: Mapping[str, bytes | tarfile.TarInfo] | None = None
) -> tuple[SetDescription, dict[str, bytes]]:
    """A colour set in one tar archive, as CIFAR-10 is, and this archive; ``archive`` stands for its members."""
    members = (
        {f"colour-bin/{name}": content for name, content in CIFAR_CONTENTS.items()} if archive is None else archive
    )
    data = tar({"colour-bin/readme.html": b"not wanted", **members})
    description = dataclasses.replace(
        idx_set(*homes)[0],
        name="colour",
        title="small colour images",
        shape=(9, 7, 3),
        archives=(
            Archive(
                name="colour.tar.gz",
                size=len(data),
                sha256=sha256(data),
                folder="colour-bin",
                contents=sums(CIFAR_CONTENTS),
            ),
        ),
        train=CifarFiles(names=("data_batch_1.bin", "data_batch_2.bin")),
        test=CifarFiles(names=("test_batch.bin",)),
    )
    return description, {"colour.tar.gz": data}


def tar(members: Mapping[str, bytes | tarfile.TarInfo]) -> bytes:
    """A compressed tar archive of files, or of entries of another kind."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                content.name = name
                archive.addfile(content)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def sums(names: Mapping[str, bytes] | list[str]) -> dict[str, str]:
    """SHA-256 of the unpacked files of these names."""
    contents = {**IDX_CONTENTS, **CIFAR_CONTENTS}
    return {name: sha256(contents[name]) for name in names}
