"""State dicts of torchvision's and timm's networks, there and back, without files."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

import classicnets as cn
from classicnets.errors import UsageError
from classicnets.networks import build
from classicnets.networks.chain import Chain
from classicnets.weights.exchange import SOURCES, could_be, export_state, find_model, import_state
from classicnets.weights.sources import Model

State = dict[str, torch.Tensor]
MODELS = [(source.name, model) for source in SOURCES.values() for model in source.models.values()]
EVERY = pytest.mark.parametrize(("source", "model"), MODELS, ids=[f"{source}:{model.name}" for source, model in MODELS])


def numbered(network: Chain) -> State:
    """A state in which each tensor holds its own number everywhere; it takes no memory to speak of."""
    return {
        name: torch.tensor(number, dtype=tensor.dtype).expand(tensor.shape)
        for number, (name, tensor) in enumerate(network.state_dict().items())
    }


def number_of(tensor: torch.Tensor) -> float:
    return tensor.flatten()[0].item()


def state_of(reference: str, **arguments: Any) -> State:
    """What the other library's network of that name would give, with numbered tensors."""
    _, model, _ = find_model(reference)
    network = build(model.network, **model.options, **arguments)
    network.load_state_dict(numbered(network), assign=True)
    return export_state(reference, network)


@EVERY
def test_every_network_goes_there_and_comes_back(source: str, model: Model) -> None:
    network = build(model.network, num_classes=7, in_channels=4, **model.options)
    state = numbered(network)
    network.load_state_dict(state, assign=True)
    exported = export_state(f"{source}:{model.name}", network)
    imported = import_state(f"{source}:{model.name}", exported)
    assert (imported.network, imported.options) == (model.network, model.options)
    assert (imported.num_classes, imported.in_channels) == (7, 4)
    assert imported.classes == tuple("0123456")
    given = {name: tensor for name, tensor in state.items() if model.has_aux or not name.startswith("aux.")}
    assert imported.tensors.keys() == given.keys()
    for name, tensor in imported.tensors.items():
        assert tensor.shape == given[name].shape
        assert number_of(tensor) == number_of(given[name]), name


def test_no_two_networks_have_tensors_of_the_same_names_and_shapes() -> None:
    seen: dict[frozenset[tuple[str, torch.Size]], tuple[str, dict[str, Any]]] = {}
    for source, model in MODELS:
        state = state_of(f"{source}:{model.name}")
        shapes = frozenset((name, tensor.shape) for name, tensor in state.items() if "aux" not in name.lower())
        ours = (model.network, dict(model.options))
        assert seen.setdefault(shapes, ours) == ours


# From the libraries' own state dicts.
@pytest.mark.parametrize(
    ("reference", "name", "shape"),
    [
        ("torchvision:alexnet", "features.10.weight", (256, 256, 3, 3)),
        ("torchvision:alexnet", "classifier.1.weight", (4096, 9216)),
        ("torchvision:vgg11", "features.18.bias", (512,)),
        ("torchvision:vgg19_bn", "features.50.running_var", (512,)),
        ("torchvision:vgg16", "classifier.6.weight", (1000, 4096)),
        ("torchvision:googlenet", "inception4e.branch3.1.conv.weight", (128, 32, 3, 3)),
        ("torchvision:googlenet", "aux2.fc1.weight", (1024, 2048)),
        ("torchvision:inception_v3", "Mixed_7b.branch3x3dbl_3b.bn.weight", (384,)),
        ("torchvision:inception_v3", "AuxLogits.conv1.conv.weight", (768, 128, 5, 5)),
        ("torchvision:resnet18", "layer4.1.bn2.num_batches_tracked", ()),
        ("torchvision:resnet50", "layer2.0.downsample.0.weight", (512, 256, 1, 1)),
        ("timm:vgg13", "pre_logits.fc1.weight", (4096, 512, 7, 7)),
        ("timm:vgg13", "head.fc.bias", (1000,)),
        ("timm:inception_v3", "Conv2d_4a_3x3.conv.weight", (192, 80, 3, 3)),
        ("timm:inception_v4", "features.21.branch2_3b.conv.weight", (256, 512, 3, 1)),
        ("timm:inception_v4", "features.4.branch1.1.conv.weight", (64, 64, 1, 7)),
        ("timm:inception_v4", "last_linear.weight", (1000, 1536)),
        ("timm:inception_resnet_v2", "repeat_1.19.branch1.1.conv.weight", (160, 128, 1, 7)),
        ("timm:inception_resnet_v2", "block8.conv2d.bias", (2080,)),
        ("timm:inception_resnet_v2", "repeat_2.8.branch0.bn.bias", (192,)),
        ("timm:resnet50c", "conv1.6.weight", (64, 32, 3, 3)),
        ("timm:resnet50d", "layer4.0.downsample.1.weight", (2048, 1024, 1, 1)),
        ("torchvision:resnext101_64x4d", "layer3.22.conv2.weight", (1024, 16, 3, 3)),
        ("torchvision:wide_resnet101_2", "layer4.2.conv1.weight", (1024, 2048, 1, 1)),
        ("timm:seresnet50", "layer1.2.se.fc1.weight", (16, 256, 1, 1)),
        ("timm:seresnext101_32x4d", "layer4.0.se.fc2.bias", (2048,)),
        ("timm:legacy_seresnet152", "layer0.conv1.weight", (64, 3, 7, 7)),
        ("timm:legacy_seresnext50_32x4d", "layer2.3.se_module.fc2.weight", (512, 32, 1, 1)),
        ("timm:legacy_seresnet50", "last_linear.bias", (1000,)),
    ],
)
def test_names_and_shapes_are_the_other_librarys(reference: str, name: str, shape: tuple[int, ...]) -> None:
    assert state_of(reference)[name].shape == shape


