"""Files that Keras wrote: every layout read alike, and refused where they are damaged, of another network, or hostile.

The files are made here, without Keras: each array holds one number throughout, by which it is known again. What Keras
itself writes is judged in tests/oracles.
"""

import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from classicnets.errors import UsageError
from classicnets.networks import build
from classicnets.weights import keras
from classicnets.weights.imported import Imported
from classicnets.weights.keras_maps import APPLICATIONS, Application

Shape = tuple[int, ...]
Layers = Mapping[str, Sequence[Shape]]
"""The shapes of the arrays of each layer, in the order of the model."""

BY_NAME = {application.name: application for application in APPLICATIONS}


def layers_of(name: str, *, classes: int = 3, head: bool = True) -> dict[str, list[Shape]]:
    """What Keras has in the network, as our table says; its shapes are those of our network."""
    application = BY_NAME[name]
    network = build(application.network, num_classes=classes, **application.options)
    of_layer: dict[str, dict[str, Shape]] = {}
    for ours, tensor in network.state_dict().items():
        theirs, _, part = (application.names.to_theirs(ours) or "").rpartition(".")
        of_layer.setdefault(theirs, {})[part] = tuple(tensor.shape)
    names = [*application.convolutions, *application.norms, *(application.dense if head else ())]
    return {layer: list(_shapes(of_layer[layer], application)) for layer in names}


def _shapes(parts: Mapping[str, Shape], application: Application) -> Iterator[Shape]:
    scaled = not application.name.startswith("Inception")  # Keras's Inceptions have no gamma
    if "running_mean" in parts:
        yield from [parts["bias"]] * (4 if scaled else 3)
        return
    weight = parts["weight"]
    yield (*weight[2:], weight[1], weight[0]) if len(weight) == 4 else weight[::-1]
    if "bias" in parts:
        yield parts["bias"]


def numbered(layers: Layers, first: int) -> dict[str, Sequence[Shape]]:
    """The same layers with Keras's names for those without: ``conv2d_7`` is the first that a program made from 7 on."""
    named = {}
    for layer, shapes in layers.items():
        kind, bracket, rest = layer.partition("[")
        number = first + int(rest.rstrip("]")) - 1 if bracket else 0
        named[f"{kind}_{number}" if number else kind] = shapes
    return named


def fill(group: h5py.Group, name: str, shape: Shape, number: float) -> None:
    """An array of one number that takes no space."""
    group.create_dataset(name, shape, dtype="f4", chunks=True if shape else None, fillvalue=number)


def write_h5(path: Path, layers: Layers, *, root: str = "/", parts: Sequence[str] = ("{layer}/{place}:0",)) -> Path:
    """The layout of Keras 2: names of layers and weights as attributes."""
    numbers = count(1)
    with h5py.File(path, "w") as file:
        group = file.require_group(root)
        group.attrs["layer_names"] = [b"input_1", *(layer.encode() for layer in layers), b"flatten"]
        for empty in ("input_1", "flatten"):
            group.create_group(empty).attrs["weight_names"] = np.array([], dtype="S1")
        for layer, shapes in layers.items():
            names = [parts[0].format(layer=layer, place=place) for place in range(len(shapes))]
            own = group.create_group(layer)
            own.attrs["weight_names"] = [name.encode() for name in names]
            for name, shape in zip(names, shapes, strict=True):
                fill(own, name, shape, next(numbers))
    return path


def write_weights(file: h5py.File, layers: Layers, *, names: bool = True, place: str = "layers") -> None:
    """The layout of Keras 3: a group a layer, by class and place; since 2024 with the layer's name."""
    numbers = count(1)
    made: dict[str, int] = {}
    for layer, shapes in layers.items():
        kind = {4: "conv2d", 2: "dense", 1: "batch_normalization"}[len(shapes[0])]
        number = made[kind] = made.get(kind, -1) + 1
        variables = file.create_group(f"{place}/{kind}_{number}/vars" if number else f"{place}/{kind}/vars")
        if names:
            variables.attrs["name"] = layer
        for index, shape in enumerate(shapes):
            fill(variables, str(index), shape, next(numbers))
    file.create_group(f"{place}/flatten/vars")


