"""Graphs of ONNX's model zoo with random weights, run by onnxruntime and read here; and torch's exports, read back."""

from importlib.resources import files
from pathlib import Path

import onnx
import onnxruntime
import pytest
import torch

from classicnets.networks import build
from classicnets.weights.onnx_graph import read
from tests.oracles.judging import Numbers, images, must_agree, network_of, randomised

LIGHT = Path(str(files(onnx))) / "backend/test/data/light"  # the zoo's graphs, with constants in place of their weights

# The graph, our network with its options, and what is subtracted from blue.
NETWORKS = {
    "bvlc_alexnet": ("alexnet_caffe", {"pooling": "onnx_zoo"}, 104.0),
    "zfnet512": ("zfnet512", {}, 103.939),
    "vgg19": ("vgg19", {}, 103.939),
    "inception_v1": ("googlenet_caffe", {"pools": "floor"}, 104.0),
    "inception_v2": ("bn_inception", {"conv1": "dense", "projection": 96, "count_padding": False}, 104.0),
    "resnet50": ("resnet50_v1_5", {}, 128.0),
}

# The places of a normalisation's inputs.
STATISTICS = {1: "weight", 2: "bias", 3: "running_mean", 4: "running_var"}


def with_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with random weights where it fills tensors with a constant."""
    numbers = Numbers(seed=0)
    shapes = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    filled = {
        node.output[0]: tuple(int(side) for side in shapes[node.input[0]])
        for node in model.graph.node
        if node.op_type == "ConstantOfShape"
    }
    kept = [node for node in model.graph.node if node.op_type != "ConstantOfShape"]
    read = {name for node in kept for name in node.input}
    del model.graph.node[:]
    model.graph.node.extend(kept)
    tensors = [tensor for tensor in model.graph.initializer if tensor.name in read]
    for node in kept:
        for place, name in enumerate(node.input):
            if name in filled:
                scales = node.op_type == "Unsqueeze" and name.endswith("_w_0")  # Caffe's layer behind a normalisation
                part = STATISTICS[place] if node.op_type == "BatchNormalization" else "weight" if scales else "bias"
                tensors.append(onnx.numpy_helper.from_array(numbers.like(part, filled[name]).numpy(), name))
    del model.graph.initializer[:]
    model.graph.initializer.extend(tensors)
    given = [value for value in model.graph.input if value.name.endswith("data_0")]
    del model.graph.input[:]
    model.graph.input.extend(given)
    return model


def logits_of(model: onnx.ModelProto, inputs: torch.Tensor) -> torch.Tensor:
    """What the graph computes before its softmax."""
    softmax = model.graph.node[-1]
    assert softmax.op_type == "Softmax"
    del model.graph.output[:]
    model.graph.output.append(onnx.helper.make_empty_tensor_value_info(softmax.input[0]))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return torch.from_numpy(session.run(None, {model.graph.input[0].name: inputs.numpy()})[0])


@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_are_equal(name: str, tmp_path: Path) -> None:
    ours, options, blue = NETWORKS[name]
    model = with_weights(onnx.load(LIGHT / f"light_{name}.onnx"))
    path = tmp_path / "model.onnx"
    onnx.save(model, path)
    imported = read(path)
    path.unlink()  # there are many, and they are large
    assert (imported.network, imported.options, imported.remarks) == (ours, options, ())
    assert imported.preprocessing.channel_order == "bgr"
    assert imported.preprocessing.mean[0] == blue / 255
    inputs = images(*imported.preprocessing.size)
    with torch.inference_mode():
        must_agree(network_of(imported)(inputs), logits_of(model, inputs))


# Blocks of every kind; what else there is repeats them.
EXPORTED = [
    "lenet5_dense",
    "googlenet",
    "resnet8_cifar",
    "stochastic_depth_resnet8_cifar",
    "preact_resnet8_cifar",
    "se_resnet8_cifar",
]


@pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec:FutureWarning")  # of the exporter
@pytest.mark.parametrize("name", EXPORTED)
def test_an_export_is_read_back(name: str, tmp_path: Path) -> None:
    network = randomised(lambda: build(name))
    inputs = torch.randn(1, *network.input_shape, generator=torch.Generator().manual_seed(3))
    torch.onnx.export(network, (inputs,), tmp_path / "model.onnx", dynamo=True, verbose=False)
    imported = read(tmp_path / "model.onnx")
    assert imported.network == name
    with torch.inference_mode():
        must_agree(network_of(imported)(inputs), network(inputs))
