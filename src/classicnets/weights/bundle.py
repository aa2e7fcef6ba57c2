"""A bundle: a folder with a network's weights and all that is needed to use them. Nothing in it can run code."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from classicnets.data.mean_image import MeanImage
from classicnets.data.transforms import Preprocessing
from classicnets.errors import UsageError
from classicnets.files import write_text, write_whole
from classicnets.networks import build
from classicnets.networks.chain import Chain

TENSORS = "model.safetensors"
DESCRIPTION = "model.json"
_NEXT_DESCRIPTION = "model.json.next"  # stands beside the other two only while a bundle is replaced, see `save`
MEAN_IMAGE = "preprocessing.mean_image"
"""The tensor that is no weight of the network: (height, width, channels), where the preprocessing has a mean image."""

_LARGEST_DESCRIPTION = 16 * 2**20  # bytes; thousands of class names stay far below


class Description(BaseModel):
    """What ``model.json`` holds.

    Attributes:
        network: its name in the catalog.
        options: what was asked for beyond the defaults.
        in_channels: of the first row.
        input_size: height and width that the rows were made for; None for the design's.
        classes: the names of the classes, in the order of the logits.
        preprocessing: how an image becomes the input; a mean image is `MEAN_IMAGE` among the tensors.
        training: a summary of how the weights came about; free for people to read.
        versions: of the libraries that wrote the bundle.
        tensors: the name and shape of every tensor beside it.
    """

    model_config = ConfigDict(extra="forbid")

    format: Literal[1] = 1
    network: str
    options: dict[str, Any] = {}
    in_channels: int
    input_size: tuple[int, int] | None = None
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    training: dict[str, Any] = {}
    versions: dict[str, str] = {}
    tensors: dict[str, tuple[int, ...]]

    @field_validator("options")
    @classmethod
    def _of_the_network_alone(cls, options: dict[str, Any]) -> dict[str, Any]:
        for field in ("name", "num_classes", "in_channels", "input_size", "first_weights"):
            if field in options:
                raise ValueError(f"{field} is no option of a network")
        return options


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A network with its weights, ready for images.

    Attributes:
        network: in evaluation mode.
        classes: the names of the classes, in the order of the logits.
        preprocessing: how an image becomes the input.
        training: a summary of how the weights came about.
    """

    network: Chain
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    training: Mapping[str, Any]


def save(folder: Path, bundle: Bundle) -> None:
    """Write the bundle to ``folder``, whole or not at all: until it is complete, what was there can be loaded.

    Its two files cannot be replaced in one step, so the new description waits beside the old one until the tensors
    are in place; these carry its digest, by which `load` knows the description that belongs to them.

    Raises:
        UsageError: the folder cannot be written, or the classes are not as many as the network's.
    """
    network = bundle.network
    if len(bundle.classes) != network.num_classes:
        raise UsageError(f"{len(bundle.classes)} class names for {network.num_classes} classes of {network.name}")
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    preprocessing = bundle.preprocessing
    if isinstance(preprocessing.mean_image, MeanImage):
        tensors[MEAN_IMAGE] = torch.from_numpy(preprocessing.mean_image.array)
        preprocessing = preprocessing.model_copy(update={"mean_image": "beside"})
    description = Description(
        network=network.name,
        options=network.options,
        in_channels=network.input_shape[0],
        input_size=network.input_shape[1:],
        classes=bundle.classes,
        preprocessing=preprocessing,
        training=dict(bundle.training),
        versions={library: version(library) for library in ("classicnets", "torch", "safetensors")},
        tensors={name: tuple(tensor.shape) for name, tensor in tensors.items()},
    )
    text = description.model_dump_json(indent=2) + "\n"
    metadata = {"format": "pt", "description": _digest(text.encode())}
    waiting = folder / _NEXT_DESCRIPTION
    write_text(waiting, text)
    try:
        write_whole(folder / TENSORS, lambda path: _write_tensors(path, tensors, metadata))
    except UsageError:
        waiting.unlink()
        raise
    try:
        waiting.replace(folder / DESCRIPTION)
    except OSError as error:
        raise UsageError(f"cannot write {folder / DESCRIPTION}: {error.strerror}") from error


def load(folder: Path) -> Bundle:
    """Read a bundle.

    Raises:
        UsageError: no bundle there, a file is damaged, or its two files disagree; one line says which and how.
    """
    with _readable(folder):
        description = _read_description(folder)
        network = build(
            description.network,
            num_classes=len(description.classes),
            in_channels=description.in_channels,
            input_size=description.input_size,
            **description.options,
        )
        tensors = _read_tensors(folder / TENSORS, description, network)
    preprocessing = _with_mean(folder / TENSORS, description.preprocessing, tensors.pop(MEAN_IMAGE, None))
    network.load_state_dict(tensors, assign=True)
    return Bundle(
        network=network.eval(),
        classes=description.classes,
        preprocessing=preprocessing,
        training=description.training,
    )


