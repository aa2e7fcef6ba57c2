"""A network found in a graph: from the logits back to the image, each module says which operation it must be.

Going backwards leaves nothing to guess. A concatenation's inputs stand in the order of the branches, and of a sum's two
only one is made as the branch makes it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from classicnets.layers.activations import AMPLITUDE, SLOPE, ScaledTanh
from classicnets.layers.branches import Branches
from classicnets.layers.overhanging_convolution import OverhangingConvolution
from classicnets.layers.residual import PaddedShortcut, Residual
from classicnets.layers.response_norm import ResponseNorm
from classicnets.layers.scaling import Scaling
from classicnets.layers.squeeze_excitation import SqueezeExcitation
from classicnets.layers.stochastic_depth import StochasticResidual
from classicnets.networks.bn_inception import HalvingPool
from classicnets.networks.chain import Chain
from classicnets.weights.onnx_files import Array, Graph, Node, Size

RELATIVE = 1e-3  # how far constants may be apart: files may hold them in half precision


class MismatchError(Exception):
    """The graph is not this network's."""


@dataclass
class Found:
    """What a network's modules are in a graph.

    Attributes:
        arrays: the network's tensors.
        rounded: pooled maps whose sizes the graph rounds otherwise: the module's path, its size and the network's.
        prepared: what the graph does to the image before the first row: scale and shift a channel, None for nothing.
    """

    arrays: dict[str, Array] = field(default_factory=dict)
    rounded: dict[str, tuple[Size, Size]] = field(default_factory=dict)
    prepared: tuple[Array, Array] | None = None


def match(network: Chain, graph: Graph, image: Size) -> Found:
    """The network's tensors as the graph has them; auxiliary heads are left out, for graphs have none.

    Args:
        network: on the meta device is enough.
        graph: of a file.
        image: height and width for which sizes are compared.

    Raises:
        MismatchError: the graph is of another network.
    """
    walk = _Walk(graph, graph.sizes(image))
    name = graph.logits
    while (node := graph.node(name)) is not None and node.op in ("Softmax", "LogSoftmax"):
        name = node.inputs[0]
    for row in reversed(network.rows):
        name = walk.before(network.get_submodule(row), row, name)
    walk.must_begin(name)
    walk.must_complete(network)
    return walk.found


