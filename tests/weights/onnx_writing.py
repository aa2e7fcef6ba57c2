"""Our networks as ONNX graphs, in the ways in which other libraries write the same operations."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import nn

from classicnets.layers.activations import AMPLITUDE, SLOPE, ScaledTanh
from classicnets.layers.branches import Branches
from classicnets.layers.residual import PaddedShortcut, Residual
from classicnets.layers.response_norm import ResponseNorm
from classicnets.layers.scaling import Scaling
from classicnets.networks.chain import Chain


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How a graph is written.

    Attributes:
        biases: convolutions before a normalisation have biases of this number, which the means take up again.
        epsilon: of normalisations, whose variances make up for it.
        scaled: a normalisation is followed by a multiplication and an addition, as in Caffe; it has no own ones.
        merged: normalisations are taken into the convolutions before them.
        linear: how fully connected layers are written.
        mean: how the last mean is written.
        swapped: sums have the shortcut first.
        floored: pools round down, whatever the network does.
        padded: convolutions are padded by an operation of its own.
        written: weights stand in operations, not in the list of the graph.
        softmax: what comes out are probabilities.
        shifted: the image is normalised first, as by MXNet: with this mean, variance, and epsilon 0.
    """

    biases: float = 0.0
    epsilon: float | None = None
    scaled: bool = False
    merged: bool = False
    linear: Literal["gemm", "matmul", "transposed", "convolution"] = "gemm"
    mean: Literal["global", "reduce", "window"] = "global"
    swapped: bool = False
    floored: bool = False
    padded: bool = False
    written: bool = False
    softmax: bool = True
    shifted: tuple[float, float] | None = None


@dataclass
class Writer:
    """A graph in the making."""

    manner: Manner
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    tensors: list[onnx.TensorProto] = field(default_factory=list)
    names: Any = field(default_factory=count)

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"t{next(self.names)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, values: Any) -> str:
        array = np.asarray(values)
        array = array.astype(np.float32) if array.dtype.kind == "f" else array
        tensor = numpy_helper.from_array(np.ascontiguousarray(array), f"c{next(self.names)}")
        if self.manner.written:
            return self.op("Constant", value=tensor)
        self.tensors.append(tensor)
        return tensor.name

    def write(self, module: nn.Module, given: str) -> str:
        if isinstance(module, nn.Sequential):
            return self.sequence(list(module), given)
        return WRITE[type(module)](self, module, given)

    def sequence(self, modules: list[nn.Module], given: str) -> str:
        for place, module in enumerate(modules):
            following = modules[place + 1] if place + 1 < len(modules) else None
            if isinstance(module, nn.Conv2d):
                given = self.convolution(module, given, following)
            elif isinstance(module, nn.BatchNorm2d) and place and isinstance(modules[place - 1], nn.Conv2d):
                given = given if self.manner.merged else self.norm(module, given, biased=self.manner.biases)
            else:
                given = self.write(module, given)
        return given

    def convolution(self, module: nn.Conv2d, given: str, following: nn.Module | None = None) -> str:
        weight, bias = module.weight.detach().double().numpy(), module.bias
        inputs = [] if bias is None else [self.constant(bias.detach().numpy())]
        if isinstance(following, nn.BatchNorm2d):
            if self.manner.merged:
                factor = array(following.weight) / np.sqrt(array(following.running_var) + following.eps)
                own = 0.0 if bias is None else array(bias)
                shift = array(following.bias) + (own - array(following.running_mean)) * factor
                weight, inputs = weight * factor[:, None, None, None], [self.constant(shift)]
            elif self.manner.biases:
                inputs = [self.constant(np.full(len(weight), self.manner.biases))]
        down, along = module.padding if not isinstance(module.padding, str) else (0, 0)
        pads = [down, along, down, along]
        if self.manner.padded and any(pads):
            around = self.constant(np.array([0, 0, down, along, 0, 0, down, along]))
            given, pads = self.op("Pad", given, around, mode="constant"), [0, 0, 0, 0]
        window = {"strides": list(module.stride), "pads": pads, "kernel_shape": list(module.kernel_size)}
        return self.op("Conv", given, self.constant(weight), *inputs, group=module.groups, **window)

    def norm(self, module: nn.BatchNorm2d, given: str, *, biased: float = 0.0) -> str:
        weight, bias, mean, variance = map(array, (module.weight, module.bias, module.running_mean, module.running_var))
        epsilon = module.eps if self.manner.epsilon is None else self.manner.epsilon
        variance = variance + module.eps - epsilon
        mean = mean + biased
        ones, zeros = np.ones_like(mean), np.zeros_like(mean)
        own = (ones, zeros) if self.manner.scaled else (weight, bias)
        statistics = [self.constant(values) for values in (*own, mean, variance)]
        given = self.op("BatchNormalization", given, *statistics, epsilon=epsilon)
        if self.manner.scaled:
            given = self.op("Mul", given, self.op("Unsqueeze", self.constant(weight), self.constant(np.array([1, 2]))))
            given = self.op("Add", self.op("Unsqueeze", self.constant(bias), self.constant(np.array([1, 2]))), given)
        return given

    def linear(self, module: nn.Linear, given: str) -> str:
        weight, bias = module.weight.detach().numpy(), self.constant(module.bias.detach().numpy())
        if self.manner.linear == "gemm":
            return self.op("Gemm", given, self.constant(weight), bias, transB=1)
        if self.manner.linear == "convolution":
            maps = self.op("Reshape", given, self.constant(np.array([1, -1, 1, 1])))
            return self.op("Conv", maps, self.constant(weight[:, :, None, None]), bias)
        factor = self.constant(weight.T)
        if self.manner.linear == "transposed":
            factor = self.op("Transpose", self.constant(weight), perm=[1, 0])
        return self.op("Add", self.op("MatMul", given, factor), bias)

    def pool(self, module: nn.MaxPool2d | nn.AvgPool2d, given: str) -> str:
        kernel, stride, around = (
            side if isinstance(side, int) else side[0] for side in (module.kernel_size, module.stride, module.padding)
        )
        more: dict[str, Any] = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [around] * 4}
        more["ceil_mode"] = int(module.ceil_mode and not self.manner.floored)
        if isinstance(module, nn.AvgPool2d):
            return self.op("AveragePool", given, count_include_pad=int(module.count_include_pad), **more)
        return self.op("MaxPool", given, **more)

    def mean(self, module: nn.AdaptiveAvgPool2d, given: str) -> str:
        if self.manner.mean == "global":
            return self.op("GlobalAveragePool", given)
        if self.manner.mean == "reduce":
            return self.op("ReduceMean", given, self.constant(np.array([-1, -2])), keepdims=1)
        return self.op("AveragePool", given, kernel_shape=[8, 8])  # what is left of images of 32x32 pixels

    def branches(self, module: Branches, given: str) -> str:
        return self.op("Concat", *(self.write(way, given) for way in module.children()), axis=1)

    def residual(self, module: Residual, given: str) -> str:
        given = self.write(module.before, given)
        ways = [self.write(module.branch, given), self.write(module.shortcut, given)]
        total = self.op("Add", *(reversed(ways) if self.manner.swapped else ways))
        return self.write(module.after, total)

    def zeros(self, module: PaddedShortcut, given: str) -> str:
        if module.stride > 1:
            given = self.op("AveragePool", given, kernel_shape=[1, 1], strides=[module.stride] * 2)
        before = module.extra_channels // 2
        around = self.constant(np.array([0, before, 0, 0, 0, module.extra_channels - before, 0, 0]))
        return self.op("Pad", given, around)

    def response_norm(self, module: ResponseNorm, given: str) -> str:
        alpha = module.alpha if module.divide_alpha else module.alpha * module.size
        return self.op("LRN", given, size=module.size, alpha=alpha, beta=module.beta, bias=module.k)

    def tanh(self, module: ScaledTanh, given: str) -> str:
        inner = self.op("Tanh", self.op("Mul", given, self.constant(np.float32(SLOPE))))
        return self.op("Mul", self.constant(np.float32(AMPLITUDE)), inner)


