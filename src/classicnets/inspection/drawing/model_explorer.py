"""A network for Google's Model Explorer: the graph of its layers, and figures that colour it.

The program opens the graph as a file (``model-explorer FILE.json``); the figures of a graph that is open are added to
it with "Custom node data", or by dropping their file on it.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args

from classicnets.errors import check_choice
from classicnets.inspection.counting.macs import macs
from classicnets.inspection.drawing.graph import Node, graph
from classicnets.inspection.drawing.parts import step_of
from classicnets.inspection.tracing.trace import Trace, Value
from classicnets.inspection.units import count, shape

if TYPE_CHECKING:
    from classicnets.inspection.inspection import Inspection

Figure = Literal["macs", "parameters", "bytes"]
"""What a layer is coloured by; bytes are those of its output for one image."""

FIGURES: tuple[Figure, ...] = get_args(Figure)
_TITLES: Mapping[Figure, str] = {"macs": "MACs", "parameters": "parameters", "bytes": "bytes of the output"}
_PALE, _DARK = "#fff7e6", "#d9480f"


def to_model_explorer(found: "Inspection") -> dict[str, Any]:
    """The graph: a node for each layer and each operation between layers, in folders by row and module.

    Returns:
        What Model Explorer reads as a JSON file: a label, and one graph of nodes with sources, shapes and figures.
    """
    nodes = graph(found.trace)
    figures = _figures(found.trace, nodes)
    return {
        "label": found.name,
        "graphs": [
            {
                "id": found.name,
                "nodes": [
                    _node(found, node, nodes, {figure: of[place] for figure, of in figures.items()})
                    for place, node in enumerate(nodes)
                ],
                "groupNodeAttributes": _folders(found),
            }
        ],
    }


def to_node_data(found: "Inspection", figure: Figure) -> dict[str, Any]:
    """Figures of the layers of the graph that `to_model_explorer` gives, for Model Explorer to colour it by.

    Raises:
        UsageError: there is no such figure.
    """
    check_choice("figure", figure, FIGURES)
    nodes = graph(found.trace)
    values = _figures(found.trace, nodes)[figure]
    return {
        found.name: {
            "name": _TITLES[figure],
            "results": {
                node.name: {"value": value} for node, value in zip(nodes, values, strict=True) if node.operations
            },
            "gradient": [{"stop": 0, "bgColor": _PALE}, {"stop": 1, "bgColor": _DARK}],
        }
    }


def _node(found: "Inspection", node: Node, nodes: tuple[Node, ...], figures: Mapping[Figure, int]) -> dict[str, Any]:
    module = found.module.get_submodule(node.path)
    layer = step_of(node, module).text if node.operations else ""
    attributes = {"layer": layer, **{_TITLES[figure]: count(value) for figure, value in figures.items() if value}}
    return {
        "id": node.name,
        "label": f"{node.path.rpartition('.')[2]} ({node.label})" if node.is_layer else node.label,
        "namespace": (node.path.rpartition(".")[0] if node.is_layer else node.path).replace(".", "/"),
        "attrs": [{"key": key, "value": value} for key, value in attributes.items() if value],
        "incomingEdges": [
            {"sourceNodeId": nodes[source].name, "sourceNodeOutputId": "0", "targetNodeInputId": str(place)}
            for place, source in enumerate(node.sources)
        ],
        "outputsMetadata": [
            {"id": str(place), "attrs": [{"key": "tensor_shape", "value": _tensor(value)}]}
            for place, value in enumerate(node.outputs)
        ],
    }


def _tensor(value: Value) -> str:
    return f"{str(value.dtype).removeprefix('torch.')}[{','.join(map(str, value.shape))}]"


def _folders(found: "Inspection") -> dict[str, dict[str, str]]:
    """What is said of the whole, under "", and of each row."""
    whole = {
        "input": shape(found.input),
        "parameters": count(found.parameters),
        "MACs": count(found.macs),
    }
    rows = {
        row.name.replace(".", "/"): {
            "output": shape(row.output),
            "parameters": count(row.parameters),
            "MACs": count(row.macs),
        }
        for row in found.rows
        if row.name
    }
    return {"": whole, **rows}


def _figures(trace: Trace, nodes: tuple[Node, ...]) -> dict[Figure, list[int]]:
    """For each node its figures for one image; a weight that several share is the first one's."""
    batch = trace.batch
    weights = {value.storage: value.elements for value in trace.tensors.values()}
    weights = {storage: size for storage, size in weights.items() if trace.storages[storage].held == "parameter"}
    held = []
    for node in nodes:
        read = {value.storage for operation in node.operations for value in operation.inputs}
        held.append(sum(weights.pop(storage) for storage in read.intersection(weights)))
    return {
        "macs": [sum(macs(operation, trace.module) for operation in node.operations) // batch for node in nodes],
        "parameters": held,
        "bytes": [sum(value.bytes for value in node.outputs) // batch for node in nodes],
    }