@pytest.mark.parametrize(
    ("reference", "count"),
    [
        ("torchvision:alexnet", 16),
        ("torchvision:googlenet", 364),
        ("torchvision:inception_v3", 580),
        ("torchvision:resnet50", 320),
        ("timm:inception_v3", 566),
        ("timm:inception_v4", 896),
        ("timm:inception_resnet_v2", 1306),
        ("timm:seresnet50", 384),
    ],
)
def test_there_are_as_many_tensors(reference: str, count: int) -> None:
    assert len(state_of(reference)) == count


def take(state: State) -> None:
    del state["layer1.0.bn1.weight"]


def add(state: State) -> None:
    state["layer1.9.bn1.weight"] = torch.zeros(3)


def reshape(state: State) -> None:
    state["layer1.0.bn1.weight"] = torch.zeros(65)


def count(state: State) -> None:
    state["layer1.0.bn1.weight"] = torch.zeros(64, dtype=torch.int32)


def empty(state: State) -> None:
    state["fc.weight"] = torch.zeros(0, 512)


def flat(state: State) -> None:
    state["conv1.weight"] = torch.zeros(64)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (take, "tensor 'layer1.0.bn1.weight': resnet18 expects shape (64,), found none"),
        (add, "tensor 'layer1.9.bn1.weight': resnet18 expects none, found shape (3,)"),
        (reshape, "tensor 'layer1.0.bn1.weight': resnet18 expects shape (64,), found (65,)"),
        (count, "tensor 'layer1.0.bn1.weight': resnet18 expects torch.float32, found torch.int32"),
        (empty, "tensor 'fc.weight': resnet18 expects shape (1000, 512), found (0, 512)"),
        (flat, "tensor 'conv1.weight': resnet18 expects shape (64, 3, 7, 7), found (64,)"),
    ],
)
def test_a_tensor_that_does_not_fit_is_named(spoil: Callable[[State], None], expected: str) -> None:
    state = state_of("torchvision:resnet18")
    spoil(state)
    with pytest.raises(UsageError) as caught:
        import_state("torchvision:resnet18", state)
    assert str(caught.value) == f"torchvision:resnet18: {expected}"


def test_another_networks_state_is_refused() -> None:
    with pytest.raises(UsageError, match=r"timm:vgg11: tensor 'pre_logits\.fc1\.weight': vgg11 expects shape"):
        import_state("timm:vgg11", state_of("torchvision:vgg11"))


def test_heads_may_be_missing_as_a_whole() -> None:
    state = {name: tensor for name, tensor in state_of("torchvision:googlenet").items() if not name.startswith("aux1.")}
    imported = import_state("torchvision:googlenet", state)
    assert not any(name.startswith("aux.inception_4a") for name in imported.tensors)
    assert any(name.startswith("aux.inception_4d") for name in imported.tensors)
    del state["fc.weight"], state["fc.bias"]
    assert not any(name.startswith("fc.") for name in import_state("torchvision:googlenet", state).tensors)
    del state["aux2.fc2.weight"]
    with pytest.raises(UsageError, match=r"tensor 'aux2\.fc2\.weight': googlenet expects shape"):
        import_state("torchvision:googlenet", state)


def test_files_from_before_batches_were_counted_are_taken() -> None:
    state = {name: tensor for name, tensor in state_of("timm:resnet18").items() if not name.endswith("tracked")}
    imported = import_state("timm:resnet18", state)
    counter = imported.tensors["conv1.norm.num_batches_tracked"]
    assert (counter.dtype, counter.item(), counter.device.type) == (torch.int64, 0, "cpu")


def test_a_thousand_classes_are_imagenets() -> None:
    imported = import_state("torchvision:resnet18", state_of("torchvision:resnet18"))
    assert imported.classes[207] == "golden retriever"


