"""A network as an ONNX graph, to be looked at with Netron and the like."""

import ast
import copy
import logging
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from classicnets import files
from classicnets.errors import UsageError, require

if TYPE_CHECKING:
    import onnx

_SCOPES = "pkg.torch.onnx.name_scopes"
"""Under which the exporter notes the modules that a node stands in, the outermost first."""


_NAMESPACE = "namespace"
"""Under which it notes them with their classes."""


def to_onnx(module: nn.Module, image: tuple[int, ...], file: Path) -> None:
    """Write the graph of a network, its nodes named by rows and modules.

    Only what can be seen is written: a weight has its name, type and shape, and no values (it is a sparse tensor in
    which all is zero). The file is small and any ONNX program reads it, but what it computes means nothing.

    Args:
        module: its weights may be anywhere, or on the meta device.
        image: the shape of one.
        file: to write, whole or not at all.

    Raises:
        UsageError: onnx or onnxscript is missing, the network cannot be exported, or the file cannot be written.
    """
    made = _model(module, image)
    _name_by_modules(made.graph)
    files.write_whole(file, lambda beside: _write(made, beside))


def _write(model: "onnx.ModelProto", path: Path) -> None:
    path.write_bytes(model.SerializeToString())


def _model(module: nn.Module, image: tuple[int, ...]) -> "onnx.ModelProto":
    try:
        import onnx
        import onnx_ir as ir
        from onnxscript import optimizer
    except ModuleNotFoundError as error:
        raise require("onnx", error) from error
    network = _without_values(module)
    names = frozenset(network.state_dict())
    graph = _exported(network, image)
    # The exporter writes out how a bias of zero comes about; folded, only layers are left. Batch normalisation stays.
    optimizer.fold_constants(graph)
    optimizer.remove_unused_nodes(graph)
    weights = [value for value in graph.graph.initializers.values() if value.name in names]
    for value in weights:
        del graph.graph.initializers[value.name]
    made: onnx.ModelProto = ir.serde.serialize_model(graph)
    made.graph.sparse_initializer.extend(_empty(value) for value in weights)
    return made


def _exported(network: nn.Module, image: tuple[int, ...]) -> Any:
    """The graph as the exporter holds it before it is written."""
    dtype = next((weight.dtype for weight in network.parameters()), torch.float32)
    images = torch.zeros(1, *image, dtype=dtype)
    talk = logging.getLogger("torch.onnx._internal.exporter._registration")
    talkative, talk.disabled = talk.disabled, True  # it says that torchvision is missing
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch.export warns of its own classes
            program = torch.onnx.export(network, (images,), dynamo=True, verbose=False, optimize=False)
    except torch.onnx.errors.OnnxExporterError as error:
        said = " ".join(str(error.__cause__ or error).split("\n\n")[0].split())
        raise UsageError(f"torch cannot export {type(network).__name__} to ONNX: {said}") from error
    finally:
        talk.disabled = talkative
    assert program is not None, "nothing else comes back from this exporter"
    return program.model


def _without_values(module: nn.Module) -> nn.Module:
    """A copy for evaluation whose weights take up memory that nobody ever touches."""
    tensors = [*module.parameters(), *module.buffers()]
    blank: dict[int, Any] = {id(tensor): _blank(tensor) for tensor in tensors}
    return copy.deepcopy(module, blank).eval()


def _blank(tensor: torch.Tensor) -> torch.Tensor:
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(torch.empty_like(tensor, device="cpu"), requires_grad=False)
    return torch.zeros_like(tensor, device="cpu")


def _empty(value: Any) -> "onnx.SparseTensorProto":
    """All zero, whatever its size."""
    import onnx

    made = onnx.SparseTensorProto(dims=value.shape.numpy())
    made.values.CopyFrom(onnx.helper.make_tensor(value.name, int(value.dtype), [0], []))
    made.indices.CopyFrom(onnx.helper.make_tensor("", onnx.TensorProto.INT64, [0], []))
    return made


def _name_by_modules(graph: "onnx.GraphProto") -> None:
    """``conv2_1.branch.conv1.Conv``: the module that a node ran in, and the operator."""
    seen: Counter[str] = Counter()
    for node in graph.node:
        scopes = next((entry.value for entry in node.metadata_props if entry.key == _SCOPES), "[]")
        path = next(reversed(ast.literal_eval(scopes)[:-1]), "")
        name = f"{path}.{node.op_type}".lstrip(".")
        seen[name] += 1
        node.name = name if seen[name] == 1 else f"{name} {seen[name]}"
        kept = [entry for entry in node.metadata_props if entry.key == _NAMESPACE]
        del node.metadata_props[:]  # the rest is about the program that ran, and where
        node.metadata_props.extend(kept)
