"""Weights from ONNX files: those of ONNX's model zoo, from Caffe, Caffe2 and MXNet, and exports of these networks.

Needs onnx (``pip install "classicnets[onnx]"``). A file is read as a graph and numbers; nothing in it is run. Which
network it holds is found by comparing its operations with those of the catalog's networks, one by one.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from classicnets import catalog
from classicnets.data.defaults import PHOTOGRAPH_MEAN, PHOTOGRAPH_STD
from classicnets.data.transforms import Preprocessing
from classicnets.errors import UsageError
from classicnets.networks import build
from classicnets.networks.chain import Chain
from classicnets.weights.imagenet import class_names
from classicnets.weights.imported import Imported
from classicnets.weights.onnx_files import Graph, read_graph
from classicnets.weights.onnx_match import Found, MismatchError, match

# Options under which files in use have a network, besides the catalog's own.
_VARIANTS: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "alexnet": ({"response_norm": "cuda_convnet2"}, {"response_norm": "caffe"}),
    "alexnet_caffe": ({"pooling": "onnx_zoo"},),
    "googlenet_caffe": ({"pools": "floor"},),
    "bn_inception": tuple(
        {"conv1": "dense", "projection": projection, "count_padding": counted}
        for projection in (128, 96)
        for counted in (False, True)
    ),
    "inception_v3": ({"count_padding": False},),
    "inception_v4": ({"order": "release"},),
    "lenet5_dense": ({"activation": "relu"},),
    **{f"preact_resnet{depth}": ({"stride_in": "3x3"},) for depth in (50, 101, 152, 200)},
}

# Networks of any depth 6n + 2.
_SERIES = (
    "resnet{}_cifar",
    "plain{}_cifar",
    "stochastic_depth_resnet{}_cifar",
    "preact_resnet{}_cifar",
    "se_resnet{}_cifar",
)

# How images are prepared for the model zoo's files that came from Caffe and Caffe2: means of blue, green and red in
# pixels from 0 to 255, and what is divided by. The zoo states ResNet's and tests ZFNet-512 with VGG's means; the others
# are those of Caffe's own models.
_CAFFE = ((104.0, 117.0, 123.0), 1.0)
_VGG = ((103.939, 116.779, 123.68), 1.0)
_CAFFE2 = ((128.0, 128.0, 128.0), 128.0)
_BGR: Mapping[str, tuple[tuple[float, float, float], float]] = {
    "alexnet_caffe": _CAFFE,
    "caffenet": _CAFFE,
    "googlenet_caffe": _CAFFE,
    "bn_inception": _CAFFE,
    "vgg16": _VGG,
    "vgg19": _VGG,
    "zfnet512": _VGG,
    "resnet50_v1_5": _CAFFE2,
}
_WRITTEN_BY_CAFFE2 = "onnx-caffe2"
_MXNET = re.compile(r"(resnet|vgg)v?[0-9]+_")  # how the tensors of the zoo's files from MXNet are called
_SHARE_CROPPED = 224 / 256  # of the shorter side
_SMALL = 64  # pixels; smaller images are not cut from larger ones


def read(path: Path) -> Imported:
    """The network that a file holds; where several of the catalog compute the same, the first.

    Raises:
        UsageError: the file cannot be read, or holds none of the catalog's networks; one line says what was found.
    """
    graph = read_graph(path)
    network, options, found = _recognised(graph)
    names = class_names() if network.num_classes == len(class_names()) else map(str, range(network.num_classes))
    return Imported(
        source=str(path),
        network=network.name,
        options=options,
        num_classes=network.num_classes,
        in_channels=network.input_shape[0],
        tensors={name: torch.from_numpy(_as_ours(array)) for name, array in found.arrays.items()},
        preprocessing=_preprocessing(graph, network, found),
        classes=tuple(names),
        remarks=tuple(_remarks(graph, network, found)),
    )


def _recognised(graph: Graph) -> tuple[Chain, Mapping[str, Any], Found]:
    """The first network that the graph is, best one that rounds the sizes of all maps alike."""
    shapes = _weights_in(graph)
    if len(shapes) < 2 or len(shapes[0]) != 4 or min(map(min, shapes)) < 1:
        raise UsageError(f"{graph.path} holds {_counted(graph)}: no classifier of this kind")
    classes, channels = shapes[-1][0], shapes[0][1]
    nearest, roughly = "", None
    for name, options in _candidates({len(shapes), graph.count("Conv") + 1}):
        if _sizes_within(name, tuple(options.items())) != Counter(_size(shape) for shape in shapes[1:-1]):
            continue
        network = build(name, num_classes=classes, in_channels=channels, **options)
        try:
            found = match(network, graph, _image_size(graph, network))
        except MismatchError as error:
            nearest = nearest or f"; nearest is {name}, but {error}"
            continue
        if not found.rounded:
            return network, options, found
        roughly = roughly or (network, options, found)
    if roughly is None:
        raise UsageError(f"{graph.path} holds {_counted(graph)}: no network of the catalog{nearest}")
    return roughly


def _candidates(depths: Iterable[int]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Networks of one of these depths, and the catalog's with their options in use."""
    for depth in depths:
        if depth % 6 == 2 and depth > 2:
            for series in _SERIES:
                yield series.format(depth), {}
    for name in catalog.list_networks():
        yield name, {}
        for options in _VARIANTS.get(name, ()):
            yield name, options


