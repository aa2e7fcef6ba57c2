"""idx files and CIFAR records: what is written is read back, what is damaged is refused by name."""

import gzip
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from classicnets.data.formats import CifarFiles, IdxFiles, read_idx
from classicnets.errors import UsageError
from tests.data.small_sets import COLOUR, GREY, LABELS, cifar, idx

byte_arrays = arrays(np.uint8, array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=6))
same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


@same_folder
@given(array=byte_arrays)
def test_idx_round_trip(tmp_path: Path, array: npt.NDArray[np.uint8]) -> None:
    path = tmp_path / "file"
    path.write_bytes(idx(array))
    found = read_idx(path)
    assert found.shape == array.shape
    assert np.array_equal(found, array)


@same_folder
@given(array=byte_arrays, data=st.data())
def test_every_truncation_of_an_idx_file_is_refused(
    tmp_path: Path, array: npt.NDArray[np.uint8], data: st.DataObject
) -> None:
    whole = idx(array)
    path = tmp_path / "file"
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(UsageError, match=str(path)):
        read_idx(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not an idx file of bytes: it begins with nothing"),
        (b"<html>the page was moved</html>", "not an idx file of bytes"),
        (bytes((0, 0, 0x0D, 1, 0, 0, 0, 1)) + bytes(4), "not an idx file of bytes"),  # an array of floats
        (gzip.compress(idx(LABELS), mtime=0), "still compressed; unpack it with gunzip"),
        (idx(LABELS) + b"\0", "has 25 bytes, its header promises 24"),
        (idx(LABELS[1:]), r"holds an array of shape \(15,\), not \(16,\)"),
    ],
)
def test_a_foreign_idx_file_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "labels"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=f"{path}: {reason}") as caught:
        read_idx(path, shape=(16,))
    assert "\n" not in str(caught.value)


def test_a_header_that_promises_more_than_memory_holds_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "images"
    path.write_bytes(bytes((0, 0, 8, 4)) + b"\xff" * 16)
    with pytest.raises(UsageError, match=f"{path}: has 20 bytes, its header promises 340,282,"):
        read_idx(path)


def test_idx_files_hold_grey_images_and_labels(tmp_path: Path) -> None:
    (tmp_path / "images").write_bytes(idx(GREY[..., 0]))
    (tmp_path / "labels").write_bytes(idx(LABELS))
    pixels, labels = IdxFiles(images="images", labels="labels").read(tmp_path, count=16, shape=(9, 7, 1), classes=3)
    assert np.array_equal(pixels, GREY)
    assert labels.dtype == np.int64
    assert labels.tolist() == LABELS.tolist()


def test_a_label_that_is_no_class_is_refused(tmp_path: Path) -> None:
    (tmp_path / "images").write_bytes(idx(GREY[..., 0]))
    labels = LABELS.copy()
    labels[5] = 3
    (tmp_path / "labels").write_bytes(idx(labels))
    with pytest.raises(UsageError, match=f"{tmp_path}/labels: label 3 at image 5, allowed are 0 to 2"):
        IdxFiles(images="images", labels="labels").read(tmp_path, count=16, shape=(9, 7, 1), classes=3)


def test_cifar_records_become_images_of_interleaved_channels(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(cifar(COLOUR[:8], LABELS[:8]))
    (tmp_path / "two").write_bytes(cifar(COLOUR[8:], LABELS[8:]))
    pixels, labels = CifarFiles(names=("one", "two")).read(tmp_path, count=16, shape=(9, 7, 3), classes=3)
    assert np.array_equal(pixels, COLOUR)
    assert labels.dtype == np.int64
    assert labels.tolist() == LABELS.tolist()


def test_of_two_label_bytes_the_fine_one_counts(tmp_path: Path) -> None:
    (tmp_path / "train.bin").write_bytes(cifar(COLOUR, LABELS, coarse=b"\x13"))
    files = CifarFiles(names=("train.bin",), label_bytes=2)
    pixels, labels = files.read(tmp_path, count=16, shape=(9, 7, 3), classes=3)
    assert np.array_equal(pixels, COLOUR)
    assert labels.tolist() == LABELS.tolist()


def test_cut_or_mislabelled_cifar_records_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "train.bin"
    files = CifarFiles(names=("train.bin",))
    path.write_bytes(cifar(COLOUR, LABELS)[:-1])
    with pytest.raises(UsageError, match=f"{path}: has 3,039 bytes, 16 records of 190 need 3,040"):
        files.read(tmp_path, count=16, shape=(9, 7, 3), classes=3)
    path.write_bytes(cifar(COLOUR, LABELS))
    with pytest.raises(UsageError, match=f"{path}: label 2 at image 2, allowed are 0 to 1"):
        files.read(tmp_path, count=16, shape=(9, 7, 3), classes=2)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"{tmp_path}/none: cannot be read: No such file"):
        read_idx(tmp_path / "none")
