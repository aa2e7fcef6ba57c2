"""Features in files, written image by image: as many as there are, in memory for a batch."""

import io
import json
import shutil
import struct
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from classicnets.errors import UsageError
from classicnets.files import write_whole

SUFFIXES = (".safetensors", ".npz")
_TYPES = {np.dtype(np.float32): "F32", np.dtype(np.int64): "I64", np.dtype(np.uint8): "U8"}  # of safetensors
_PATHS = "paths"
_ABOUT = "about"

Values = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Table:
    """What a file of features will hold.

    Attributes:
        small: arrays that are there already, by name.
        large: the shape of each array of float32 that comes in parts.
        about: facts about them, as JSON has them.
    """

    small: Mapping[str, Values]
    large: Mapping[str, tuple[int, ...]]
    about: Mapping[str, Any]


def check_file(path: Path) -> None:
    """Make sure that features can be written to a file of that name.

    Raises:
        UsageError: its ending is none of `SUFFIXES`.
    """
    if path.suffix not in SUFFIXES:
        raise UsageError(f"--out {path}: features go into a file that ends in {' or '.join(SUFFIXES)}")


def write_table(path: Path, table: Table, parts: Iterator[Mapping[str, Values]]) -> None:
    """Write a file of features, whole or not at all, in the format that its ending names.

    A safetensors file holds ``about`` as JSON in its metadata, under that name, and texts as the bytes of UTF-8 with
    a zero between one and the next. An npz file holds ``about`` as a text.

    Args:
        path: the file.
        table: what it will hold.
        parts: some rows of each large array, in order, to be asked for one after the other.

    Raises:
        UsageError: there is not enough room, or the file cannot be written.
    """
    check_file(path)
    bytes_needed = sum(4 * int(np.prod(shape)) for shape in table.large.values())
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    free = shutil.disk_usage(folder).free
    if bytes_needed > free:
        raise UsageError(
            f"{path} would take {bytes_needed / 1e9:,.1f} GB, and {free / 1e9:,.1f} GB are free; ask for fewer rows,"
            " or pool their maps"
        )
    write = _write_safetensors if path.suffix == ".safetensors" else _write_npz
    write_whole(path, lambda beside: write(beside, table, parts))


def read_table(path: Path) -> tuple[dict[str, Values], dict[str, Any]]:
    """What `write_table` wrote: the arrays by name, and the facts about them. Paths are an array of texts.

    Raises:
        UsageError: there is no such file, or it holds something else.
    """
    check_file(path)
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            return arrays, json.loads(str(arrays.pop(_ABOUT)))
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="np") as file:
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
                about = json.loads(file.metadata()[_ABOUT])
        except SafetensorError as error:
            raise ValueError(str(error)) from error
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise UsageError(f"{path} holds no features as classicnets writes them ({error})") from error
    if _PATHS in arrays:
        arrays[_PATHS] = np.array(_as_texts(arrays[_PATHS]))
    return arrays, about


def _write_safetensors(path: Path, table: Table, parts: Iterator[Mapping[str, Values]]) -> None:
    small = {name: _as_bytes(values) if values.dtype.kind == "U" else values for name, values in table.small.items()}
    shapes = {**table.large, **{name: values.shape for name, values in small.items()}}
    types = {name: np.dtype(np.float32) for name in table.large} | {name: v.dtype for name, v in small.items()}
    header: dict[str, Any] = {"__metadata__": {_ABOUT: json.dumps(table.about)}}
    starts, end = {}, 0
    for name in sorted(shapes, key=lambda name: -types[name].itemsize):  # so that each begins at a multiple of its size
        starts[name] = end
        end += int(np.prod(shapes[name])) * types[name].itemsize
        header[name] = {
            "dtype": _TYPES[types[name]],
            "shape": list(shapes[name]),
            "data_offsets": [starts[name], end],
        }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    begin = 8 + len(text)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(begin + end)
        for name, values in small.items():
            file.seek(begin + starts[name])
            file.write(np.ascontiguousarray(values).data)
        reached = {name: begin + starts[name] for name in table.large}
        for part in parts:
            for name, values in part.items():
                file.seek(reached[name])
                reached[name] += file.write(np.ascontiguousarray(values).data)
    _must_be_full(reached, {name: begin + starts[name] + _size(table.large[name]) for name in table.large})


def _write_npz(path: Path, table: Table, parts: Iterator[Mapping[str, Values]]) -> None:
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        files = {name: Path(folder) / str(place) for place, name in enumerate(table.large)}
        with _opened(files) as streams:
            begins = {name: _begin_npy(stream, table.large[name]) for name, stream in streams.items()}
            for part in parts:
                for name, values in part.items():
                    streams[name].write(np.ascontiguousarray(values).data)
            _must_be_full(
                {name: stream.tell() for name, stream in streams.items()},
                {name: begins[name] + _size(table.large[name]) for name in streams},
            )
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            for name, values in {**table.small, _ABOUT: np.array(json.dumps(table.about))}.items():
                held = io.BytesIO()
                np.lib.format.write_array(held, values, allow_pickle=False)
                archive.writestr(f"{name}.npy", held.getvalue())
            for name, file in files.items():
                archive.write(file, f"{name}.npy")
                file.unlink()  # so that no array lies there twice for longer than it takes


def _begin_npy(stream: IO[bytes], shape: tuple[int, ...]) -> int:
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_2_0(stream, header)
    return stream.tell()


@contextmanager
def _opened(files: Mapping[str, Path]) -> Iterator[dict[str, IO[bytes]]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(file.open("wb")) for name, file in files.items()}


def _must_be_full(reached: Mapping[str, int], ends: Mapping[str, int]) -> None:
    assert reached == ends, "as many images came as were announced"


def _size(shape: tuple[int, ...]) -> int:
    return 4 * int(np.prod(shape))


def _as_bytes(texts: Values) -> Values:
    return np.frombuffer("\0".join(texts.tolist()).encode("utf-8", "surrogateescape"), dtype=np.uint8)


def _as_texts(data: Values) -> list[str]:
    return data.tobytes().decode("utf-8", "surrogateescape").split("\0")
