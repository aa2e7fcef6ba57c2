"""The layers of a file that Keras wrote, whichever of its layouts it has; read by h5py alone, and nothing in it is run.

Three layouts hold the same weights. ``.h5`` names its layers in attributes, at the root or under ``model_weights``.
``.weights.h5`` has a group a layer, called by the layer's class and its place among the layers of that class; since
2024 Keras writes the layer's name beside it. ``.keras`` is a zip around a ``.weights.h5``.
"""

import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn

import h5py
import numpy as np
import torch

from classicnets.errors import UsageError

Kind = Literal["convolution", "norm", "dense"]

LARGEST_WEIGHTS = 2 * 2**30  # bytes; the largest network read here, VGG-19, has 0.6 GB, with its optimiser's state 1.7
LARGEST_CONFIGURATION = 16 * 2**20  # bytes; that of the largest network read here has 0.8 MB
LARGEST_COMPRESSION = 100  # times; Keras does not compress, and trained weights cannot be compressed by so much
MOST_NESTED = 4  # models in models

_WEIGHTS_IN_ZIP = "model.weights.h5"
_CONFIGURATION_IN_ZIP = "config.json"
_PLACED = re.compile(r"(?P<kind>[a-z0-9_]*?)(_(?P<number>[0-9]+))?")
_KINDS: Mapping[int, Kind] = {4: "convolution", 2: "dense", 1: "norm"}  # by the dimensions of the first array


@dataclass(frozen=True)
class Layer:
    """A layer with weights.

    Attributes:
        path: of the file that it stands in.
        name: what the model calls it; None where the file does not say.
        kind: what it is, by the shapes of its arrays.
        arrays: in Keras's order, not yet read: kernel and bias, or gamma (it may be missing), beta, mean, variance.
    """

    path: Path
    name: str | None
    kind: Kind
    arrays: tuple[h5py.Dataset, ...]

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of the arrays."""
        return tuple(tuple(array.shape) for array in self.arrays)

    def read(self, number: int) -> torch.Tensor:
        """An array as float32.

        Raises:
            UsageError: it is damaged.
        """
        with _readable(self.path):
            return torch.from_numpy(np.asarray(self.arrays[number], dtype=np.float32))


@contextmanager
def open_layers(path: Path) -> Iterator[list[Layer]]:
    """The layers that have weights, in the model's order; their arrays can be read until the file is closed again.

    Raises:
        UsageError: the file is not there, is damaged, is none of Keras's, or holds more than weights of a network do.
    """
    if not path.is_file():
        _refuse(path, "is no file" if path.exists() else "does not exist")
    with ExitStack() as stack:
        with _readable(path):
            layers = _opened(path, stack)
        yield layers


def _opened(path: Path, stack: ExitStack) -> list[Layer]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            weights = io.BytesIO(_member(path, archive, _WEIGHTS_IN_ZIP, LARGEST_WEIGHTS))
            names = _configured_names(path, _member(path, archive, _CONFIGURATION_IN_ZIP, LARGEST_CONFIGURATION))
        return _layers(path, stack.enter_context(h5py.File(weights, "r")), names)
    if not h5py.is_hdf5(path):
        _refuse(path, "is no file of Keras's: neither HDF5 (.h5, .weights.h5) nor a zip (.keras)")
    return _layers(path, stack.enter_context(h5py.File(path, "r")), {})


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Say in a line what h5py, zipfile and zlib raise where a file is damaged."""
    try:
        yield
    except UsageError:
        raise
    except (OSError, KeyError, TypeError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        _refuse(path, f"cannot be read: {error}", error)


def _member(path: Path, archive: zipfile.ZipFile, name: str, largest: int) -> bytes:
    """A file of the zip, unpacked to memory after a look at how large it would be."""
    if name not in archive.namelist():
        _refuse(path, f"is a zip without {name}: not a model that Keras saved")
    member = archive.getinfo(name)
    if member.file_size > min(largest, LARGEST_COMPRESSION * max(member.compress_size, 2**10)):
        _refuse(path, f"holds {name} of {member.file_size} bytes: too many, or packed too densely, for weights")
    return archive.read(member)


def _configured_names(path: Path, text: bytes) -> dict[str, list[str]]:
    """The names of a model's layers by the class that ``.weights.h5`` calls them by, in the model's order."""
    try:
        configuration = json.loads(text)
        layers = configuration["config"]["layers"]
        pairs = [(_snake_case(layer["class_name"]), str(layer["config"]["name"])) for layer in layers]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        _refuse(path, f"has a {_CONFIGURATION_IN_ZIP} that describes no model of layers", error)
    names: dict[str, list[str]] = {}
    for kind, name in pairs:
        names.setdefault(kind, []).append(name)
    return names


def _snake_case(name: str) -> str:
    """``BatchNormalization`` as ``batch_normalization``, ``Conv2D`` as ``conv2d``: what Keras calls a class's group."""
    return re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)).lower()


def _layers(path: Path, file: h5py.File, names: Mapping[str, list[str]]) -> list[Layer]:
    root = _group(path, file, "model_weights") if "model_weights" in file else file
    for place in ("layers", "_layer_checkpoint_dependencies"):  # Keras 2.13 has the second
        if place in root:
            found = list(_placed_layers(path, _group(path, root, place), names))
            break
    else:
        found = list(_named_layers(path, root))
    if not found:
        _refuse(path, "holds no layers with weights: not a model that Keras saved")
    size = sum(array.nbytes for layer in found for array in layer.arrays)
    if size > LARGEST_WEIGHTS:
        _refuse(path, f"holds {size} bytes of weights: more than any network read here")
    return found


