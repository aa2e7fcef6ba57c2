"""Files of features: what is written is read again, by this package and by others."""

import shutil
import tracemalloc
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from safetensors.numpy import load_file

from classicnets.data.sets import open_data
from classicnets.errors import UsageError
from classicnets.evaluation.features.extracting import features_of, pictures_of, write_features
from classicnets.evaluation.features.files import Table, read_table, write_table
from classicnets.evaluation.features.rows import Wanted
from classicnets.weights.bundle import Bundle
from tests.evaluation.pictures import folder

SUFFIXES = (".safetensors", ".npz")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_hold_what_is_had_in_memory(photo_bundle: Bundle, tmp_path: Path, suffix: str) -> None:
    data = open_data(f"folder:{folder(tmp_path / 'bücher', images=3)}")
    wanted = Wanted(at=("conv2_x", "average"))
    out = tmp_path / "new" / f"found{suffix}"
    shapes = write_features(out, photo_bundle, pictures_of(data), wanted, batch_size=2, workers=0)
    held = features_of(photo_bundle, pictures_of(data), wanted, batch_size=2, workers=0)
    arrays, about = read_table(out)
    assert shapes == {"conv2_x": (12, 16, 32, 32), "average": (12, 64)}
    assert arrays.keys() == {"conv2_x", "average", "labels", "part", "paths"}
    for name, values in {**held.rows, **held.known}.items():
        np.testing.assert_array_equal(arrays[name], values)
    assert arrays["labels"].tolist() == [0, 1, 2, 0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert arrays["part"].tolist() == [0] * 3 + [1] * 9
    assert arrays["paths"][-1] == str(tmp_path / "bücher" / "val" / "red" / "02.png")
    assert about == held.about
    assert (about["classes"], about["rows"]["conv2_x"]) == (["blue", "green", "red"], "conv2_1")
    assert [path.name for path in out.parent.iterdir()] == [out.name]


@pytest.mark.parametrize("part", ["train", "test"])
def test_of_one_part(photo_bundle: Bundle, tmp_path: Path, part: Any) -> None:
    data = open_data(f"folder:{folder(tmp_path, images=2)}")
    found = features_of(photo_bundle, pictures_of(data, part), Wanted(at=("average",)), workers=0)
    assert found.known["part"].tolist() == {"train": [0] * 3, "test": [1] * 6}[part]


class Parts(NamedTuple):
    """Rows of numbers that tell where they stand."""

    total: int
    length: int
    at_once: int

    def table(self) -> Table:
        return Table(
            small={"labels": np.arange(self.total)},
            large={"a": (self.total, self.length), "b": (self.total, 1)},
            about={"what": "numbers"},
        )

    def come(self) -> Iterator[Mapping[str, np.ndarray]]:
        for begin in range(0, self.total, self.at_once):
            rows = np.arange(begin, min(begin + self.at_once, self.total), dtype=np.float32)[:, None]
            yield {"a": rows + np.zeros((1, self.length), dtype=np.float32), "b": -rows}


def test_others_read_them(tmp_path: Path) -> None:
    parts = Parts(7, 3, 2)
    for suffix in SUFFIXES:
        write_table(tmp_path / f"a{suffix}", parts.table(), parts.come())
    with np.load(tmp_path / "a.npz") as npz:
        tensors = load_file(tmp_path / "a.safetensors")
        for name in ("a", "b", "labels"):
            np.testing.assert_array_equal(tensors[name], npz[name])
        assert npz["a"][:, 0].tolist() == [0, 1, 2, 3, 4, 5, 6]
        assert npz["labels"].dtype == np.int64


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_memory_does_not_grow_with_the_file(tmp_path: Path, suffix: str) -> None:
    parts = Parts(4000, 4096, 16)  # 64 MiB
    tracemalloc.start()
    write_table(tmp_path / f"a{suffix}", parts.table(), parts.come())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tmp_path / f"a{suffix}").stat().st_size > 4000 * 4096 * 4
    assert peak < 4 * 2**20


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_fails_half_way_leaves_the_former_file(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"a{suffix}"
    write_table(out, Parts(3, 2, 1).table(), Parts(3, 2, 1).come())
    before = out.read_bytes()

    def fails() -> Iterator[Mapping[str, np.ndarray]]:
        yield next(Parts(9, 2, 1).come())
        raise UsageError("no more")

    with pytest.raises(UsageError, match="no more"):
        write_table(out, Parts(9, 2, 1).table(), fails())
    assert out.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_too_little_room_is_told_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type(shutil.disk_usage(tmp_path))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(10**9, 10**9, 100))
    with pytest.raises(UsageError, match=r"would take 0\.0 GB, and 0\.0 GB are free; ask for fewer rows, or pool"):
        write_table(tmp_path / "a.npz", Parts(9, 9, 1).table(), Parts(9, 9, 1).come())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_holds_no_features_is_told(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    with pytest.raises(UsageError, match="cannot read"):
        read_table(path)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(UsageError, match="holds no features"):
        read_table(path)
