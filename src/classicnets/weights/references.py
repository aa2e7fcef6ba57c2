"""What names weights: a folder, a file, or a library with one of its networks."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from classicnets.data.local import is_there
from classicnets.errors import UsageError, near
from classicnets.weights import bundle
from classicnets.weights.bundle import Bundle
from classicnets.weights.exchange import SOURCES, could_be, find_model, import_as
from classicnets.weights.fetching import Progress, get_weights
from classicnets.weights.imported import Imported
from classicnets.weights.reading import read_state
from classicnets.weights.sources import Model, Release, Source

FILE = "@"
"""What stands between a library's network and the file of its weights."""

# Readers of other files: the module, and the extra that brings what it needs.
_READERS: Mapping[str, tuple[str, str]] = {"keras": ("keras", "keras"), "onnx": ("onnx_graph", "onnx")}
_READ_BY_SUFFIX = {".h5": "keras", ".hdf5": "keras", ".keras": "keras", ".onnx": "onnx"}


class Published(NamedTuple):
    """A library's network: which weights, if that is said, and which file, if it is the user's own."""

    source: Source
    model: Model
    release: str | None
    file: Path | None


def read_reference(reference: str | Path, *, progress: Progress = lambda received: None) -> Bundle | Imported:
    """What a reference names, see `classicnets.weights.loading`; weights that are not here are fetched.

    Args:
        reference: see there. A `Path` is always a folder or a file.
        progress: called with the number of bytes that have been fetched.

    Raises:
        UsageError: there is no such thing, or it cannot be fetched or read.
    """
    if isinstance(reference, str):
        kind, colon, rest = reference.partition(":")
        if colon and kind in _READERS:
            return _read_foreign(kind, _existing(rest, reference))
        if published := find_published(reference):
            return _read_published(reference, published, progress)
        if kind.isalpha() and len(kind) > 1 and colon and not is_there(Path(reference)):  # one letter is a drive
            raise UsageError(f"{reference}: nothing is loaded from {kind!r}{near(kind, (*SOURCES, *_READERS))}")
    path = Path(reference)
    if not is_there(path) or not path.is_file():
        return bundle.load(path)
    if path.suffix in _READ_BY_SUFFIX:
        raise UsageError(f"{path}: write {_READ_BY_SUFFIX[path.suffix]}:{path}")
    if path.name in (bundle.TENSORS, bundle.DESCRIPTION) and (path.parent / bundle.DESCRIPTION).is_file():
        raise UsageError(f"{path} is a part of a bundle: name its folder, {path.parent}")
    return _read_unnamed(path)


def find_published(reference: str | Path) -> Published | None:
    """What ``torchvision:NETWORK.WEIGHTS@FILE`` or the like names; None for other references.

    Raises:
        UsageError: the library has no such network.
    """
    if not isinstance(reference, str) or reference.partition(":")[0] not in SOURCES:
        return None
    named, at, file = reference.partition(FILE)
    source, model, release = find_model(named)
    return Published(source, model, release, _existing(file, reference) if at else None)


def _read_published(reference: str, published: Published, progress: Progress) -> Imported:
    source, model, name, file = published
    if file is None:
        release = model.release(name, source=source.name)
        file = get_weights(source.name, model, release, progress=progress)
        preprocessing = release.preprocessing
        reference = f"{source.name}:{model.name}.{release.name}"
    else:
        known = _release_of_name(model, file) if name is None else model.release(name, source=source.name)
        preprocessing = model.preprocessing if known is None else known.preprocessing
    return import_as(model, read_state(file), where=reference, preprocessing=preprocessing)


def _read_unnamed(path: Path) -> Imported:
    """A file that does not say whose network it is of: the names and shapes of its tensors do."""
    state = read_state(path)
    models = [(source, model) for source in SOURCES.values() for model in source.models.values()]
    # No two of these networks share names and shapes, so the order changes nothing but the time that it takes.
    models.sort(key=lambda named: named[1].name not in path.name)
    found = next(((source, model) for source, model in models if could_be(model, state)), None)
    if found is None:
        raise UsageError(
            f"{path}: its {len(state)} tensors, of which {next(iter(state))!r} is the first, are of no network known"
            f" here; to hear what does not fit, name the network: torchvision:NETWORK{FILE}{path}"
        )
    source, model = found
    known = _release_of_name(model, path)
    preprocessing = model.preprocessing if known is None else known.preprocessing
    named = f"{source.name}:{model.name}" if known is None else f"{source.name}:{model.name}.{known.name}"
    remark = f"{path} holds {model.network}; its images are prepared as for {named}"
    return replace(import_as(model, state, where=str(path), preprocessing=preprocessing), remarks=(remark,))


def _release_of_name(model: Model, path: Path) -> Release | None:
    """The weights that a file holds by its name, which has digits of their sum; None where it tells nothing."""
    return next((own for own in model.releases if own.sha256 and own.url.endswith(f"/{path.name}")), None)


def _read_foreign(kind: str, path: Path) -> Imported:
    module, extra = _READERS[kind]
    try:
        read: Callable[[Path], Imported] = importlib.import_module(f"classicnets.weights.{module}").read
        return read(path)
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.startswith("classicnets"):
            raise
        raise UsageError(
            f"reading {path} needs {missing.name}, which is not installed: pip install 'classicnets[{extra}]'"
        ) from missing


def _existing(file: str, reference: str) -> Path:
    path = Path(file).expanduser()
    if not is_there(path) or not path.is_file():
        raise UsageError(f"{reference}: there is no file {path}")
    return path