def _named_layers(path: Path, root: h5py.Group) -> Iterator[Layer]:
    """The layers of ``.h5``, whose attributes list names of layers, and for each layer names of weights."""
    for name in _texts(path, root, "layer_names"):
        group = _group(path, root, name)
        weights = [(weight, _array(path, group, weight)) for weight in _texts(path, group, "weight_names")]
        owners = {weight.rpartition("/")[0] for weight, _ in weights}
        if len(owners) <= 1:
            yield from _layer(path, name, [array for _, array in weights])
        else:  # a model used as a layer: its weights stand here under the names of its own layers
            for owner in dict.fromkeys(weight.rpartition("/")[0] for weight, _ in weights):
                own = [array for weight, array in weights if weight.rpartition("/")[0] == owner]
                yield from _layer(path, owner.rpartition("/")[2], own)


def _placed_layers(path: Path, group: h5py.Group, names: Mapping[str, list[str]], depth: int = 0) -> Iterator[Layer]:
    """The layers of ``.weights.h5``."""
    if depth > MOST_NESTED:
        _refuse(path, f"holds models in models, more than {MOST_NESTED} deep")
    for kind, number, key in sorted(_place(key) for key in group):
        inner = _group(path, group, key)
        if "layers" in inner:
            yield from _placed_layers(path, _group(path, inner, "layers"), {}, depth + 1)
        if "vars" in inner:
            variables = _group(path, inner, "vars")
            arrays = [_array(path, variables, variable) for variable in sorted(variables, key=_as_number)]
            yield from _layer(path, _name_of(variables, key, names.get(kind, ()), number), arrays)


def _place(key: str) -> tuple[str, int, str]:
    """The class of a layer and its place among those of that class, from ``conv2d_12``."""
    found = _PLACED.fullmatch(key)
    return (found["kind"], int(found["number"] or 0), key) if found else (key, 0, key)


def _as_number(key: str) -> tuple[int, str]:
    return (int(key), key) if key.isdecimal() else (0, key)


def _name_of(variables: h5py.Group, key: str, names: list[str] | tuple[()], number: int) -> str | None:
    written = variables.attrs.get("name")
    if isinstance(written, str):
        return written
    if number < len(names):
        return names[number]
    # Where a group is not called by its class, its name is the layer's own.
    return None if _PLACED.fullmatch(key) and key.startswith(("conv2d", "batch_normalization", "dense")) else key


def _layer(path: Path, name: str | None, arrays: list[h5py.Dataset]) -> Iterator[Layer]:
    if not arrays:
        return
    shapes = [array.shape for array in arrays]
    kind = _KINDS.get(len(shapes[0]))
    weighted = kind != "norm" and len(shapes) <= 2 and shapes[1:] in ([], [shapes[0][-1:]])
    normalised = kind == "norm" and len(shapes) in (3, 4) and len(set(shapes)) == 1
    if kind is None or not (weighted or normalised):
        _refuse(path, f"has a layer {name!r} with weights of shapes {shapes}: no convolution, normalisation or dense")
    yield Layer(path, name, kind, tuple(arrays))


def _group(path: Path, parent: h5py.Group, name: str) -> h5py.Group:
    found = _own(path, parent, name)
    if not isinstance(found, h5py.Group):
        _refuse(path, f"has no group {name!r} where Keras writes one")
    return found


def _array(path: Path, parent: h5py.Group, name: str) -> h5py.Dataset:
    found = _own(path, parent, name)
    if not isinstance(found, h5py.Dataset) or found.shape is None or found.dtype.kind != "f":
        _refuse(path, f"has no array of numbers {name!r} where Keras writes one")
    if found.external or found.is_virtual:
        _refuse(path, f"keeps {name!r} in another file, which is not read")
    return found


def _own(path: Path, parent: h5py.Group, name: str) -> object:
    """What a group holds under a name, provided that it lies in the file itself."""
    for part in name.split("/"):
        if not isinstance(parent, h5py.Group) or part not in parent:
            return None
        if not isinstance(parent.get(part, getlink=True), h5py.HardLink):
            _refuse(path, f"refers by a link from {part!r} to another place, which is not followed")
        parent = parent[part]
    return parent


def _texts(path: Path, group: h5py.Group, name: str) -> list[str]:
    """A list of names, which Keras splits over several attributes where it is long."""
    if name in group.attrs:
        parts = [group.attrs[name]]
    else:
        parts = [
            group.attrs[f"{name}{number}"] for number in range(len(group.attrs)) if f"{name}{number}" in group.attrs
        ]
        if not parts:
            _refuse(path, f"has no {name} where Keras writes them: not a model that Keras saved")
    texts = [text.decode("utf-8", "replace") if isinstance(text, bytes) else text for part in parts for text in part]
    if not all(isinstance(text, str) for text in texts):
        _refuse(path, f"has {name} that are no text")
    return texts


def _refuse(path: Path, why: str, cause: BaseException | None = None) -> NoReturn:
    raise UsageError(f"{path} {why}".replace("\n", " ")) from cause