WRITE: Mapping[type[nn.Module], Callable[..., str]] = {
    nn.Conv2d: Writer.convolution,
    nn.BatchNorm2d: Writer.norm,
    nn.Linear: Writer.linear,
    nn.MaxPool2d: Writer.pool,
    nn.AvgPool2d: Writer.pool,
    nn.AdaptiveAvgPool2d: Writer.mean,
    Branches: Writer.branches,
    Residual: Writer.residual,
    PaddedShortcut: Writer.zeros,
    ResponseNorm: Writer.response_norm,
    ScaledTanh: Writer.tanh,
    Scaling: lambda writer, module, given: writer.op("Mul", given, writer.constant(np.float32(module.factor))),
    nn.ReLU: lambda writer, module, given: writer.op("Relu", given),
    nn.Threshold: lambda writer, module, given: writer.op("Relu", given),
    nn.Flatten: lambda writer, module, given: writer.op("Flatten", given),
    nn.Dropout: lambda writer, module, given: writer.op("Dropout", given),
    nn.Identity: lambda writer, module, given: given,
}


def array(tensor: torch.Tensor | None) -> np.ndarray[Any, np.dtype[np.float64]]:
    """In double precision, for sums that are undone again."""
    assert tensor is not None
    return tensor.detach().double().numpy()


def write(network: Chain, manner: Manner | None = None, *, producer: str = "") -> onnx.ModelProto:
    """The network without its auxiliary heads as a model for one image."""
    writer = Writer(manner or Manner())
    name = "image"
    if writer.manner.shifted is not None:
        mean, variance = (np.full(network.input_shape[0], value) for value in writer.manner.shifted)
        statistics = [writer.constant(values) for values in (np.ones_like(mean), np.zeros_like(mean), mean, variance)]
        name = writer.op("BatchNormalization", name, *statistics, epsilon=0.0)
    for _, module in network.row_modules():
        name = writer.write(module, name)
    name = writer.op("Softmax", name) if writer.manner.softmax else name
    shape = [1, *network.input_shape]
    image = helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, shape)
    out = helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, network.num_classes])
    graph = helper.make_graph(writer.nodes, "network", [image], [out], writer.tensors)
    return helper.make_model(graph, producer_name=producer, opset_imports=[helper.make_opsetid("", 20)])
