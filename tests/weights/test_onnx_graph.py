"""ONNX graphs: recognised in whatever way they are written, and refused where they are damaged, strange or hostile."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

import classicnets as cn
from classicnets.errors import UsageError
from classicnets.networks.chain import Chain
from classicnets.weights import onnx_graph
from classicnets.weights.imported import Imported
from tests.weights.onnx_writing import Manner, write


def network_of(name: str, **options: Any) -> Chain:
    """With random weights and running statistics."""
    torch.manual_seed(0)
    network = cn.create(name, **options)
    with torch.no_grad():
        for path, tensor in network.state_dict().items():
            if path.endswith(("bias", "running_mean")):
                tensor.normal_()
            elif tensor.dim() == 1:
                tensor.uniform_(0.5, 1.5)
    return network.eval()


def read(model: onnx.ModelProto, folder: Path) -> Imported:
    path = folder / "model.onnx"
    onnx.save(model, path)
    return onnx_graph.read(path)


def refused(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        onnx_graph.read(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    return message


def must_be(imported: Imported, network: Chain, *, exact: bool = True) -> None:
    """The same network, with the same tensors but for auxiliary heads."""
    assert (imported.network, imported.num_classes) == (network.name, network.num_classes)
    assert imported.options == network.options
    expected = {name: tensor for name, tensor in network.state_dict().items() if not name.startswith("aux.")}
    assert imported.tensors.keys() == expected.keys()
    for name, tensor in expected.items():
        found = imported.tensors[name]
        assert found.dtype == tensor.dtype, name
        close = torch.allclose(found, tensor, rtol=1e-5, atol=1e-6)
        assert torch.equal(found, tensor) if exact and tensor.dim() != 1 else close, name


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("lenet5_dense", {}),
        ("lenet5_dense", {"activation": "relu"}),
        ("resnet20_cifar", {}),
        ("resnet14_cifar", {}),
        ("plain20_cifar", {}),
        ("preact_resnet20_cifar", {}),
        ("googlenet", {}),
        ("googlenet_caffe", {}),
        ("googlenet_caffe", {"pools": "floor"}),
        ("resnet50", {}),
        ("resnet50_v1_5", {}),
        ("preact_resnet50", {"stride_in": "3x3"}),
        ("inception_v3", {"count_padding": False}),
        ("inception_v4", {"order": "release"}),
        ("inception_resnet_v2", {}),
    ],
)
def test_a_network_is_recognised_by_its_operations(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    network = network_of(name, num_classes=5, **options)
    imported = read(write(network), tmp_path)
    must_be(imported, network)
    assert imported.classes == ("0", "1", "2", "3", "4")


@pytest.mark.parametrize("name", ["resnet20_cifar", "preact_resnet20_cifar"])
@pytest.mark.parametrize(
    "manner",
    [
        Manner(biases=0.5),
        Manner(epsilon=1e-3),
        Manner(epsilon=1e-7),
        Manner(scaled=True),
        Manner(linear="matmul"),
        Manner(linear="transposed"),
        Manner(linear="convolution"),
        Manner(mean="reduce"),
        Manner(mean="window"),
        Manner(swapped=True),
        Manner(padded=True),
        Manner(written=True),
        Manner(softmax=False),
    ],
    ids=lambda manner: ",".join(
        f"{key}={value}" for key, value in vars(manner).items() if value != vars(Manner())[key]
    ),
)
def test_whatever_the_manner_the_weights_are_the_same(name: str, manner: Manner, tmp_path: Path) -> None:
    network = network_of(name)
    must_be(read(write(network, manner), tmp_path), network)


@pytest.mark.parametrize("name", ["resnet20_cifar", "googlenet_bn"])
def test_normalisation_within_convolutions_gives_equal_outputs(name: str, tmp_path: Path) -> None:
    network = network_of(name)
    imported = read(write(network, Manner(merged=True)), tmp_path)
    again = cn.create(name)
    again.load_state_dict(imported.tensors, strict=False)
    images = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(again.eval()(images), network(images), rtol=1e-4, atol=1e-4)
    assert (imported.tensors["conv1.norm.weight"] == 1).all()


def test_a_normalisation_of_the_image_becomes_preprocessing(tmp_path: Path) -> None:
    network = network_of("preact_resnet20_cifar")
    plain = read(write(network), tmp_path).preprocessing
    imported = read(write(network, Manner(shifted=(0.3, 4.0))), tmp_path)
    must_be(imported, network)
    # ((x - mean) / std - 0.3) / 2
    assert imported.preprocessing.mean == pytest.approx(
        [m + 0.3 * s for m, s in zip(plain.mean, plain.std, strict=True)]
    )
    assert imported.preprocessing.std == pytest.approx([2 * s for s in plain.std])


def test_sizes_that_are_rounded_otherwise_are_told(tmp_path: Path) -> None:
    network = network_of("googlenet")
    assert read(write(network), tmp_path).remarks == (
        f"{tmp_path}/model.onnx does not say how images are prepared: taken as red, green, blue by ImageNet's figures",
    )
    imported = read(write(network, Manner(floored=True)), tmp_path)
    must_be(imported, network)
    # 55 pixels give 27 either way, those give 13, those 6.
    (told,) = imported.remarks[1:]
    assert told == f"{tmp_path}/model.onnx pools to 55x55 at pool1, googlenet to 56x56: outputs differ"


@pytest.mark.parametrize(
    ("name", "producer", "order", "mean", "std"),
    [
        ("resnet50_v1_5", "onnx-caffe2", "bgr", (128 / 255,) * 3, (128 / 255,) * 3),
        ("googlenet_caffe", "onnx-caffe2", "bgr", (104 / 255, 117 / 255, 123 / 255), (1 / 255,) * 3),
        ("googlenet_caffe", "", "bgr", (104 / 255, 117 / 255, 123 / 255), (1 / 255,) * 3),
        ("resnet50_v1_5", "pytorch", "rgb", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ],
)
def test_images_are_prepared_as_the_model_zoo_says(
    name: str, producer: str, order: str, mean: tuple[float, ...], std: tuple[float, ...], tmp_path: Path
) -> None:
    found = read(write(network_of(name), producer=producer), tmp_path).preprocessing
    assert (found.size, found.fit, found.resize) == ((224, 224), "crop", 256)
    assert (found.channel_order, found.mean, found.std) == (order, mean, std)


def test_files_from_mxnet_are_known_by_their_names(tmp_path: Path) -> None:
    model = write(network_of("resnet20_cifar"))
    first, second = model.graph.node[:2]
    second.input[0] = first.output[0] = "resnetv17_conv0_fwd"
    assert read(model, tmp_path).remarks == ()


def test_small_and_grey_images_are_not_cut(tmp_path: Path) -> None:
    found = read(write(network_of("lenet5_dense")), tmp_path).preprocessing
    assert (found.channels, found.size, found.fit, len(found.mean)) == (1, (32, 32), "stretch", 1)


def test_images_of_other_channels_are_refused(tmp_path: Path) -> None:
    onnx.save(write(network_of("resnet20_cifar", in_channels=4)), tmp_path / "model.onnx")
    assert "takes images of 4 channels: only 1 (grey) and 3 (colours) are read" in refused(tmp_path / "model.onnx")


def test_an_open_size_is_the_networks(tmp_path: Path) -> None:
    model = write(network_of("resnet20_cifar"))
    for dimension in model.graph.input[0].type.tensor_type.shape.dim:
        dimension.dim_param = "open"
    assert read(model, tmp_path).preprocessing.size == (32, 32)


def test_biases_that_the_file_leaves_out_are_zero(tmp_path: Path) -> None:
    network = network_of("lenet5_dense")
    model = write(network)
    for node in model.graph.node:
        if node.op_type in ("Conv", "Gemm"):
            del node.input[2]
    tensors = read(model, tmp_path).tensors
    assert all(not tensor.any() for name, tensor in tensors.items() if name.endswith("bias"))


def drop_a_relu(model: onnx.ModelProto) -> None:
    relu = [node for node in model.graph.node if node.op_type == "Relu"][4]
    relu.op_type = "Sigmoid"


def widen_a_stride(model: onnx.ModelProto) -> None:
    convolution = [node for node in model.graph.node if node.op_type == "Conv"][3]
    next(attribute for attribute in convolution.attribute if attribute.name == "strides").ints[:] = [2, 2]


def dilate(model: onnx.ModelProto) -> None:
    convolution = [node for node in model.graph.node if node.op_type == "Conv"][3]
    convolution.attribute.append(onnx.helper.make_attribute("dilations", [2, 2]))


def compute_weights(model: onnx.ModelProto) -> None:
    convolution = [node for node in model.graph.node if node.op_type == "Conv"][3]
    model.graph.node.insert(0, onnx.helper.make_node("Exp", [convolution.input[1]], ["computed"]))
    convolution.input[1] = "computed"


def read_another_map(model: onnx.ModelProto) -> None:
    sums = [node for node in model.graph.node if node.op_type == "Add"]
    sums[4].input[1] = sums[2].output[0]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (drop_a_relu, "19 convolutions, 19 batch normalisations, 1 fully connected layers: no network of the catalog"),
        (drop_a_relu, "; nearest is resnet20_cifar, but conv2_2.after: Sigmoid, not Relu"),
        (widen_a_stride, "nearest is resnet20_cifar, but conv2_2.branch.conv1: strides (2, 2), not (1, 1)"),
        (dilate, "nearest is resnet20_cifar, but conv2_2.branch.conv1: dilations (2, 2), not (1, 1)"),
        (compute_weights, "holds 19 convolutions"),
        (read_another_map, "nearest is resnet20_cifar, but conv3_2"),
    ],
)
def test_another_network_is_refused(change: Callable[[onnx.ModelProto], None], expected: str, tmp_path: Path) -> None:
    model = write(network_of("resnet20_cifar"))
    change(model)
    onnx.save(model, tmp_path / "model.onnx")
    assert expected in refused(tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("attribute", "value", "expected"),
    [
        ("alpha", 1e-4, "norm2: alpha 2e-05, not 0.0001"),
        ("beta", 0.5, "norm2: beta 0.5, not 0.75"),
        ("bias", 1.5, "norm2: k 1.5, not 2"),
        ("size", 3, "norm2: size 3, not 5"),
    ],
)
def test_response_normalisation_is_by_its_constants(
    attribute: str, value: float, expected: str, tmp_path: Path
) -> None:
    model = write(network_of("googlenet"))
    (first, *_) = (node for node in reversed(model.graph.node) if node.op_type == "LRN")
    kept = [own for own in first.attribute if own.name != attribute]
    del first.attribute[:]
    first.attribute.extend([*kept, onnx.helper.make_attribute(attribute, value)])
    onnx.save(model, tmp_path / "model.onnx")
    assert f"nearest is googlenet, but {expected}" in refused(tmp_path / "model.onnx")


def no_weights(model: onnx.ModelProto) -> None:
    del model.graph.initializer[:]


def two_outputs(model: onnx.ModelProto) -> None:
    model.graph.output.append(model.graph.output[0])


def strange_operation(model: onnx.ModelProto) -> None:
    model.graph.node[3].op_type = "Convolve"


def foreign_operation(model: onnx.ModelProto) -> None:
    model.graph.node[3].domain = "com.example"


def missing_inputs(model: onnx.ModelProto) -> None:
    del model.graph.node[0].input[1:]


def circle(model: onnx.ModelProto) -> None:
    for name, given in (("a", "b"), ("b", "a")):
        model.graph.node.append(onnx.helper.make_node("Identity", [given], [name]))
    model.graph.node[0].input[0] = "a"


def left_open_padding(model: onnx.ModelProto) -> None:
    convolution = model.graph.node[0]
    kept = [attribute for attribute in convolution.attribute if attribute.name != "pads"]
    del convolution.attribute[:]
    convolution.attribute.extend([*kept, onnx.helper.make_attribute("auto_pad", "SAME_UPPER")])


def one_dimension(model: onnx.ModelProto) -> None:
    next(attribute for attribute in model.graph.node[0].attribute if attribute.name == "kernel_shape").ints[:] = [3]


def short_tensor(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[:-4]


def huge_tensor(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].dims[:] = [2**40, 3, 3, 3]


def negative_tensor(model: onnx.ModelProto) -> None:
    model.graph.initializer[-1].dims[0] = -10


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (no_weights, "no classifier of this kind"),
        (two_outputs, "1 inputs of images and 2 outputs: a classifier has one of each"),
        (strange_operation, "has a Convolve that is none of ONNX's"),
        (foreign_operation, "that is none of ONNX's"),
        (missing_inputs, "has a Conv that is none of ONNX's"),
        (circle, "0 inputs of images and 1 outputs"),
        (left_open_padding, "leaves the padding of a Conv to who runs it, which is not read"),
        (one_dimension, "has a Conv with kernel_shape [3]: it is not of images"),
        (short_tensor, "has a damaged tensor"),
        (huge_tensor, "no network of the catalog"),
        (negative_tensor, "no classifier of this kind"),
    ],
)
def test_a_strange_graph_is_refused(spoil: Callable[[onnx.ModelProto], None], expected: str, tmp_path: Path) -> None:
    model = write(network_of("resnet8_cifar"))
    spoil(model)
    onnx.save(model, tmp_path / "model.onnx")
    assert expected in refused(tmp_path / "model.onnx")


def test_what_is_no_onnx_file_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in refused(tmp_path / "nothing.onnx")
    assert "cannot be read" in refused(tmp_path)
    (tmp_path / "empty.onnx").touch()
    assert "it has no operations" in refused(tmp_path / "empty.onnx")
    (tmp_path / "text.onnx").write_text("no protocol buffer at all")
    assert "is no ONNX file, or a damaged one" in refused(tmp_path / "text.onnx")
    with (tmp_path / "large.onnx").open("wb") as file:
        file.truncate(3 * 2**30)
    assert "is larger than 2147483648 bytes" in refused(tmp_path / "large.onnx")
    onnx.save(write(network_of("resnet8_cifar")), tmp_path / "cut.onnx")
    whole = (tmp_path / "cut.onnx").read_bytes()
    for size in (10, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.onnx").write_bytes(whole[:size])
        refused(tmp_path / "cut.onnx")


def outside(model: onnx.ModelProto, location: str, **entries: int) -> None:
    """Have the first tensor lie in another file."""
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=str(value))


def test_tensors_in_a_file_beside_are_read(tmp_path: Path) -> None:
    network = network_of("resnet8_cifar")
    model = write(network)
    first = numpy_helper.to_array(model.graph.initializer[0])
    (tmp_path / "weights.bin").write_bytes(bytes(64) + first.tobytes())
    outside(model, "weights.bin", offset=64, length=first.nbytes)
    must_be(read(model, tmp_path), network)


@pytest.mark.parametrize(
    ("location", "entries", "expected"),
    [
        ("../secret", {}, "outside its folder, where it is not read"),
        ("/etc/passwd", {}, "outside its folder, where it is not read"),
        ("linked", {}, "outside its folder, where it is not read"),
        ("nothing", {}, "in nothing, which is not beside it"),
        ("", {}, "which is not beside it"),
        ("short", {}, "in short, which is too short for it"),
        ("enough", {"offset": 4}, "in enough, which is too short for it"),
        ("enough", {"offset": -4}, "in enough, which is too short for it"),
    ],
)
def test_tensors_elsewhere_are_not_read(location: str, entries: dict[str, int], expected: str, tmp_path: Path) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    model = write(network_of("resnet8_cifar"))
    needed = numpy_helper.to_array(model.graph.initializer[0]).nbytes
    (tmp_path / "secret").write_bytes(bytes(needed))
    (folder / "linked").symlink_to(tmp_path / "secret")
    (folder / "short").write_bytes(bytes(needed - 1))
    (folder / "enough").write_bytes(bytes(needed))
    outside(model, location, **entries)
    onnx.save(model, folder / "model.onnx")
    assert expected in refused(folder / "model.onnx")


def test_an_offset_that_is_no_number_is_refused(tmp_path: Path) -> None:
    model = write(network_of("resnet8_cifar"))
    outside(model, "model.onnx")
    model.graph.initializer[0].external_data.add(key="offset", value="soon")
    onnx.save(model, tmp_path / "model.onnx")
    assert "has a damaged tensor" in refused(tmp_path / "model.onnx")


def test_half_precision_is_read_as_single(tmp_path: Path) -> None:
    network = network_of("lenet5_dense")
    model = write(network)
    halved = [
        numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name)
        for tensor in model.graph.initializer
    ]
    del model.graph.initializer[:]
    model.graph.initializer.extend(halved)
    weight = read(model, tmp_path).tensors["C1.convolution.weight"]
    assert weight.dtype == torch.float32
    torch.testing.assert_close(weight, network.get_submodule("C1.convolution").weight.half().float())