def _weights_in(graph: Graph) -> list[tuple[int, ...]]:
    """The shapes of the weights of convolutions and fully connected layers, outputs first."""
    shapes = []
    for node in graph.nodes.values():
        if node.op in ("Conv", "Gemm", "MatMul"):
            shape = graph.shape(node.inputs[1])
            if shape is not None and len(shape) > 1:
                as_ours = node.op == "Conv" or node.attributes.get("transB", 0)
                shapes.append(shape if as_ours else shape[::-1])
    return shapes


@cache
def _sizes_within(name: str, options: tuple[tuple[str, Any], ...]) -> Counter[tuple[int, int]]:
    """The sizes of a network's weights but for the first and the last, which depend on channels and classes."""
    network = build(name, **dict(options))
    modules = (module for row in network.rows for module in network.get_submodule(row).modules())
    sizes = [_size(module.weight.shape) for module in modules if isinstance(module, nn.Conv2d | nn.Linear)]
    return Counter(sizes[1:-1])


def _size(shape: Sequence[int]) -> tuple[int, int]:
    """Outputs and weights of a layer; whether it is a convolution or fully connected does not matter."""
    return shape[0], math.prod(shape)


def _counted(graph: Graph) -> str:
    kinds = {"Conv": "convolutions", "BatchNormalization": "batch normalisations", "Gemm": "fully connected layers"}
    return ", ".join(f"{graph.count(op)} {plural}" for op, plural in kinds.items())


def _image_size(graph: Graph, network: Chain) -> tuple[int, int]:
    _, height, width = graph.image_shape
    return height or network.input_shape[1], width or network.input_shape[2]


def _as_ours(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.array(array, dtype=np.int64 if array.dtype.kind in "iu" else np.float32)


def _preprocessing(graph: Graph, network: Chain, found: Found) -> Preprocessing:
    """How an image becomes the input; a normalisation that the graph begins with becomes part of it."""
    channels, *size = network.input_shape[0], *_image_size(graph, network)
    if channels not in (1, 3):
        raise UsageError(f"{graph.path} takes images of {channels} channels: only 1 (grey) and 3 (colours) are read")
    order: Literal["rgb", "bgr"] = "rgb"
    mean: Sequence[float] = PHOTOGRAPH_MEAN
    std: Sequence[float] = PHOTOGRAPH_STD
    if _from_caffe(graph, network):
        pixels, divisor = _BGR[network.name]
        mean, std, order = [value / 255 for value in pixels], [divisor / 255] * 3, "bgr"
    if channels == 1:
        mean, std = [sum(mean) / 3], [sum(std) / 3]
    if found.prepared is not None:
        scale, shift = found.prepared
        if not (scale > 0).all():
            raise UsageError(f"{graph.path} multiplies a channel of the image by {scale.min():g}, which is not read")
        # scale (x - mean) / std + shift, written as one subtraction and one division
        mean = [float(m - t * s / k) for m, s, k, t in zip(mean, std, scale, shift, strict=True)]
        std = [float(s / k) for s, k in zip(std, scale, strict=True)]
    cropped = min(size) > _SMALL
    return Preprocessing(
        channels=channels,  # type: ignore[arg-type]  # one of the two
        size=(size[0], size[1]),
        fit="crop" if cropped else "stretch",
        resize=round(max(size) / _SHARE_CROPPED) if cropped else None,
        channel_order=order,
        mean=tuple(mean),
        std=tuple(std),
    )


def _from_caffe(graph: Graph, network: Chain) -> bool:
    """Whether the weights are Caffe's: what the catalog has after Caffe's replicas, or what Caffe2 wrote."""
    replicas = [name for name, figures in _BGR.items() if figures is _CAFFE and name != "bn_inception"]
    return network.name in replicas or (graph.producer == _WRITTEN_BY_CAFFE2 and network.name in _BGR)


def _remarks(graph: Graph, network: Chain, found: Found) -> Iterator[str]:
    mxnet = any(_MXNET.match(name) for name in graph.nodes)
    if not _from_caffe(graph, network) and not mxnet:
        yield f"{graph.path} does not say how images are prepared: taken as red, green, blue by ImageNet's figures"
    for path, (theirs, ours) in found.rounded.items():
        shown = "x".join(map(str, theirs)), "x".join(map(str, ours))
        yield f"{graph.path} pools to {shown[0]} at {path}, {network.name} to {shown[1]}: outputs differ"
