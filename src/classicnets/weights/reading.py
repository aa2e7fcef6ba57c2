"""Files of tensors that anybody may have written: ``.safetensors``, and ``.pth`` as ``torch.save`` writes it.

Nothing in a file is run, and its tensors stay on the disk until they are used.
"""

import pickle
import pickletools
import re
import struct
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import torch
from safetensors import SafetensorError, safe_open

from classicnets.errors import UsageError

_ZIP_START = b"PK\x03\x04"
_WRAPPERS = ("state_dict", "model")  # under which training scripts keep the state beside other things
_PARALLEL = "module."  # what torch's data-parallel wrappers put before every name
_LARGEST_PICKLE = 64 << 20  # bytes; that of a network with a thousand tensors takes a tenth of a megabyte

# What torch.save names in a pickle of tensors.
_HARMLESS = re.compile(
    r"collections\.OrderedDict|torch\._utils\._rebuild_(tensor|parameter)(_v2)?|torch\.([A-Za-z0-9]*Storage|Size|device)"
)

# What torch raises on files that are broken, or pickles of other things, besides its refusal to run code.
_BROKEN = (
    RuntimeError,
    EOFError,
    OSError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    MemoryError,
    struct.error,
)


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a file by their names.

    A training script's checkpoint is taken too: the state under ``state_dict`` or ``model``, and names that begin
    with ``module.``.

    Raises:
        UsageError: the file cannot be read, is broken, wants to run code, or holds something else than tensors; one
            line says which.
    """
    try:
        with path.open("rb") as file:
            start = file.read(9)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # remarks on the age of a pickle and on odd text in it, which decide nothing
        state = _read_safetensors(path) if start[8:] == b"{" else _state_of(path, _read_pickle(path, start))
    for name, tensor in state.items():
        _must_be_plain(path, name, tensor)
    return state


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
    except SafetensorError as error:
        raise UsageError(f"{path} is a broken safetensors file ({error})") from error


def _read_pickle(path: Path, start: bytes) -> Any:
    zipped = start.startswith(_ZIP_START)
    if zipped:
        _must_be_stored(path)
    elif not start.startswith(b"\x80"):
        raise UsageError(f"{path} is neither a safetensors file nor one that torch.save wrote")
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except pickle.UnpicklingError as error:
        wanted = _other_than_tensors(path, zipped=zipped)
        what = f"wants to run {wanted[0]!r}" if wanted else "holds something else than tensors"
        raise UsageError(
            f"{path} is refused: its pickle {what}; have its owner save the state dict alone, with torch.save or as"
            " safetensors"
        ) from error
    except _BROKEN as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise UsageError(f"{path} is broken, or no file of tensors ({reason})") from error


def _must_be_stored(path: Path) -> None:
    """Refuse archives whose content is larger than themselves: torch.save compresses nothing."""
    with _open_zip(path) as archive:
        entries = archive.infolist()
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise UsageError(f"{path} is refused: it is a compressed archive, which torch.save never writes")
        declared, there = sum(entry.file_size for entry in entries), path.stat().st_size
        if declared > there:
            raise UsageError(f"{path} is refused: it declares {declared:,} bytes of content and has {there:,} in all")


def _state_of(path: Path, content: Any) -> dict[str, torch.Tensor]:
    """The state dict in what was unpickled, under the names that the network alone has."""
    wrapper = next((key for key in _WRAPPERS if isinstance(content, dict) and isinstance(content.get(key), dict)), None)
    state = content if wrapper is None else content[wrapper]
    if not isinstance(state, Mapping) or not state:
        raise UsageError(f"{path} holds a {type(state).__name__}, not tensors by their names")
    if all(isinstance(name, str) and name.startswith(_PARALLEL) for name in state):
        return {name.removeprefix(_PARALLEL): tensor for name, tensor in state.items()}
    return dict(state)


def _must_be_plain(path: Path, name: object, tensor: object) -> None:
    """Refuse what is no tensor, and tensors that claim more numbers than the file holds of them."""
    if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
        raise UsageError(f"{path} holds a {type(tensor).__name__} under {name!r}: expected tensors and nothing else")
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
        kind = "quantised" if tensor.is_quantized else f"{tensor.layout} on the {tensor.device} device"
        raise UsageError(f"{path}: tensor {name!r} is {kind}: expected plain numbers")
    claimed, there = tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes()
    if claimed > there:
        raise UsageError(f"{path}: tensor {name!r} claims {claimed:,} bytes, the file has {there:,} of it")


def _other_than_tensors(path: Path, *, zipped: bool) -> list[str]:
    """What a pickle asks for, by its full name, that tensors do not need."""
    named: list[str] = []
    with suppress(*_BROKEN, zipfile.BadZipFile, StopIteration), _pickles_of(path, zipped=zipped) as file:
        while True:  # an old file is several pickles and then numbers, which end this
            named.extend(_globals(file))
    return [name for name in named if not _HARMLESS.fullmatch(name)]


@contextmanager
def _pickles_of(path: Path, *, zipped: bool) -> Iterator[IO[bytes]]:
    if not zipped:
        with path.open("rb") as file:
            yield file
        return
    with _open_zip(path) as archive:
        entry = next(entry for entry in archive.infolist() if entry.filename.endswith("data.pkl"))
        if entry.file_size > _LARGEST_PICKLE:
            raise ValueError("too large to look into")
        with archive.open(entry) as file:
            yield file


def _globals(pickled: IO[bytes]) -> Iterator[str]:
    """The functions and classes that one pickle names."""
    strings: list[str] = []
    for operation, argument, _ in pickletools.genops(pickled):
        if operation.name == "GLOBAL":
            yield str(argument).replace(" ", ".")
        elif operation.name == "STACK_GLOBAL":
            yield ".".join(strings[-2:])
        elif isinstance(argument, str):
            strings.append(argument)


def _open_zip(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (*_BROKEN, zipfile.BadZipFile) as error:
        raise UsageError(f"{path} is broken: its end is missing, or it is no archive ({error})") from error