def _read_description(folder: Path) -> Description:
    if folder.is_file():
        raise UsageError(
            f"{folder} is a file, not a bundle: a bundle is a folder with {DESCRIPTION} and {TENSORS}"
            f"{_pickle_warning(folder)}"
        )
    path = _description_file(folder)
    if not path.is_file():
        inside = folder / "bundle"
        if (inside / DESCRIPTION).is_file():
            raise UsageError(f"{folder} is a run; its bundle is {inside}")
        what = "does not exist" if not folder.exists() else f"has no {DESCRIPTION}"
        raise UsageError(f"{folder} {what}: a bundle is a folder with {DESCRIPTION} and {TENSORS}, as train writes it")
    if path.stat().st_size > _LARGEST_DESCRIPTION:
        raise UsageError(f"{path} is larger than {_LARGEST_DESCRIPTION} bytes: not the description of a bundle")
    try:
        return Description.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] == "json_invalid":
            raise UsageError(f"{path}: {first['msg']}: the bundle is damaged") from error
        field = ".".join(map(str, first["loc"]))
        raise UsageError(f"{path}: {field!r}: {first['msg']}") from error


def _description_file(folder: Path) -> Path:
    """``model.json``, or what was about to replace it when a save was killed after its tensors were in place."""
    waiting = folder / _NEXT_DESCRIPTION
    if not waiting.is_file() or waiting.stat().st_size > _LARGEST_DESCRIPTION or not (folder / TENSORS).is_file():
        return folder / DESCRIPTION
    with _safetensors(folder / TENSORS) as file:
        belongs = (file.metadata() or {}).get("description") == _digest(waiting.read_bytes())
    return waiting if belongs else folder / DESCRIPTION


def _read_tensors(path: Path, description: Description, network: Chain) -> dict[str, torch.Tensor]:
    if not path.is_file():
        raise UsageError(f"{path} is missing: the bundle is incomplete")
    state = network.state_dict()
    expected = {name: tuple(tensor.shape) for name, tensor in state.items()}
    if description.preprocessing.mean_image == "beside":
        # Its shape is the description's to say; the preprocessing checks it.
        expected[MEAN_IMAGE] = description.tensors.get(MEAN_IMAGE, ())
        state[MEAN_IMAGE] = torch.empty(0)
    with _safetensors(path) as file:
        found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118  # not a dict
        _agree(path, expected, found, f"{description.network} with {len(description.classes)} classes")
        _agree(path, description.tensors, found, DESCRIPTION)
        tensors = {name: file.get_tensor(name) for name in found}
    for name, tensor in tensors.items():
        if tensor.is_floating_point() != state[name].is_floating_point():
            raise UsageError(f"{path}: tensor {name!r} holds {tensor.dtype}, but the network's is {state[name].dtype}")
    return tensors


def _with_mean(path: Path, preprocessing: Preprocessing, mean: torch.Tensor | None) -> Preprocessing:
    if mean is None:
        return preprocessing
    try:
        fields = preprocessing.model_dump() | {"mean_image": MeanImage.of(mean.float().numpy())}
        return Preprocessing.model_validate(fields)
    except ValueError as error:
        raise UsageError(f"{path}: tensor {MEAN_IMAGE!r} does not fit the preprocessing in {DESCRIPTION}") from error


def _write_tensors(path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    try:
        save_file(tensors, path, metadata=metadata)
    except SafetensorError as error:  # what the library makes of a full disk, too
        raise OSError(str(error)) from error


@contextmanager
def _safetensors(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except SafetensorError as error:
        raise UsageError(f"{path} is not a safetensors file ({error}){_pickle_warning(path)}") from error


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"cannot read the bundle {folder}: {error.strerror or error}") from error


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def _agree(path: Path, expected: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]], who: str) -> None:
    for name in (*expected, *found):
        if expected.get(name) != found.get(name):
            raise UsageError(
                f"{path}: tensor {name!r} is {_shape(found.get(name))}, but {who} says {_shape(expected.get(name))}"
            )


def _shape(shape: tuple[int, ...] | None) -> str:
    return "missing" if shape is None else f"of shape {tuple(shape)}"


def _pickle_warning(path: Path) -> str:
    """A word on files that could run code: Python pickles, bare or in the zip that torch.save writes."""
    with path.open("rb") as file:
        start = file.read(4)
    if start[:2] in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05") or start == b"PK\x03\x04":
        return "; it looks like a pickle, which can run code and is never loaded"
    return ""
