"""Weights that Keras saved: ``.h5``, ``.weights.h5`` and ``.keras`` files of networks of ``keras.applications``.

Needs h5py (``pip install "classicnets[keras]"``), not Keras: a file is read as numbers and names, nothing in it is run.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch

from classicnets.errors import UsageError
from classicnets.networks import build, create
from classicnets.networks.chain import Chain
from classicnets.weights.adapting import grey
from classicnets.weights.imagenet import class_names
from classicnets.weights.imported import Imported
from classicnets.weights.keras_files import Kind, Layer, open_layers
from classicnets.weights.keras_maps import APPLICATIONS, Application

# Where a model's author gave no name, Keras numbers the layers that a program makes.
_UNNAMED = re.compile(r"(conv2d|batch_normalization)(?:_v1)?(?:_([0-9]+))?")

_PLURALS: Mapping[Kind, str] = {
    "convolution": "convolutions",
    "norm": "batch normalisations",
    "dense": "fully connected layers",
}
# The arrays of a layer by the last part of our tensor's name, with their place. Normalisation may lack its first.
_PLACES: Mapping[Kind, Mapping[str, int]] = {
    "convolution": {"weight": 0, "bias": 1},
    "dense": {"weight": 0, "bias": 1},
    "norm": {"weight": -4, "bias": -3, "running_mean": -2, "running_var": -1},
}


def read(path: Path) -> Imported:
    """The network that a file of Keras's holds.

    Taken are the networks of ``keras.applications`` that the catalog has, with any number of classes, with or without
    their fully connected layers, as Keras 2 and 3 save them. What a file lacks before the last row gets fresh weights.

    Raises:
        UsageError: the file cannot be read, is not of such a network, or holds a layer of another shape; one line says
            what was found and what was expected.
    """
    with open_layers(path) as layers:
        application, found = _recognised(path, layers)
        last = found.get(application.dense[-1])
        arguments = {
            "num_classes": None if last is None else last.shapes[0][-1],
            "in_channels": found[application.convolutions[0]].shapes[0][2],
            **application.options,
        }
        needed = build(application.network, **arguments)
        tensors = dict(_tensors(path, application, found, needed))
    # The loader makes the last row and auxiliary heads where they are missing; before the last row there may be more.
    head = f"{needed.rows[-1]}."
    missing = [name for name in needed.state_dict() if name not in tensors and not name.startswith(head)]
    if missing:
        fresh = create(application.network, **arguments).state_dict()
        tensors |= {name: fresh[name] for name in missing}
    channels = needed.input_shape[0]
    if channels not in (1, 3):
        raise UsageError(f"{path} takes images of {channels} channels: only 1 (grey) and 3 (colours) are read")
    classes = class_names() if needed.num_classes == len(class_names()) else map(str, range(needed.num_classes))
    return Imported(
        source=str(path),
        network=application.network,
        options=application.options,
        num_classes=needed.num_classes,
        in_channels=channels,
        tensors=tensors,
        preprocessing=grey(application.preprocessing) if channels == 1 else application.preprocessing,
        classes=tuple(classes),
        remarks=(f"{path} has no {_rows_of(missing)}: fresh weights",) if missing else (),
    )


def _rows_of(names: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(name.partition(".")[0] for name in names))


def _recognised(path: Path, layers: Sequence[Layer]) -> tuple[Application, dict[str, Layer]]:
    """The application that a file is of, and the file's layers under the names of the application's table."""
    convolutions, norms, dense = ([layer for layer in layers if layer.kind == kind] for kind in _PLURALS)
    counts = ", ".join(
        f"{len(own)} {what}" for own, what in zip((convolutions, norms, dense), _PLURALS.values(), strict=True)
    )
    for application in APPLICATIONS:
        named = [_named(application.convolutions, convolutions), _named(application.norms, norms)]
        if None in named:
            continue
        if len(dense) not in (0, len(application.dense)):
            most = len(application.dense)
            raise UsageError(f"{path} holds {counts}: {application.name} has {most} fully connected, or none")
        # Transfer learning gives a new head a name of its own, so here the order counts.
        named.append(dict(zip(application.dense, dense, strict=False)))
        return application, {name: layer for own in named if own for name, layer in own.items()}
    known = ", ".join(application.name for application in APPLICATIONS)
    raise UsageError(f"{path} holds {counts}: none of {known}")


def _named(wanted: Sequence[str], layers: Sequence[Layer]) -> dict[str, Layer] | None:
    """The layers under these names, None where they are others; without names their number and order count."""
    if len(layers) != len(wanted):
        return None
    if any(layer.name is None for layer in layers):
        return dict(zip(wanted, layers, strict=True))
    found = dict(zip(_table_names(layers), layers, strict=True))
    return found if found.keys() == set(wanted) else None


def _table_names(layers: Sequence[Layer]) -> list[str]:
    """The names of layers of one kind; those that Keras numbered as tables have them: ``conv2d[1]`` was made first."""
    names = [layer.name or "" for layer in layers]
    numbered = [(int(found[2] or 0), name, found[1]) for name in names if (found := _UNNAMED.fullmatch(name))]
    ranks = {name: f"{kind}[{rank}]" for rank, (_, name, kind) in enumerate(sorted(numbered), start=1)}
    return [ranks.get(name, name) for name in names]


def _tensors(
    path: Path, application: Application, found: Mapping[str, Layer], needed: Chain
) -> Iterator[tuple[str, torch.Tensor]]:
    """Our tensors, as far as the file has them; shapes are checked before anything is read."""
    read = dict.fromkeys(found, 0)
    for name, tensor in needed.state_dict().items():
        theirs, _, part = (application.names.to_theirs(name) or "").rpartition(".")
        if theirs not in found:
            continue
        layer = found[theirs]
        place = _place(layer, part)
        if part == "num_batches_tracked":
            yield name, torch.tensor(0)
        elif place is None and layer.kind == "norm":
            yield name, torch.ones(tensor.shape)
        else:
            shape = _as_keras_has(tuple(tensor.shape))
            have = None if place is None else layer.shapes[place]
            if place is None or have != shape:
                shown = "no" if have is None else f"{have} as"
                raise UsageError(
                    f"{path}: layer {layer.name or theirs} has {shown} {part}, {application.name} has {shape}"
                )
            read[theirs] += 1
            yield name, _as_we_have(layer.read(place), application.flattened.get(theirs))
    for theirs, count in read.items():
        if count != len(found[theirs].arrays):
            more = found[theirs].shapes
            name = found[theirs].name or theirs
            raise UsageError(f"{path}: layer {name} has arrays of shapes {more}, {application.name} has {count}")


def _place(layer: Layer, part: str) -> int | None:
    """Where among a layer's arrays the part stands, None where the layer has none."""
    place = _PLACES[layer.kind].get(part)
    count = len(layer.arrays)
    return place if place is not None and -count <= place < count else None


def _as_keras_has(shape: tuple[int, ...]) -> tuple[int, ...]:
    """(out, in, height, width) as (height, width, in, out), and (out, in) as (in, out)."""
    if len(shape) == 4:
        out, channels, height, width = shape
        return height, width, channels, out
    return shape[::-1]


def _as_we_have(array: torch.Tensor, flattened: tuple[int, int, int] | None) -> torch.Tensor:
    if flattened is not None and array.dim() == 2:
        channels, height, width = flattened
        return array.view(height, width, channels, -1).permute(3, 2, 0, 1).flatten(1)
    return array.permute(3, 2, 0, 1).contiguous() if array.dim() == 4 else array.t().contiguous()
