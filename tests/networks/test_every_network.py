"""What holds for every network of the catalog, whichever it is."""

import copy
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

import classicnets as cn
from classicnets import catalog
from classicnets.data.transforms import Preprocessing
from classicnets.networks import build
from classicnets.networks.chain import Chain
from classicnets.weights import bundle

# Too slow to run here, or to export: built and traced without storage instead. Less deep ones of the series run.
DEEPEST = ["resnet1202_cifar", "stochastic_depth_resnet1202_cifar", "preact_resnet1001_cifar"]
LESS_DEEP = ["stochastic_depth_resnet20_cifar", "preact_resnet20_cifar"]
NAMES = [name for name in cn.list_networks() if name not in DEEPEST]
RUN = [*NAMES, *LESS_DEEP]

# Of so few hidden units all may be off for two images: blocks on CIFAR begin with 16 channels.
MAY_REST = "squeeze_excitation."

# The tests of a network stay together, so that it is made once, where several processes share the tests.
each_of = [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in RUN]
every_network = pytest.mark.parametrize("name", each_of, scope="module")
first_of_paper = {catalog.find(name).family: name for name in reversed(RUN)}.values()
one_of_each_paper = pytest.mark.parametrize(
    "name", [case for case in each_of if case.values[0] in first_of_paper], scope="module"
)


@functools.cache
def smallest_size(name: str) -> int:
    return build(name).smallest_input()


def small_size(name: str) -> int:
    """A side that is quick to run: somewhat more than the network's smallest, at most its paper's."""
    return min(build(name).input_shape[1], smallest_size(name) + 32)


@functools.lru_cache(maxsize=1)
def made(name: str) -> Chain:
    torch.manual_seed(0)
    return cn.create(name, input_size=small_size(name))


@pytest.fixture
def network(name: str) -> Chain:
    """The network for small images; every test gets a copy of its own."""
    torch.manual_seed(0)
    return copy.deepcopy(made(name))


def images_for(network: Chain, count: int = 2) -> torch.Tensor:
    return torch.randn(count, *network.input_shape, generator=torch.Generator().manual_seed(1))