class _Walk:
    """The way back through a graph; ``before`` gives what arrives at a module, told what leaves it."""

    def __init__(self, graph: Graph, sizes: Mapping[str, Size]) -> None:
        self.graph = graph
        self.sizes = sizes
        self.found = Found()
        # A normalisation by the tensor that it reads: a convolution that has biases where ours has none adds them to
        # what is normalised, which is the same as a smaller mean.
        self.norms: dict[str, str] = {}

    def before(self, module: nn.Module, path: str, name: str) -> str:
        rule = _RULES.get(type(module))
        if rule is None:
            raise MismatchError(f"{path}: nothing says how a {type(module).__name__} looks in a graph")
        return rule(self, module, path, self.graph.past(name))

    def in_sequence(self, module: nn.Sequential, path: str, name: str) -> str:
        for part, child in reversed(list(module.named_children())):
            name = self.before(child, f"{path}.{part}", name)
        return name

    def nothing(self, module: nn.Module, path: str, name: str) -> str:
        return name

    def branches(self, module: Branches, path: str, name: str) -> str:
        node = self.node(path, name, "Concat")
        ways = dict(module.named_children())
        if len(ways) != len(node.inputs) or node.attributes.get("axis") not in (1, -3):
            raise MismatchError(f"{path}: {len(node.inputs)} maps are joined, not {len(ways)}")
        joined = zip(ways.items(), node.inputs, strict=True)
        return self.one(path, [self.before(way, f"{path}.{part}", given) for (part, way), given in joined])

    def residual(self, module: Residual, path: str, name: str) -> str:
        node = self.node(path, self.before(module.after, f"{path}.after", name), "Add", "Sum")
        if len(node.inputs) != 2:
            raise MismatchError(f"{path}: {len(node.inputs)} maps are added, not 2")
        first, second = node.inputs
        try:
            arrives = self.ways(module, path, first, second)
        except MismatchError as error:
            try:
                arrives = self.ways(module, path, second, first)
            except MismatchError:
                raise error from None
        return self.before(module.before, f"{path}.before", arrives)

    def ways(self, module: Residual, path: str, branch: str, shortcut: str) -> str:
        if isinstance(module, StochasticResidual):
            branch = self.times(module.survival, path, branch)
        around = self.before(module.shortcut, f"{path}.shortcut", shortcut)
        return self.one(path, [around, self.before(module.branch, f"{path}.branch", branch)])

    def one(self, path: str, names: Iterable[str]) -> str:
        arrives = {self.graph.past(name) for name in names}
        if len(arrives) != 1:
            raise MismatchError(f"{path}: its ways begin at different maps")
        return arrives.pop()

    def convolution(self, module: nn.Conv2d, path: str, name: str) -> str:
        node = self.node(path, name, "Conv")
        arrives, around = self.unpadded(path, node.inputs[0], self.graph.padding(node))
        self.must_be(path, "weights", self.graph.shape(node.inputs[1]), tuple(module.weight.shape))
        self.must_be(path, "strides", self.graph.strides(node), module.stride)
        self.must_be(path, "groups", node.attributes.get("group", 1), module.groups)
        self.must_be(path, "dilations", tuple(node.attributes.get("dilations") or (1, 1)), (1, 1))
        self.must_be(path, "padding", around, self.padding_of(module, path, arrives))
        self.found.arrays[f"{path}.weight"] = self.constant(path, node.inputs[1])
        self.add_bias(module, path, name, node)
        return arrives

    def add_bias(self, module: nn.Conv2d, path: str, name: str, node: Node) -> None:
        """What the operation adds goes to our biases, or, where we have none, to the normalisation that follows."""
        given = node.inputs[2] if len(node.inputs) > 2 else ""
        bias = self.vector(path, given, module.out_channels) if given else np.zeros(module.out_channels, np.float32)
        if module.bias is not None:
            self.found.arrays[f"{path}.bias"] = bias
        elif bias.any():
            if name not in self.norms:
                raise MismatchError(f"{path}: it has biases")
            mean = f"{self.norms[name]}.running_mean"
            self.found.arrays[mean] = self.found.arrays[mean] - bias

    def padding_of(self, module: nn.Conv2d, path: str, arrives: str) -> tuple[int, int, int, int]:
        """Top, left, bottom, right."""
        if isinstance(module, OverhangingConvolution):
            steps = zip(self.size(path, arrives), module.kernel_size, module.stride, strict=True)
            bottom, right = ((kernel - side) % stride for side, kernel, stride in steps)
            return 0, 0, bottom, right
        assert not isinstance(module.padding, str)
        down, along = module.padding
        return down, along, down, along

    def unpadded(self, path: str, name: str, around: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
        """What is padded before it arrives, and the padding in all."""
        node = self.graph.node(name)
        if node is None or node.op != "Pad":
            return name, around
        _, _, top, left, _, _, bottom, right = self.pads(path, node)
        more = zip(around, (top, left, bottom, right), strict=True)
        return node.inputs[0], tuple(inner + outer for inner, outer in more)

    def pads(self, path: str, node: Node) -> list[int]:
        """How many zeros stand around each dimension: before all four, then behind them."""
        given = node.attributes.get("pads") or (self.constant(path, node.inputs[1]) if len(node.inputs) > 1 else ())
        value = node.attributes.get("value", 0.0)
        if len(node.inputs) > 2 and node.inputs[2]:
            value = float(self.constant(path, node.inputs[2]).max())
        if len(given) != 8 or node.attributes.get("mode", b"constant") != b"constant" or value != 0:
            raise MismatchError(f"{path}: padded by other things than zeros")
        return [int(side) for side in given]

    def norm(self, module: nn.BatchNorm2d, path: str, name: str) -> str:
        """Batch normalisation, with a scale and a shift behind it as Caffe has them; or what a convolution took in."""
        name, shift = self.constant_operand(name, "Add", module.num_features)
        name, scale = self.constant_operand(name, "Mul", module.num_features)
        node = self.graph.node(name)
        ones, zeros = np.ones(module.num_features), np.zeros(module.num_features)
        if node is not None and node.op == "Conv" and scale is shift is None:
            weight, bias, mean, variance, epsilon = ones, zeros, zeros, ones, 0.0
            arrives = name
        else:
            node = self.node(path, name, "BatchNormalization")
            count = module.num_features
            weight, bias, mean, variance = (self.vector(path, given, count) for given in node.inputs[1:5])
            epsilon = node.attributes.get("epsilon", 1e-5)
            arrives = self.graph.past(node.inputs[0])
        scale, shift = ones if scale is None else scale, zeros if shift is None else shift
        self.found.arrays |= {
            f"{path}.weight": weight * scale,
            f"{path}.bias": bias * scale + shift,
            f"{path}.running_mean": mean,
            # Ours adds its own epsilon to the variance; both sums are to be the same.
            f"{path}.running_var": variance + (epsilon - module.eps) if epsilon != module.eps else variance,
        }
        self.norms[arrives] = path
        return arrives

    def linear(self, module: nn.Linear, path: str, name: str) -> str:
        name, added = self.constant_operand(name, "Add", module.out_features)
        node = self.node(path, name, "Gemm", "MatMul", "Conv")
        given = node.attributes
        if given.get("transA", 0) or given.get("alpha", 1.0) != 1.0 or given.get("beta", 1.0) != 1.0:
            raise MismatchError(f"{path}: it multiplies by more than its weights")
        if node.op == "Conv":
            whole = self.size(path, node.inputs[0])
            self.must_be(path, "kernel", self.graph.kernel(node), whole)
            self.must_be(path, "padding", self.graph.padding(node), (0, 0, 0, 0))
        weight = self.constant(path, node.inputs[1])
        weight = weight.reshape(len(weight), -1) if weight.ndim else weight.reshape(1, 1)
        transposed = node.op == "Conv" or given.get("transB", 0)
        given_bias = node.inputs[2] if len(node.inputs) > 2 else ""
        own = self.vector(path, given_bias, module.out_features) if given_bias else np.zeros(module.out_features)
        bias = own if added is None else own + added
        self.found.arrays[f"{path}.weight"] = weight if transposed else weight.T
        if module.bias is not None:
            self.found.arrays[f"{path}.bias"] = bias
        elif bias.any():
            raise MismatchError(f"{path}: it has biases")
        return node.inputs[0]

    def relu(self, module: nn.Module, path: str, name: str) -> str:
        return self.node(path, name, "Relu").inputs[0]

    def threshold(self, module: nn.Threshold, path: str, name: str) -> str:
        assert module.threshold == module.value == 0, "which is a ReLU"
        return self.relu(module, path, name)

    def max_pool(self, module: nn.MaxPool2d, path: str, name: str) -> str:
        return self.pool(module, path, name, self.node(path, name, "MaxPool"))

    def average_pool(self, module: nn.AvgPool2d, path: str, name: str) -> str:
        node = self.node(path, name, "AveragePool")
        if any(self.graph.padding(node)[:2]):
            counted = bool(node.attributes.get("count_include_pad", 0))
            self.must_be(path, "count of padding", counted, module.count_include_pad)
        return self.pool(module, path, name, node)

    def halving_pool(self, module: HalvingPool, path: str, name: str) -> str:
        node = self.node(path, name, "MaxPool")
        height, width = self.size(path, node.inputs[0])
        return self.pooled(module, path, name, node, (3, 3), (2, 2), (height % 2, width % 2))

    def pool(self, module: nn.MaxPool2d | nn.AvgPool2d, path: str, name: str, node: Node) -> str:
        window = _pair(module.kernel_size), _pair(module.stride), _pair(module.padding)
        return self.pooled(module, path, name, node, *window)

    def pooled(
        self, module: nn.Module, path: str, name: str, node: Node, kernel: Size, stride: Size, before: Size
    ) -> str:
        self.must_be(path, "kernel", self.graph.kernel(node), kernel)
        self.must_be(path, "strides", self.graph.strides(node), stride)
        self.must_be(path, "padding", self.graph.padding(node)[:2], before)
        arrives = self.graph.past(node.inputs[0])
        height, width = module(torch.empty(1, 1, *self.size(path, arrives), device="meta")).shape[2:]
        if self.size(path, name) != (height, width):
            self.found.rounded[path] = self.size(path, name), (height, width)
        return arrives

    def global_average(self, module: nn.AdaptiveAvgPool2d, path: str, name: str) -> str:
        self.must_be(path, "output", module.output_size, 1)
        return self.mean(path, name)

    def mean(self, path: str, name: str) -> str:
        """What the mean of each whole map is taken of."""
        node = self.node(path, name, "GlobalAveragePool", "ReduceMean", "AveragePool")
        if node.op == "ReduceMean":
            axes = node.attributes.get("axes") or self.constant(path, node.inputs[1]).tolist()
            self.must_be(path, "axes", sorted(int(axis) % 4 for axis in axes), [2, 3])
        if node.op == "AveragePool":
            height, width = self.size(path, node.inputs[0])
            down, along = self.graph.kernel(node)
            exact = (down, along) == (height, width) and not any(self.graph.padding(node))
            # A window that hangs over the border, without counting what is not there, is the mean of the whole too.
            over = down >= height and along >= width and not node.attributes.get("count_include_pad", 0)
            self.must_be(path, "whole map", (exact or over) and self.size(path, name) == (1, 1), True)
        return node.inputs[0]

    def response_norm(self, module: ResponseNorm, path: str, name: str) -> str:
        alpha = module.alpha / module.size if module.divide_alpha else module.alpha
        node = self.node(path, name, "LRN", "Mul")
        self.must_be(path, "groups", 1, module.groups)
        if node.op == "LRN":
            given = node.attributes
            self.must_be(path, "size", given["size"], module.size)
            self.must_be_near(path, "alpha", given.get("alpha", 1e-4) / given["size"], alpha)
            self.must_be_near(path, "beta", given.get("beta", 0.75), module.beta)
            self.must_be_near(path, "k", given.get("bias", 1.0), module.k)
            return node.inputs[0]
        # As torch writes it: x (k + alpha sums) ^ -beta.
        arrives, factor = node.inputs
        power = self.node(path, factor, "Pow")
        self.must_be_near(path, "beta", -self.number(path, power.inputs[1]), module.beta)
        scaled = self.times(alpha, path, self.plus(module.k, path, power.inputs[0]))
        self.node(path, scaled, "Add", "AveragePool", "Mul", "Reshape")
        return arrives

    def scaled_tanh(self, module: ScaledTanh, path: str, name: str) -> str:
        return self.times(SLOPE, path, self.node(path, self.times(AMPLITUDE, path, name), "Tanh").inputs[0])

    def scaling(self, module: Scaling, path: str, name: str) -> str:
        return self.times(module.factor, path, name)

    def padded_shortcut(self, module: PaddedShortcut, path: str, name: str) -> str:
        node = self.node(path, name, "Pad")
        before = module.extra_channels // 2
        wanted = [0, before, 0, 0, 0, module.extra_channels - before, 0, 0]
        self.must_be(path, "padding", self.pads(path, node), wanted)
        if module.stride == 1:
            return node.inputs[0]
        picked = self.node(path, node.inputs[0], "AveragePool", "MaxPool")
        self.must_be(path, "kernel", self.graph.kernel(picked), (1, 1))
        self.must_be(path, "strides", self.graph.strides(picked), (module.stride, module.stride))
        return picked.inputs[0]

    def squeeze_excitation(self, module: SqueezeExcitation, path: str, name: str) -> str:
        first, second = self.node(path, name, "Mul").inputs
        weighs, arrives = (second, first) if self.is_sigmoid(second) else (first, second)
        expanded = self.node(path, weighs, "Sigmoid").inputs[0]
        activated = self.linear(module.expand, f"{path}.expand", self.graph.past(expanded))
        hidden = self.node(path, activated, "Relu").inputs[0]
        means = self.linear(module.reduce, f"{path}.reduce", self.graph.past(hidden))
        return self.one(path, [arrives, self.mean(path, means)])

    def is_sigmoid(self, name: str) -> bool:
        node = self.graph.node(name)
        return node is not None and node.op == "Sigmoid"

    def must_begin(self, name: str) -> None:
        """What arrives at the first row is the image, or the image normalised, as MXNet's networks begin."""
        name = self.graph.past(name)
        if name == self.graph.image:
            return
        node = self.node("the first row", name, "BatchNormalization")
        if self.graph.past(node.inputs[0]) != self.graph.image:
            raise MismatchError("the first row reads no image")
        count = self.graph.image_shape[0] or 0
        weight, bias, mean, variance = (self.vector("the image", given, count) for given in node.inputs[1:5])
        scale = weight / np.sqrt(variance + node.attributes.get("epsilon", 1e-5))
        self.found.prepared = scale, bias - mean * scale

    def must_complete(self, network: Chain) -> None:
        """The arrays found are those of the network, but for its auxiliary heads."""
        for name, tensor in network.state_dict().items():
            if name.startswith("aux."):
                continue
            if name.endswith(".num_batches_tracked"):
                self.found.arrays[name] = np.zeros((), np.int64)
            else:
                self.must_be(name, "shape", self.found.arrays[name].shape, tuple(tensor.shape))

    def size(self, path: str, name: str) -> Size:
        size = self.sizes.get(self.graph.past(name))
        if size is None:
            raise MismatchError(f"{path}: no map")
        return size

    def node(self, path: str, name: str, *ops: str) -> Node:
        node = self.graph.node(name)
        if node is None or node.op not in ops:
            raise MismatchError(f"{path}: {node.op if node else 'nothing'}, not {' or '.join(ops)}")
        return node

    def constant(self, path: str, name: str) -> Array:
        array = self.graph.constant(name)
        if array is None:
            raise MismatchError(f"{path}: its weights are not in the file, but computed")
        return array

    def vector(self, path: str, name: str, size: int) -> Array:
        array = self.constant(path, name)
        self.must_be(path, "numbers", array.size, size)
        return array.reshape(-1)

    def number(self, path: str, name: str) -> float:
        array = self.constant(path, name)
        self.must_be(path, "numbers", array.size, 1)
        return float(array.reshape(-1)[0])

    def constant_operand(self, name: str, op: str, size: int) -> tuple[str, Array | None]:
        """Of an operation with as many constants as there are channels the other operand, and the constants."""
        node = self.graph.node(name)
        if node is None or node.op != op or len(node.inputs) != 2:
            return name, None
        for given, other in (node.inputs, node.inputs[::-1]):
            array = self.graph.constant(other)
            if array is not None and array.size == size:
                return self.graph.past(given), array.reshape(-1)
        return name, None

    def times(self, factor: float, path: str, name: str) -> str:
        return self.with_number(factor, path, name, "Mul", neutral=1.0)

    def plus(self, term: float, path: str, name: str) -> str:
        return self.with_number(term, path, name, "Add", neutral=0.0)

    def with_number(self, number: float, path: str, name: str, op: str, *, neutral: float) -> str:
        """What a number is added to or multiplied with; a number that changes nothing may have been left out."""
        node = self.graph.node(name)
        if node is not None and node.op == op:
            for given, other in (node.inputs, node.inputs[::-1]):
                array = self.graph.constant(other)
                if array is not None and array.size == 1:
                    self.must_be_near(path, "constant", float(array.reshape(-1)[0]), number)
                    return given
        self.must_be_near(path, "constant", neutral, number)
        return name

    def must_be(self, path: str, what: str, found: object, wanted: object) -> None:
        if found != wanted:
            raise MismatchError(f"{path}: {what} {found}, not {wanted}")

    def must_be_near(self, path: str, what: str, found: float, wanted: float) -> None:
        if abs(found - wanted) > RELATIVE * abs(wanted):
            raise MismatchError(f"{path}: {what} {found:g}, not {wanted:g}")


def _pair(given: Any) -> Size:
    return (given, given) if isinstance(given, int) else (given[0], given[1])


# By the module's own class: what is derived from it may compute something else.
_RULES: Mapping[type[nn.Module], Callable[..., str]] = {
    Branches: _Walk.branches,
    Residual: _Walk.residual,
    StochasticResidual: _Walk.residual,
    nn.Sequential: _Walk.in_sequence,
    nn.Conv2d: _Walk.convolution,
    OverhangingConvolution: _Walk.convolution,
    nn.BatchNorm2d: _Walk.norm,
    nn.Linear: _Walk.linear,
    nn.ReLU: _Walk.relu,
    nn.Threshold: _Walk.threshold,
    nn.MaxPool2d: _Walk.max_pool,
    nn.AvgPool2d: _Walk.average_pool,
    HalvingPool: _Walk.halving_pool,
    nn.AdaptiveAvgPool2d: _Walk.global_average,
    ResponseNorm: _Walk.response_norm,
    SqueezeExcitation: _Walk.squeeze_excitation,
    ScaledTanh: _Walk.scaled_tanh,
    Scaling: _Walk.scaling,
    PaddedShortcut: _Walk.padded_shortcut,
    nn.Identity: _Walk.nothing,
    nn.Dropout: _Walk.nothing,
    nn.Flatten: _Walk.nothing,
}