def write_weights_h5(path: Path, layers: Layers, **arguments: Any) -> Path:
    with h5py.File(path, "w") as file:
        write_weights(file, layers, **arguments)
    return path


def write_zip(path: Path, layers: Layers, configuration: object = None) -> Path:
    """The layout of Keras 3 in a zip, with the names of the layers in the description of the model alone."""
    classes = {4: "Conv2D", 2: "Dense", 1: "BatchNormalization"}
    listed = [
        {"class_name": "InputLayer", "config": {"name": "input_layer"}},
        *({"class_name": classes[len(shapes[0])], "config": {"name": layer}} for layer, shapes in layers.items()),
    ]
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        write_weights(file, layers, names=False)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(configuration or {"config": {"layers": listed}}))
        archive.writestr("model.weights.h5", weights.getvalue())
    return path


def markers(layers: Layers) -> dict[str, int]:
    """The number that fills a layer's first array."""
    numbers = count(1)
    return {layer: min([next(numbers) for _ in shapes]) for layer, shapes in layers.items()}


def number_of(imported: Imported, name: str) -> float:
    tensor = imported.tensors[name]
    assert (tensor == tensor.flatten()[0]).all()
    return tensor.flatten()[0].item()


def refused(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        keras.read(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    return message


def must_be_complete(imported: Imported, *, without: str | None = None) -> None:
    network = build(imported.network, num_classes=imported.num_classes, **imported.options)
    needed = {name: tensor.shape for name, tensor in network.state_dict().items()}
    found = {name: tensor.shape for name, tensor in imported.tensors.items()}
    assert found == {name: shape for name, shape in needed.items() if without is None or not name.startswith(without)}
    assert all(tensor.is_contiguous() for tensor in imported.tensors.values())


def test_resnet50_by_its_names(tmp_path: Path) -> None:
    layers = layers_of("ResNet50")
    imported = keras.read(write_h5(tmp_path / "resnet.h5", layers, root="model_weights"))
    assert (imported.network, imported.num_classes, imported.in_channels) == ("resnet50", 3, 3)
    assert imported.options == {"conv_bias": True, "norm_epsilon": 1.001e-5}
    assert (imported.classes, imported.remarks) == (("0", "1", "2"), ())
    must_be_complete(imported)
    marker = markers(layers)
    for ours, theirs in {
        "conv1.convolution.weight": marker["conv1_conv"],
        "conv1.convolution.bias": marker["conv1_conv"] + 1,
        "conv1.norm.weight": marker["conv1_bn"],
        "conv1.norm.bias": marker["conv1_bn"] + 1,
        "conv1.norm.running_mean": marker["conv1_bn"] + 2,
        "conv1.norm.running_var": marker["conv1_bn"] + 3,
        "conv3_1.shortcut.projection.weight": marker["conv3_block1_0_conv"],
        "conv4_6.branch.conv3.weight": marker["conv4_block6_3_conv"],
        "conv5_3.branch.norm2.running_var": marker["conv5_block3_2_bn"] + 3,
        "fc.weight": marker["predictions"],
        "fc.bias": marker["predictions"] + 1,
    }.items():
        assert number_of(imported, ours) == theirs, ours


def test_colours_are_blue_green_red_for_the_weights_that_came_from_caffe(tmp_path: Path) -> None:
    resnet = keras.read(write_h5(tmp_path / "a.h5", layers_of("ResNet50"))).preprocessing
    assert (resnet.channel_order, resnet.size, resnet.resize) == ("bgr", (224, 224), 256)
    assert [round(value * 255, 3) for value in resnet.mean] == [103.939, 116.779, 123.68]
    assert [value * 255 for value in resnet.std] == [1, 1, 1]
    inception = keras.read(write_h5(tmp_path / "b.h5", numbered(layers_of("InceptionV3"), 0))).preprocessing
    assert (inception.channel_order, inception.size, inception.mean, inception.std) == (
        "rgb",
        (299, 299),
        (0.5, 0.5, 0.5),
        (0.5, 0.5, 0.5),
    )


def test_resnet50_of_before_2019(tmp_path: Path) -> None:
    layers = layers_of("ResNet50 (before 2019)", classes=1000)
    imported = keras.read(write_h5(tmp_path / "old.h5", layers, parts=["{layer}_{place}_1:0"]))
    assert imported.options == {"conv_bias": True, "norm_epsilon": 1e-3}
    assert (len(imported.classes), imported.classes[0]) == (1000, "tench")
    must_be_complete(imported)
    marker = markers(layers)
    for ours, theirs in {
        "conv1.norm.weight": "bn_conv1",
        "conv2_3.branch.conv2.weight": "res2c_branch2b",
        "conv3_1.shortcut.projection.weight": "res3a_branch1",
        "conv3_1.shortcut.norm.weight": "bn3a_branch1",
        "conv4_6.branch.norm3.weight": "bn4f_branch2c",
        "fc.weight": "fc1000",
    }.items():
        assert number_of(imported, ours) == marker[theirs], ours


# From the order of ``model.layers`` in Keras 3.15, counted from 0: our convolution, and when the program made it.
INCEPTION_V3 = {
    5: ("mixed_5b.double_three_by_three.conv1", 8),
    6: ("mixed_5b.five_by_five.conv1", 6),
    7: ("mixed_5b.double_three_by_three.conv2", 9),
    8: ("mixed_5b.one_by_one", 5),
    11: ("mixed_5b.pool.project", 11),
    76: ("mixed_7b.double_three_by_three.conv1", 80),
    77: ("mixed_7b.three_by_three.conv1", 77),
    79: ("mixed_7b.three_by_three.split.one_by_three", 78),
    83: ("mixed_7b.one_by_one", 76),
    93: ("mixed_7c.pool.project", 93),
}


def test_layers_without_names_are_known_by_the_order_in_which_they_were_made(tmp_path: Path) -> None:
    layers = numbered(layers_of("InceptionV3"), first=200)
    imported = keras.read(write_h5(tmp_path / "v3.h5", layers))
    assert imported.options == {"aux": False, "count_padding": False}
    must_be_complete(imported)
    marker = markers(layers)
    for ours, made in INCEPTION_V3.values():
        assert number_of(imported, f"{ours}.convolution.weight") == marker[f"conv2d_{200 + made}"]
        norm = marker[f"batch_normalization_{200 + made}"]
        parts = ("weight", "bias", "running_mean", "running_var")
        assert [number_of(imported, f"{ours}.norm.{part}") for part in parts] == [1, norm, norm + 1, norm + 2]


def test_without_any_names_the_order_in_the_model_counts(tmp_path: Path) -> None:
    layers = layers_of("InceptionV3")
    imported = keras.read(write_weights_h5(tmp_path / "v3.weights.h5", layers, names=False))
    must_be_complete(imported)
    marker = list(markers(layers).values())
    for place, (ours, _) in INCEPTION_V3.items():
        assert number_of(imported, f"{ours}.convolution.weight") == marker[place]
        assert number_of(imported, f"{ours}.norm.bias") == marker[94 + place]


WRITERS: Mapping[str, Callable[[Path, Layers], Path]] = {
    "h5": write_h5,
    "weights.h5": write_weights_h5,
    "weights.h5 of 2.13": lambda path, layers: write_weights_h5(path, layers, place="_layer_checkpoint_dependencies"),
    "keras": write_zip,
}


@pytest.mark.parametrize("name", ["InceptionResNetV2", "ResNet50V2"])
@pytest.mark.parametrize("layout", WRITERS)
def test_every_layout_gives_the_same(name: str, layout: str, tmp_path: Path) -> None:
    layers = numbered(layers_of(name), first=0)
    imported = WRITERS[layout](tmp_path / "file", layers)
    same = write_h5(tmp_path / "h5", layers, root="model_weights", parts=["{layer}/weights_{place}"])
    found, expected = keras.read(imported).tensors, keras.read(same).tensors
    assert found.keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in found.items())


def test_a_kernel_and_a_flattened_map_keep_their_order(tmp_path: Path) -> None:
    path = write_h5(tmp_path / "vgg.h5", layers_of("VGG16"))
    with h5py.File(path, "r+") as file:
        file["block2_conv1/block2_conv1/0:0"][1, 2, 30, 40] = -1.0  # height, width, in, out
        file["fc1/fc1/0:0"][(3 * 7 + 5) * 512 + 100, 7] = -1.0  # height 3, width 5, channel 100 to unit 7
        file["fc2/fc2/0:0"][9, 11] = -1.0  # in, out
    tensors = keras.read(path).tensors
    for name, place in {
        "conv2_1.convolution.weight": (40, 30, 1, 2),
        "fc6.linear.weight": (7, 100 * 49 + 3 * 7 + 5),
        "fc7.linear.weight": (11, 9),
    }.items():
        assert (tensors[name] == -1.0).nonzero().tolist() == [list(place)], name


def test_the_head_may_be_missing(tmp_path: Path) -> None:
    imported = keras.read(write_h5(tmp_path / "notop.h5", layers_of("ResNet50", head=False)))
    assert (imported.num_classes, imported.remarks) == (1000, ())
    must_be_complete(imported, without="fc.")


def test_rows_before_the_head_that_are_missing_get_fresh_weights(tmp_path: Path) -> None:
    path = write_h5(tmp_path / "notop.h5", layers_of("VGG16", head=False))
    imported = keras.read(path)
    assert imported.remarks == (f"{path} has no fc6, fc7: fresh weights",)
    must_be_complete(imported, without="fc8.")
    assert imported.tensors["fc6.linear.weight"].std() == pytest.approx(0.1, rel=0.01)  # by VGG's own rule


def test_a_network_in_a_network_is_found(tmp_path: Path) -> None:
    layers = layers_of("ResNet50", head=False)
    path = write_weights_h5(tmp_path / "transfer.weights.h5", layers, place="layers/functional/layers")
    with h5py.File(path, "r+") as file:
        head = file.create_group("layers/dense/vars")
        head.attrs["name"] = "my_head"
        fill(head, "0", (2048, 5), -1.0)
        fill(head, "1", (5,), -2.0)
    imported = keras.read(path)
    assert imported.num_classes == 5
    assert number_of(imported, "fc.weight") == -1.0
    assert number_of(imported, "conv1.convolution.weight") == 1.0


def test_a_network_in_a_network_is_found_in_the_layout_of_keras_2(tmp_path: Path) -> None:
    path = tmp_path / "transfer.h5"
    numbers = count(1)
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"resnet50", b"dense"]
        for layer, own in (("resnet50", layers_of("ResNet50", head=False)), ("dense", {"dense": [(2048, 5), (5,)]})):
            group = file.create_group(layer)
            names = [(f"{name}/{place}:0", shape) for name, shapes in own.items() for place, shape in enumerate(shapes)]
            # Too long for one attribute: Keras splits it.
            half = len(names) // 2
            for attribute, some in (("weight_names0", names[:half]), ("weight_names1", names[half:])):
                group.attrs[attribute] = [name.encode() for name, _ in some]
            for name, shape in names:
                fill(group, name, shape, next(numbers))
    imported = keras.read(path)
    assert imported.num_classes == 5
    assert number_of(imported, "conv1.convolution.weight") == 1.0
    must_be_complete(imported)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"conv1_conv": [(7, 7, 4, 64), (64,)]}, "takes images of 4 channels: only 1 (grey) and 3 (colours) are read"),
        ({"conv1_conv": [(7, 7, 3, 64)]}, "layer conv1_conv has no bias, ResNet50 has (64,)"),
        (
            {"conv2_block1_1_conv": [(3, 3, 64, 64), (64,)]},
            "layer conv2_block1_1_conv has (3, 3, 64, 64) as weight, ResNet50 has (1, 1, 64, 64)",
        ),
        ({"predictions": [(1024, 3), (3,)]}, "layer predictions has (1024, 3) as weight, ResNet50 has (2048, 3)"),
        ({"conv1_bn": [(64,)] * 5}, "a layer 'conv1_bn' with weights of shapes [(64,), (64,), (64,), (64,), (64,)]"),
        ({"normalization": [(3,), (3,), ()]}, "a layer 'normalization' with weights of shapes [(3,), (3,), ()]"),
        (
            {"more": [(3, 3)]},
            "53 batch normalisations, 2 fully connected layers: ResNet50 has 1 fully connected, or none",
        ),
        (
            {"more": [(3, 3, 8, 8)]},
            "54 convolutions, 53 batch normalisations, 1 fully connected layers: none of VGG16, VGG19, ResNet50",
        ),
    ],
)
def test_other_layers_than_the_networks_are_refused(change: Layers, expected: str, tmp_path: Path) -> None:
    assert expected in refused(write_h5(tmp_path / "other.h5", {**layers_of("ResNet50"), **change}))


