"""What holds for every network of the catalog, whichever it is."""

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

import classicnets as cn
from classicnets.data.transforms import Preprocessing
from classicnets.networks.chain import Chain
from classicnets.weights import bundle

DEEPEST = "resnet1202_cifar"  # too slow to run here; built and traced without storage instead
NAMES = [name for name in cn.list_networks() if name != DEEPEST]


@pytest.fixture(params=NAMES)
def network(request: pytest.FixtureRequest) -> Chain:
    torch.manual_seed(0)
    return cn.create(request.param)


def images_for(network: Chain, count: int = 2) -> torch.Tensor:
    return torch.randn(count, *network.input_shape, generator=torch.manual_seed(1))


def row_outputs(network: Chain, images: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    """What leaves each row, copied before the next row can write over it."""
    activation = images
    for row, module in network.row_modules():
        activation = module(activation)
        yield row, activation.clone()


def tensors(network: Chain) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_forward_gives_logits_alone(network: Chain, training: bool) -> None:
    logits = network.train(training)(images_for(network))
    assert isinstance(logits, torch.Tensor)
    assert logits.shape == (2, 10)
    assert logits.isfinite().all()


def test_every_parameter_gets_a_finite_gradient(network: Chain) -> None:
    torch.autograd.backward(F.cross_entropy(network.train()(images_for(network)), torch.tensor([3, 8])))
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), f"{name} is not used"


def test_the_sites_are_the_shapes_that_leave_the_rows(network: Chain) -> None:
    found = {row: tuple(output.shape[1:]) for row, output in row_outputs(network, images_for(network))}
    assert found == {row: site.shape for row, site in network.sites.items()}
    assert tuple(found) == network.rows


def test_features_are_what_leaves_each_row(network: Chain) -> None:
    network.eval()
    images = images_for(network)
    cut = cn.features(network, network.rows)
    found = cut(images)
    for row, expected in row_outputs(network, images):
        assert torch.equal(found[row], expected), row
        assert cut.channels[row] == expected.shape[1]
        maps = expected.dim() == 4
        assert cut.strides[row] == (images.shape[2] // expected.shape[2] if maps else 0), row


@pytest.mark.parametrize("place", [0, 3, -1])
def test_upto_is_the_front_of_the_network_itself(network: Chain, place: int) -> None:
    network.eval()
    images = images_for(network)
    row = network.rows[place]
    front = network.upto(row)
    assert torch.equal(front(images), dict(row_outputs(network, images))[row])
    assert {id(parameter) for parameter in front.parameters()} <= {id(parameter) for parameter in network.parameters()}


def test_frozen_rows_are_fixed_and_later_rows_learn(network: Chain) -> None:
    row = network.rows[3]
    network.train().freeze(upto=row)
    network.train()
    frozen = network.rows[:4]
    before = tensors(network)
    trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimiser = torch.optim.SGD(trainable, lr=0.1, weight_decay=0.1)
    torch.autograd.backward(F.cross_entropy(network(images_for(network)), torch.tensor([3, 8])))
    optimiser.step()
    for name, tensor in network.state_dict().items():
        fixed = name.split(".")[0] in frozen or name.endswith("targets")
        assert torch.equal(tensor, before[name]) == fixed, name
    for name, module in network.row_modules():
        assert module.training == (name not in frozen)
        assert all(parameter.requires_grad == (name not in frozen) for parameter in module.parameters())
    network.freeze(upto=None)
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert all(module.training for module in network.modules())


def test_a_new_head_leaves_the_rest_as_it_was(network: Chain) -> None:
    *_, head = network.rows
    before = tensors(network)
    after = tensors(network.replace_head(7))
    assert network.num_classes == 7
    assert network.sites[head].shape == (7,)
    assert network(images_for(network)).shape == (2, 7)
    for name, tensor in after.items():
        assert name.startswith(f"{head}.") or torch.equal(tensor, before[name]), name


@pytest.mark.parametrize("name", [*NAMES, DEEPEST])
def test_on_the_meta_device_it_has_shapes_and_no_storage(name: str) -> None:
    with torch.device("meta"):
        network = cn.create(name)
        images = torch.empty(2, *network.input_shape)
    assert all(tensor.is_meta for tensor in network.state_dict().values())
    found = {row: tuple(output.shape[1:]) for row, output in row_outputs(network, images)}
    assert found == {row: site.shape for row, site in network.sites.items()}


def test_a_bundle_gives_the_same_outputs(network: Chain, tmp_path: Path) -> None:
    channels, height, width = network.input_shape
    preprocessing = Preprocessing(
        channels=1 if channels == 1 else 3, size=(height, width), mean=(0.0,) * channels, std=(1.0,) * channels
    )
    network(images_for(network))  # moves the running statistics away from their first values
    network.eval()
    written = bundle.Bundle(
        network=network, classes=tuple("0123456789"), preprocessing=preprocessing, training={"epochs": 1}
    )
    bundle.save(tmp_path, written)
    read = bundle.load(tmp_path)
    assert (read.classes, read.preprocessing, read.training) == (written.classes, preprocessing, {"epochs": 1})
    assert read.network.name == network.name
    assert not read.network.training
    assert torch.equal(read.network(images_for(network)), network(images_for(network)))
    assert all(parameter.requires_grad for parameter in read.network.parameters())


def test_the_seed_decides_the_first_weights(network: Chain) -> None:
    torch.manual_seed(0)
    same = cn.create(network.name).state_dict()
    other = cn.create(network.name).state_dict()
    assert all(torch.equal(tensor, same[name]) for name, tensor in network.state_dict().items())
    assert any(not torch.equal(tensor, other[name]) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize("name", NAMES)
def test_other_numbers_of_classes_and_channels(name: str) -> None:
    network = cn.create(name, num_classes=23, in_channels=4)
    assert network.input_shape == (4, 32, 32)
    assert network.num_classes == 23
    assert network(torch.randn(2, 4, 32, 32)).shape == (2, 23)


# The deeper ones repeat these blocks.
@pytest.mark.parametrize("name", ["lenet5", "lenet5_dense", "resnet20_cifar", "plain20_cifar"])
def test_export_gives_the_same_outputs(name: str) -> None:
    network = cn.create(name).eval()
    images = images_for(network)
    exported = torch.export.export(network, (images,)).module()
    torch.testing.assert_close(exported(images), network(images))


def test_a_copy_is_equal_and_its_own(network: Chain) -> None:
    network.eval()
    images = images_for(network)
    expected = network(images)
    copied = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    assert torch.equal(copied(images), expected)
    assert copied.replace_head(3)(images).shape == (2, 3)
    assert network.num_classes == 10
