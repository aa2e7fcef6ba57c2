"""What Model Explorer is given."""

from typing import Any

import pytest

from classicnets.errors import UsageError
from classicnets.inspection.drawing.model_explorer import Figure, to_model_explorer, to_node_data
from classicnets.inspection.inspection import Inspection, inspect

NAMES = ["lenet5", "alexnet", "googlenet", "inception_resnet_v1", "se_resnet50", "preact_resnet110_cifar"]


@pytest.fixture(scope="module", params=NAMES)
def found(request: pytest.FixtureRequest) -> Inspection:
    return inspect(request.param)


def nodes_of(found: Inspection) -> list[dict[str, Any]]:
    (graph,) = to_model_explorer(found)["graphs"]
    nodes: list[dict[str, Any]] = graph["nodes"]
    return nodes


def test_every_edge_comes_from_a_node_before(found: Inspection) -> None:
    seen: set[str] = set()
    for node in nodes_of(found):
        assert node["id"] not in seen
        assert {edge["sourceNodeId"] for edge in node["incomingEdges"]} <= seen
        assert node["incomingEdges"] or node["id"] == "input", node["id"]
        seen.add(node["id"])


def test_folders_are_rows_and_none_is_a_node_too(found: Inspection) -> None:
    nodes = nodes_of(found)
    folders = {node["namespace"] for node in nodes} - {""}
    assert {folder.split("/")[0] for folder in folders} <= {row.name for row in found.rows}
    layers = {f"{node['namespace']}/{node['label'].split()[0]}" for node in nodes if "(" in node["label"]}
    assert not layers & folders


def test_figures_add_up_to_those_of_the_network(found: Inspection) -> None:
    figures: dict[Figure, int] = {"macs": found.macs, "parameters": found.parameters}
    ids = {node["id"] for node in nodes_of(found)}
    for figure, total in figures.items():
        (data,) = to_node_data(found, figure).values()
        assert sum(result["value"] for result in data["results"].values()) == total
        assert set(data["results"]) == ids - {"input"}


def test_a_node_tells_its_layer() -> None:
    nodes = {node["id"]: node for node in nodes_of(inspect("resnet18"))}
    node = nodes["conv3_1.branch.conv1"]
    assert (node["label"], node["namespace"]) == ("conv1 (Conv2d)", "conv3_1/branch")
    assert {entry["key"]: entry["value"] for entry in node["attrs"]} == {
        "layer": "3x3 /2",
        "MACs": "57,802,752",
        "parameters": "73,728",
        "bytes of the output": "401,408",
    }
    assert node["outputsMetadata"] == [{"id": "0", "attrs": [{"key": "tensor_shape", "value": "float32[1,128,28,28]"}]}]
    arrives = [edge["sourceNodeId"] for edge in nodes["conv3_1.add"]["incomingEdges"]]
    assert arrives == ["conv3_1.branch.norm2", "conv3_1.shortcut.norm"]


def test_an_unknown_figure_is_refused() -> None:
    with pytest.raises(UsageError, match="figure must be macs, parameters or bytes, not 'time'"):
        to_node_data(inspect("lenet5"), "time")  # type: ignore[arg-type]