def test_grey_images_get_grey_figures(tmp_path: Path) -> None:
    layers = {**layers_of("ResNet50"), "conv1_conv": [(7, 7, 1, 64), (64,)]}
    imported = keras.read(write_h5(tmp_path / "grey.h5", layers))
    assert (imported.in_channels, imported.preprocessing.channels, len(imported.preprocessing.mean)) == (1, 1, 1)


def test_a_bias_too_many_is_refused(tmp_path: Path) -> None:
    layers = layers_of("ResNet50V2")
    layers["conv2_block1_1_conv"].append((64,))
    message = refused(write_h5(tmp_path / "other.h5", layers))
    assert "layer conv2_block1_1_conv has arrays of shapes ((1, 1, 64, 64), (64,)), ResNet50V2 has 1" in message


def test_what_is_no_file_of_keras_is_refused(tmp_path: Path) -> None:
    assert "does not exist" in refused(tmp_path / "nothing.h5")
    assert "is no file" in refused(tmp_path)
    text = tmp_path / "text.h5"
    text.write_text("layer_names")
    assert "neither HDF5 (.h5, .weights.h5) nor a zip (.keras)" in refused(text)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["numbers"] = [1.0]
    assert "has no layer_names where Keras writes them" in refused(tmp_path / "other.h5")
    assert "holds no layers with weights" in refused(write_h5(tmp_path / "empty.h5", {}))
    with zipfile.ZipFile(tmp_path / "other.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    assert "is a zip without model.weights.h5" in refused(tmp_path / "other.keras")


@pytest.mark.parametrize("size", [0, 600, 20_000, -300])
@pytest.mark.parametrize("write", [write_h5, write_weights_h5, write_zip])
def test_a_truncated_file_is_refused(write: Callable[[Path, Layers], Path], size: int, tmp_path: Path) -> None:
    path = write(tmp_path / "cut", layers_of("ResNet50"))
    path.write_bytes(path.read_bytes()[:size])
    refused(path)


def test_numbers_that_are_damaged_are_refused(tmp_path: Path) -> None:
    path = write_h5(tmp_path / "damaged.h5", layers_of("ResNet50"))
    numbers = np.random.default_rng(0).normal(size=(512, 512)).astype(np.float32)
    with h5py.File(path, "r+") as file:
        del file["conv5_block3_1_conv/conv5_block3_1_conv/0:0"]
        own = file["conv5_block3_1_conv/conv5_block3_1_conv"]
        stored = own.create_dataset("0:0", (1, 1, 2048, 512), dtype="f4", compression="gzip", fletcher32=True)
        stored[0, 0, :512] = numbers
        place = stored.id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[place + 100] ^= 0xFF
    path.write_bytes(content)
    assert "cannot be read" in refused(path)


@pytest.mark.parametrize(
    "configuration", [[], {"config": {}}, {"config": {"layers": 3}}, {"config": {"layers": [{"class_name": 1}]}}]
)
def test_a_description_of_no_layers_is_refused(configuration: object, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "model.keras", layers_of("ResNet50"), configuration or "nothing")
    assert "has a config.json that describes no model of layers" in refused(path)


def test_a_description_is_never_run(tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    code = f"__import__('os').mkdir({str(trap)!r})"
    layers = layers_of("ResNet50")
    listed = [{"class_name": "Lambda", "config": {"name": "lambda", "function": code}}]
    path = write_zip(tmp_path / "model.keras", layers, {"config": {"layers": listed, "build": code}, "module": code})
    assert keras.read(path).network == "resnet50"
    assert not trap.exists()


def test_a_zip_that_unpacks_to_much_is_refused(tmp_path: Path) -> None:
    for name, content in (("config.json", b" " * (17 * 2**20)), ("model.weights.h5", b"\0" * (64 * 2**20))):
        path = write_zip(tmp_path / "bomb.keras", layers_of("ResNet50"))
        with zipfile.ZipFile(path) as archive:
            members = {member: archive.read(member) for member in archive.namelist()}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, own in (members | {name: content}).items():
                archive.writestr(member, own)
        assert f"holds {name} of {len(content)} bytes: too many, or packed too densely" in refused(path)


def test_arrays_that_are_too_large_are_refused_before_they_are_read(tmp_path: Path) -> None:
    path = write_h5(tmp_path / "large.h5", {**layers_of("ResNet50"), "predictions": [(2048, 10**9), (10**9,)]})
    assert path.stat().st_size < 2**20
    assert "bytes of weights: more than any network read here" in refused(path)


def link(file: h5py.File) -> None:
    del file["fc1000"]
    file["fc1000"] = h5py.ExternalLink("secret.h5", "/fc1000")


def soft_link(file: h5py.File) -> None:
    del file["fc1000"]
    file["fc1000"] = h5py.SoftLink("/conv1")


def external(file: h5py.File) -> None:
    del file["fc1000/fc1000/1:0"]
    file["fc1000/fc1000"].create_dataset("1:0", (3,), dtype="f4", external=[("secret", 0, 12)])


def virtual(file: h5py.File) -> None:
    del file["fc1000/fc1000/1:0"]
    layout = h5py.VirtualLayout(shape=(3,), dtype="f4")
    layout[:] = h5py.VirtualSource("secret.h5", "bias", shape=(3,))
    file["fc1000/fc1000"].create_virtual_dataset("1:0", layout)


def group(file: h5py.File) -> None:
    del file["fc1000/fc1000/1:0"]
    file.create_group("fc1000/fc1000/1:0")


def text(file: h5py.File) -> None:
    del file["fc1000/fc1000/1:0"]
    file["fc1000/fc1000/1:0"] = ["a", "b", "c"]


def nameless(file: h5py.File) -> None:
    file["fc1000"].attrs["weight_names"] = [1, 2]


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (link, "refers by a link from 'fc1000' to another place, which is not followed"),
        (soft_link, "refers by a link from 'fc1000' to another place, which is not followed"),
        (external, "keeps 'fc1000/1:0' in another file, which is not read"),
        (virtual, "keeps 'fc1000/1:0' in another file, which is not read"),
        (group, "has no array of numbers 'fc1000/1:0'"),
        (text, "has no array of numbers 'fc1000/1:0'"),
        (nameless, "has weight_names that are no text"),
    ],
)
def test_a_file_that_reaches_elsewhere_is_refused(
    spoil: Callable[[h5py.File], None], expected: str, tmp_path: Path
) -> None:
    path = write_h5(tmp_path / "spoilt.h5", layers_of("ResNet50 (before 2019)"))
    (tmp_path / "secret").write_bytes(bytes(12))
    with h5py.File(path, "r+") as file:
        spoil(file)
    assert expected in refused(path)


def test_models_in_models_in_models_end_somewhere(tmp_path: Path) -> None:
    path = tmp_path / "deep.weights.h5"
    with h5py.File(path, "w") as file:
        file.create_group("layers" + "/functional/layers" * 50)
    assert "holds models in models, more than 4 deep" in refused(path)