def test_the_preprocessing_is_that_of_the_weights() -> None:
    state = state_of("torchvision:resnet50")
    assert import_state("torchvision:resnet50", state).preprocessing.side == 256
    assert import_state("torchvision:resnet50.IMAGENET1K_V2", state).preprocessing.side == 232


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("resnet50", "names no library: write torchvision:NETWORK or timm:NETWORK"),
        ("keras:resnet50", "names no library"),
        ("torchvision:resnet55", "no torchvision network 'resnet55' can be taken; did you mean resnet50"),
        ("timm:", "no timm network '' can be taken"),
        (
            "torchvision:vgg11.IMAGENET1K_V2",
            "torchvision:vgg11 has no weights 'IMAGENET1K_V2'; did you mean IMAGENET1K",
        ),
        ("torchvision:vgg11.", "has no weights ''; known: IMAGENET1K_V1"),
    ],
)
def test_a_reference_to_nothing_is_refused(reference: str, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        import_state(reference, {})
    assert expected in str(caught.value)


def test_what_is_recognised() -> None:
    state = state_of("torchvision:resnet50", num_classes=3, in_channels=1)
    _, resnet50, _ = find_model("torchvision:resnet50")
    _, resnet101, _ = find_model("torchvision:resnet101")
    _, vgg11, _ = find_model("torchvision:vgg11")
    assert could_be(resnet50, state)
    assert not could_be(resnet101, state)
    assert not could_be(vgg11, state)


@pytest.mark.parametrize(
    ("source", "name", "options", "expected"),
    [
        ("torchvision", "resnet50", {}, "torchvision's resnet50 is not this resnet50: conv3_1.branch.conv1 is Conv2d("),
        ("torchvision", "lenet5", {}, "torchvision has no lenet5; known: alexnet_owt, vgg11"),
        ("torchvision", "googlenet", {}, "torchvision has no googlenet; did you mean googlenet_bn"),
        ("timm", "alexnet_owt", {}, "timm has no alexnet_owt"),
        (
            "timm",
            "inception_v4",
            {},
            "timm's inception_v4 is not this inception_v4: mixed_4a.long.conv1.convolution is",
        ),
        ("torchvision", "vgg11", {"input_size": 64}, "vgg11 is not this vgg11: fc6.linear is Linear(in_features=2048"),
        ("torchvision", "vgg11", {"head": "convolutional"}, "fc6.convolution is Conv2d(512, 4096"),
        ("timm:vgg13", "vgg11", {}, "timm's vgg13 is not this vgg11: conv1_2.convolution is missing here and Conv2d("),
        ("torchvision", "resnet18", {"norm_epsilon": 0.01}, "BatchNorm2d(64, eps=0.01, "),
        ("caffe", "resnet18", {}, "weights are saved for torchvision or timm, not for 'caffe'"),
        ("timm:resnet55", "resnet18", {}, "no timm network 'resnet55' can be taken"),
        ("torchvision", "se_resnet50", {}, "torchvision has no se_resnet50"),
        ("timm", "se_resnet50", {}, "pool1 is MaxPool2d(kernel_size=3, stride=2, padding=1"),
    ],
)
def test_what_the_other_library_does_not_have_is_not_exported(
    source: str, name: str, options: dict[str, Any], expected: str
) -> None:
    with pytest.raises(UsageError) as caught:
        export_state(source, build(name, **options))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet50_b", {}),
        ("resnet50_v1_5", {"stochastic_depth": 0.5}),
        ("inception_v3", {"dropout": 0.2}),
        ("resnet18", {"shortcut": "B"}),
    ],
)
def test_other_names_and_what_matters_in_training_alone_make_no_difference(name: str, options: dict[str, Any]) -> None:
    assert export_state("torchvision", build(name, **options))


@pytest.mark.parametrize(
    ("options", "name"),
    [({"stride_in": "3x3"}, "layer1.0.se.fc1.weight"), ({"pool_ceil": True}, "layer1.0.se_module.fc1.weight")],
)
def test_the_options_say_which_of_two_networks_it_is(options: dict[str, Any], name: str) -> None:
    assert name in export_state("timm", build("se_resnet50", **options))


def test_auxiliary_heads_stay_behind_where_the_other_network_has_none() -> None:
    network = build("inception_v3")
    assert any(name.startswith("AuxLogits") for name in export_state("torchvision", network))
    assert not any(name.startswith("AuxLogits") for name in export_state("timm", network))
    with_head = build("inception_v4", order="release", aux=True)
    assert export_state("timm", with_head).keys() == state_of("timm:inception_v4").keys()


def test_what_is_exported_is_the_networks_own() -> None:
    network = cn.create("resnet18", num_classes=3)
    state = export_state("torchvision", network)
    assert torch.equal(state["fc.weight"], network.get_parameter("fc.weight"))
    assert not state["fc.weight"].requires_grad
