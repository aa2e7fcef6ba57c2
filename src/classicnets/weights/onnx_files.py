"""An ONNX file as a graph that can be walked from its output to its input; nothing in it is run."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import onnx
from google.protobuf.message import DecodeError
from onnx import numpy_helper

from classicnets.errors import UsageError

LARGEST_FILE = 2 * 2**30  # bytes; protobuf itself takes no more

Array = npt.NDArray[Any]
Size = tuple[int, int]
"""Height and width in pixels."""

# What leaves the values as they are and in their order.
_PASSING = ("Identity", "Dropout", "Flatten", "Reshape", "Squeeze", "Unsqueeze")
_SLIDING = ("Conv", "MaxPool", "AveragePool")


@dataclass(frozen=True)
class Node:
    """An operation.

    Attributes:
        op: its ONNX name.
        inputs: the names of the tensors it reads; empty where an optional one is missing.
        attributes: as Python values.
    """

    op: str
    inputs: tuple[str, ...]
    attributes: Mapping[str, Any]


class Graph:
    """The operations of a file by the names of the tensors they make, and its constants.

    Attributes:
        path: of the file.
        image: the name of the tensor that goes in.
        image_shape: its channels, height and width, None for what the file leaves open.
        logits: the name of the tensor that comes out.
        producer: what wrote the file.
    """

    def __init__(self, path: Path, model: onnx.ModelProto) -> None:
        self.path = path
        self.producer = model.producer_name
        self._stored = {tensor.name: tensor for tensor in model.graph.initializer}
        self.nodes: dict[str, Node] = {}
        rules = onnx.checker.C.CheckerContext()
        rules.ir_version = model.ir_version
        rules.opset_imports = {opset.domain: opset.version for opset in model.opset_import}
        for node in model.graph.node:
            _must_be_defined(path, node, rules)
            attributes = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
            if node.output:
                self.nodes[node.output[0]] = Node(node.op_type, tuple(node.input), attributes)
        images = [given for given in model.graph.input if given.name not in self._stored]
        # Some files name among their inputs what they never read.
        read = {name for node in self.nodes.values() for name in node.inputs[:1]}
        images = [given for given in images if given.name in read and len(given.type.tensor_type.shape.dim) == 4]
        if len(images) != 1 or len(model.graph.output) != 1:
            found = f"{len(images)} inputs of images and {len(model.graph.output)} outputs"
            _refuse(path, f"has {found}: a classifier has one of each")
        self.image = images[0].name
        _, *shape = (dimension.dim_value or None for dimension in images[0].type.tensor_type.shape.dim)
        self.image_shape: tuple[int | None, ...] = tuple(shape)
        self.logits = model.graph.output[0].name

    def node(self, name: str) -> Node | None:
        """The operation that makes a tensor, past those that change no value; None for what nothing makes."""
        return self.nodes.get(self.past(name))

    def past(self, name: str) -> str:
        """The tensor that ``name`` is, by its earliest name."""
        for _ in self.nodes:  # a damaged file may go round in circles
            node = self.nodes.get(name)
            if node is None or node.op not in _PASSING or not node.inputs:
                return name
            name = node.inputs[0]
        return name

    def count(self, op: str) -> int:
        """How many operations of that kind there are."""
        return sum(node.op == op for node in self.nodes.values())

    def constant(self, name: str) -> Array | None:
        """The values of a tensor that depends on no image; None for others."""
        if name in self._stored:
            return self._array(self._stored[name])
        node = self.nodes.get(name)
        if node is None:
            return None
        if node.op == "Constant":
            return self._written(node)
        inner = self.constant(node.inputs[0]) if node.op in (*_PASSING, "Transpose") else None
        if inner is None:
            return None
        if node.op == "Transpose":
            return inner.transpose(node.attributes.get("perm"))
        if node.op == "Reshape":
            return self._reshaped(inner, node)
        return inner  # ones in a shape may come and go

    def shape(self, name: str) -> tuple[int, ...] | None:
        """The shape of a constant, without reading it where that can be avoided."""
        if name in self._stored:
            return tuple(self._stored[name].dims)
        array = self.constant(name)
        return None if array is None else array.shape

    def sizes(self, image: Size) -> dict[str, Size]:
        """Height and width of every map, for images of that size."""
        found = {self.image: image}
        for name, node in self.nodes.items():
            arrives = next((found[given] for given in node.inputs if given in found), None)
            if arrives is None or node.op in ("Flatten", "Reshape", "Gemm", "MatMul"):
                continue
            if node.op in ("GlobalAveragePool", "ReduceMean"):
                found[name] = (1, 1)
            elif node.op in _SLIDING:
                found[name] = self._slid(node, arrives)
            else:
                found[name] = arrives
        return found

    def kernel(self, node: Node) -> Size:
        """Height and width of the window of a convolution or a pooling."""
        weights = self.shape(node.inputs[1]) if len(node.inputs) > 1 else None
        height, width = self._numbers(node, "kernel_shape", (weights or ())[2:], 2)
        return height, width

    def strides(self, node: Node) -> Size:
        """Of a convolution or a pooling, down and along."""
        down, along = self._numbers(node, "strides", (1, 1), 2)
        if min(down, along) < 1:
            _refuse(self.path, f"has a {node.op} that does not move")
        return down, along

    def padding(self, node: Node) -> tuple[int, int, int, int]:
        """Top, left, bottom, right of a convolution or a pooling."""
        if node.attributes.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
            _refuse(self.path, f"leaves the padding of a {node.op} to who runs it, which is not read")
        top, left, bottom, right = self._numbers(node, "pads", (0, 0, 0, 0), 4)
        return top, left, bottom, right

    def _numbers(self, node: Node, attribute: str, default: Sequence[int], count: int) -> Sequence[int]:
        numbers = node.attributes.get(attribute) or default
        if len(numbers) != count:
            _refuse(self.path, f"has a {node.op} with {attribute} {list(numbers)}: it is not of images")
        return numbers

    def _slid(self, node: Node, arrives: Size) -> Size:
        (top, left, bottom, right), (down, along) = self.padding(node), self.strides(node)
        height, width = self.kernel(node)
        rounded = math.ceil if node.attributes.get("ceil_mode") else math.floor
        return (
            rounded((arrives[0] + top + bottom - height) / down) + 1,
            rounded((arrives[1] + left + right - width) / along) + 1,
        )

    def _written(self, node: Node) -> Array | None:
        """What stands in an operation itself."""
        value = node.attributes.get("value")
        if isinstance(value, onnx.TensorProto):
            return self._array(value)
        kinds = {"value_float": np.float32, "value_floats": np.float32, "value_int": np.int64, "value_ints": np.int64}
        found = [np.asarray(node.attributes[key], dtype=kind) for key, kind in kinds.items() if key in node.attributes]
        return found[0] if found else None

    def _reshaped(self, array: Array, node: Node) -> Array | None:
        wanted = self.constant(node.inputs[1])
        if wanted is None:
            return None
        # 0 stands for as many as there were.
        sides = [int(side) or array.shape[place] for place, side in enumerate(wanted)]
        try:
            return array.reshape(sides)
        except ValueError as error:
            _refuse(self.path, f"reshapes a tensor of shape {array.shape} to {tuple(sides)}", error)

    def _array(self, tensor: onnx.TensorProto) -> Array:
        try:
            if tensor.data_location == onnx.TensorProto.EXTERNAL:
                return self._external(tensor)
            return numpy_helper.to_array(tensor)
        except (TypeError, ValueError) as error:
            _refuse(self.path, f"has a damaged tensor {tensor.name!r}: {error}", error)

    def _external(self, tensor: onnx.TensorProto) -> Array:
        """A tensor that lies in a file beside."""
        entries = {entry.key: entry.value for entry in tensor.external_data}
        folder = self.path.resolve().parent
        place = (folder / entries.get("location", "")).resolve()
        if not place.is_relative_to(folder):
            _refuse(self.path, f"keeps {tensor.name!r} outside its folder, where it is not read")
        if not place.is_file():
            _refuse(self.path, f"keeps {tensor.name!r} in {place.name}, which is not beside it")
        kind = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
        count = math.prod(tensor.dims)
        offset = int(entries.get("offset", 0))
        if min(offset, *tensor.dims) < 0 or offset + count * kind.itemsize > place.stat().st_size:
            _refuse(self.path, f"keeps {tensor.name!r} in {place.name}, which is too short for it")
        return np.fromfile(place, dtype=kind, count=count, offset=offset).reshape(tuple(tensor.dims))


def read_graph(path: Path) -> Graph:
    """The graph of a file.

    Raises:
        UsageError: the file cannot be read, or is no ONNX model with one image in and one tensor out.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            _refuse(path, f"is larger than {LARGEST_FILE} bytes: no ONNX file can be")
        model = onnx.ModelProto.FromString(path.read_bytes())
    except OSError as error:
        _refuse(path, f"cannot be read: {error.strerror}", error)
    except DecodeError as error:
        _refuse(path, "is no ONNX file, or a damaged one", error)
    if not model.graph.node:
        _refuse(path, "is no ONNX file: it has no operations")
    return Graph(path, model)


def _must_be_defined(path: Path, node: onnx.NodeProto, rules: onnx.checker.C.CheckerContext) -> None:
    """Refuse an operation that ONNX does not define, or with inputs and attributes that it does not have."""
    try:
        onnx.checker.check_node(node, rules)
    except (onnx.checker.ValidationError, UnicodeDecodeError) as error:  # the second where a name is damaged
        _refuse(path, f"has a {node.op_type} that is none of ONNX's: {str(error).partition(chr(10))[0]}", error)


def _refuse(path: Path, why: str, cause: BaseException | None = None) -> NoReturn:
    raise UsageError(f"{path} {why}".replace("\n", " ")) from cause
