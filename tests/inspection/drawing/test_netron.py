"""What Netron is given."""

import sys
from pathlib import Path

import onnx
import pytest
import torch
from torch import nn

from classicnets.errors import UsageError
from classicnets.inspection.drawing.netron import to_onnx
from classicnets.networks import build


def test_the_graph_names_rows_and_weights_and_holds_no_values(tmp_path: Path) -> None:
    network = build("resnet20_cifar")
    file = tmp_path / "network.onnx"
    to_onnx(network, network.input_shape, file)
    model = onnx.load(file)
    onnx.checker.check_model(model)
    kinds = [node.op_type for node in model.graph.node]
    assert [kinds.count(kind) for kind in ("Conv", "BatchNormalization", "Add", "Gemm")] == [19, 19, 9, 1]
    names = [node.name for node in model.graph.node]
    assert len(set(names)) == len(names)
    assert {name.split(".")[0] for name in names} == set(network.rows)
    assert "conv2_1.branch.conv1.Conv" in names
    shapes = {tensor.values.name: tuple(tensor.dims) for tensor in model.graph.sparse_initializer}
    weights = {name: tuple(weight.shape) for name, weight in network.named_parameters()}
    assert weights.items() <= shapes.items()
    assert file.stat().st_size < 4 * 269_722 / 10
    assert str(Path.cwd()).encode() not in file.read_bytes()
    assert next(network.parameters()).is_meta


class _Eigenvalues(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        values: torch.Tensor = torch.linalg.eig(images)[0]
        return values


def test_what_cannot_be_exported_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^torch cannot export _Eigenvalues to ONNX: .+$"):
        to_onnx(_Eigenvalues(), (3, 8, 8), tmp_path / "network.onnx")
    assert not list(tmp_path.iterdir())


def test_the_extra_is_named_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UsageError, match=r"pip install 'classicnets\[onnx\]'"):
        to_onnx(nn.Linear(3, 4), (3,), tmp_path / "network.onnx")