def row_outputs(network: Chain, images: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    """What leaves each row, copied before the next row can write over it."""
    activation = images
    for row, module in network.row_modules():
        activation = module(activation)
        yield row, activation.clone()


def must_agree(found: torch.Tensor, expected: torch.Tensor) -> None:
    """Equal up to the order of adding, which depends on where tensors lie in memory."""
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()


def tensors(network: Chain) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def losses(network: Chain) -> torch.Tensor:
    """The sum of the losses of the logits and of every auxiliary head."""
    logits, auxiliary = network.forward_with_aux(images_for(network))
    labels = torch.tensor([3, 8])
    return sum((F.cross_entropy(head, labels) for head in auxiliary.values()), F.cross_entropy(logits, labels))


def gradients_over(network: Chain, steps: int) -> dict[str, torch.Tensor | None]:
    """The gradients that add up over some steps, each with its own dropout and dropped blocks."""
    for step in range(steps):
        torch.manual_seed(step)
        torch.autograd.backward(losses(network))
    return {name: parameter.grad for name, parameter in network.named_parameters()}


@every_network
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_forward_gives_logits_alone(network: Chain, training: bool) -> None:
    logits = network.train(training)(images_for(network))
    assert isinstance(logits, torch.Tensor)
    assert logits.shape == (2, network.num_classes)
    assert logits.isfinite().all()


@every_network
def test_every_parameter_gets_a_finite_gradient(network: Chain) -> None:
    # A block of a network of stochastic depth may be dropped in one step, hardly in each of several.
    steps = 8 if "stochastic" in network.name else 1
    for parameter, gradient in gradients_over(network.train(), steps).items():
        assert gradient is not None, parameter
        assert gradient.isfinite().all(), parameter
        assert gradient.any() or MAY_REST in parameter, f"{parameter} is not used"


@every_network
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_auxiliary_heads_give_logits_on_request(network: Chain, training: bool) -> None:
    logits, auxiliary = network.train(training).forward_with_aux(images_for(network))
    assert set(auxiliary) == set(network.aux)
    for head in (logits, *auxiliary.values()):
        assert head.shape == (2, network.num_classes)
        assert head.isfinite().all()


@every_network
def test_features_are_what_leaves_each_row(network: Chain) -> None:
    network.eval()
    images = images_for(network, 1)
    cut = cn.features(network, network.rows)
    found = cut(images)
    outputs = dict(row_outputs(network, images))
    assert tuple(outputs) == network.rows
    for row, expected in outputs.items():
        must_agree(found[row], expected)
        assert tuple(expected.shape[1:]) == network.sites[row].shape, row
        assert cut.channels[row] == expected.shape[1]
        maps = expected.dim() == 4
        assert cut.strides[row] == (round(images.shape[2] / expected.shape[2]) if maps else 0), row


@every_network
def test_features_of_a_row_do_not_depend_on_what_else_is_asked_for(network: Chain) -> None:
    network.eval()
    images = images_for(network, 1)
    together = cn.features(network, network.rows)(images)
    for row in network.rows[:: max(1, len(network.rows) // 6)]:
        must_agree(cn.features(network, [row])(images)[row], together[row])


@every_network
def test_frozen_rows_are_fixed_and_later_rows_learn(network: Chain) -> None:
    last = len(network.rows) // 2
    network.train().freeze(upto=network.rows[last])
    network.train()
    frozen = network.rows[: last + 1]
    before = tensors(network)
    trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(trainable, lr=0.1, weight_decay=0.1)
    gradients_over(network, 8 if "stochastic" in network.name else 1)
    optimizer.step()
    for name, tensor in network.state_dict().items():
        row, *rest = name.split(".")
        row = rest[0] if row == "aux" else row
        fixed = row in frozen or name.endswith("targets")
        assert torch.equal(tensor, before[name]) == fixed or (MAY_REST in name and not fixed), name
    for row, module in network.row_modules():
        assert module.training == (row not in frozen)
        assert all(parameter.requires_grad == (row not in frozen) for parameter in module.parameters())
    network.freeze(upto=None)
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert all(module.training for module in network.modules())


@every_network
def test_a_new_head_leaves_the_rest_as_it_was(network: Chain) -> None:
    *_, head = network.rows
    before = tensors(network)
    after = tensors(network.replace_head(7))
    assert network.num_classes == 7
    assert network.sites[head].shape == (7,)
    logits, auxiliary = network.forward_with_aux(images_for(network))
    assert {tuple(found.shape) for found in (logits, *auxiliary.values())} == {(2, 7)}
    for name, tensor in after.items():
        assert name.startswith((f"{head}.", "aux.")) or torch.equal(tensor, before[name]), name


@pytest.mark.parametrize("name", cn.list_networks())
def test_on_the_meta_device_it_has_the_papers_shapes_and_no_storage(name: str) -> None:
    with torch.device("meta"):
        network = cn.create(name)
        images = torch.empty(2, *network.input_shape)
    assert all(tensor.is_meta for tensor in network.state_dict().values())
    found = {row: tuple(output.shape[1:]) for row, output in row_outputs(network, images)}
    assert found == {row: site.shape for row, site in network.sites.items()}


@every_network
def test_a_bundle_gives_the_same_outputs(network: Chain, tmp_path: Path) -> None:
    channels, height, width = network.input_shape
    preprocessing = Preprocessing(
        channels=1 if channels == 1 else 3, size=(height, width), mean=(0.0,) * channels, std=(1.0,) * channels
    )
    network(images_for(network))  # moves the running statistics away from their first values
    network.eval()
    classes = tuple(str(number) for number in range(network.num_classes))
    written = bundle.Bundle(network=network, classes=classes, preprocessing=preprocessing, training={"epochs": 1})
    bundle.save(tmp_path, written)
    read = bundle.load(tmp_path)
    assert (read.classes, read.preprocessing, read.training) == (written.classes, preprocessing, {"epochs": 1})
    assert (read.network.name, read.network.input_shape) == (network.name, network.input_shape)
    assert not read.network.training
    assert all(torch.equal(tensor, read.network.state_dict()[key]) for key, tensor in network.state_dict().items())
    # Where in memory the weights stand decides in which order a processor adds.
    logits = network(images_for(network))
    must_agree(read.network(images_for(network)), logits)
    assert all(parameter.requires_grad for parameter in read.network.parameters())


@every_network
def test_the_seed_decides_the_first_weights(name: str, network: Chain) -> None:
    torch.manual_seed(0)
    same = cn.create(name, input_size=small_size(name)).state_dict()
    other = cn.create(name, input_size=small_size(name)).state_dict()
    assert all(torch.equal(tensor, same[key]) for key, tensor in network.state_dict().items())
    assert any(not torch.equal(tensor, other[key]) for key, tensor in network.state_dict().items())


@every_network
def test_other_numbers_of_classes_and_channels(name: str) -> None:
    side = small_size(name)
    network = cn.create(name, num_classes=23, in_channels=4, input_size=side, first_weights="modern")
    assert network.input_shape == (4, side, side)
    assert network.num_classes == 23
    logits = network(torch.randn(2, 4, side, side))
    assert logits.shape == (2, 23)
    assert logits.isfinite().all()


@every_network
def test_an_image_one_pixel_too_small_is_refused_with_the_smallest_size(name: str) -> None:
    smallest = smallest_size(name)
    if smallest > 1:
        expected = f"{name} takes images of at least {smallest}x{smallest} pixels, not {smallest - 1}x{smallest - 1}"
        with pytest.raises(cn.UsageError, match=expected):
            build(name, input_size=smallest - 1)
    network = build(name, input_size=smallest)
    network.forward_with_aux(torch.empty(2, *network.input_shape, device="meta"))


@every_network
@pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")  # inside torch.export, of its own class
def test_exports_give_the_same_outputs(network: Chain) -> None:
    network.eval()
    images = images_for(network)
    expected = network(images)
    exported = torch.export.export(network, (images,))
    must_agree(exported.module()(images), expected)


@one_of_each_paper  # of all it would be minutes
@pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")
def test_an_onnx_graph_holds_the_weights(network: Chain) -> None:
    network.eval()
    exported = torch.export.export(network, (images_for(network),))
    program = torch.onnx.export(exported, dynamo=True, verbose=False, optimize=False)
    assert program is not None
    held = [value.const_value for value in program.model.graph.initializers.values() if value.const_value is not None]
    # Heads that only training uses stay behind; equal vectors, such as biases of zero, may be held once.
    kernels = [weight.numel() for name, weight in network.named_parameters() if weight.dim() > 1 and "aux." not in name]
    assert sum(tensor.nbytes for tensor in held) >= 4 * sum(kernels)


@every_network
def test_a_copy_is_equal_and_its_own(network: Chain) -> None:
    network.eval()
    images = images_for(network)
    expected = network(images)
    copied = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    must_agree(copied(images), expected)
    assert copied.replace_head(3)(images).shape == (2, 3)
    assert network.num_classes != 3
