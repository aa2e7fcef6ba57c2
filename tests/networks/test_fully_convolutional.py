"""Fully connected networks run over larger images, beside the same networks run on every crop of the features."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

import classicnets as cn
from classicnets.data.transforms import Preprocessing
from classicnets.errors import UsageError
from classicnets.networks.chain import Chain, Design, rows
from classicnets.networks.rows import conv_relu, flatten, global_average_pool, linear, sequence
from classicnets.weights import bundle


@pytest.fixture
def network() -> Chain:
    """Its fc6 reads 2x2 pixels."""
    torch.manual_seed(0)
    return cn.create("vgg11", input_size=64, num_classes=10, initialisation="glorot").eval()


def images_of(height: int, width: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(2, 3, height, width, generator=torch.manual_seed(1), dtype=dtype)


def memory(network: Chain) -> list[int]:
    return [tensor.untyped_storage().data_ptr() for tensor in network.state_dict().values()]


def test_at_its_own_size_the_outputs_are_equal(network: Chain) -> None:
    dense = cn.fully_convolutional(network)
    torch.testing.assert_close(dense(images_of(64, 64)), network(images_of(64, 64)))
    assert dense.options == {"initialisation": "glorot", "head": "convolutional"}
    assert (dense.name, dense.input_shape, dense.num_classes) == ("vgg11", (3, 64, 64), 10)


def test_on_a_larger_image_it_gives_the_mean_over_all_places(network: Chain) -> None:
    network.double()
    images = images_of(96, 160, torch.float64)
    maps = network.upto("pool5")(images)
    assert maps.shape == (2, 512, 3, 5)

    def answer(crop: torch.Tensor) -> torch.Tensor:
        for row in ("fc6", "fc7", "fc8"):
            crop = network.get_submodule(row)(crop)
        return crop

    answers = [answer(maps[:, :, y : y + 2, x : x + 2]) for y in range(2) for x in range(4)]
    expected = torch.stack(answers).mean(dim=0)
    torch.testing.assert_close(cn.fully_convolutional(network)(images), expected)
    with pytest.raises(UsageError, match="vgg11 takes images of 64x64 pixels"):
        network(images)


def test_both_hold_the_same_memory(network: Chain) -> None:
    dense = cn.fully_convolutional(network)
    assert memory(dense) == memory(network)
    before = dense(images_of(64, 64))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    torch.autograd.backward(F.cross_entropy(network(images_of(64, 64)), torch.tensor([3, 8])))
    optimizer.step()
    after = dense(images_of(64, 64))
    assert not torch.allclose(after, before)
    torch.testing.assert_close(after, network(images_of(64, 64)))
    assert all(parameter.grad is None for parameter in dense.parameters())


def test_training_the_dense_network_trains_the_other(network: Chain) -> None:
    dense = cn.fully_convolutional(network)
    before = network(images_of(64, 64))
    optimizer = torch.optim.SGD(dense.parameters(), lr=0.01)
    torch.autograd.backward(F.cross_entropy(dense(images_of(96, 64)), torch.tensor([3, 8])))
    optimizer.step()
    assert not torch.allclose(network(images_of(64, 64)), before)


def test_running_statistics_are_shared_too() -> None:
    network = cn.create("vgg11_bn", input_size=32, num_classes=10)
    dense = cn.fully_convolutional(network)
    assert dense.training
    dense(images_of(64, 64))
    assert memory(dense) == memory(network)
    assert network.get_buffer("conv1_1.norm.num_batches_tracked") == 1
    assert network.get_buffer("conv1_1.norm.running_mean").any()


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("upto", [None, "conv3_2", "fc6", "fc8"])
def test_mode_frozen_rows_and_type_are_kept(network: Chain, training: bool, upto: str | None) -> None:
    network.to(torch.bfloat16).train(training).freeze(upto=upto)
    dense = cn.fully_convolutional(network)
    assert dense.training == training
    frozen = [] if upto is None else network.rows[: network.rows.index(upto) + 1]
    for row, module in dense.row_modules():
        assert module.training == (training and row not in frozen), row
        assert all(parameter.requires_grad == (row not in frozen) for parameter in module.parameters()), row
    assert {parameter.dtype for parameter in dense.parameters()} == {torch.bfloat16}
    dense.train()
    assert not any(dense.get_submodule(row).training for row in frozen)


def test_a_new_head_begins_by_the_rule_asked_for() -> None:
    network = cn.create("vgg11", input_size=32, first_weights="modern")
    dense = cn.fully_convolutional(network).replace_head(50)
    weight = dense.get_parameter("fc8.convolution.weight")
    assert weight.std().item() == pytest.approx((2 / 50) ** 0.5, rel=0.02), "He's rule over the fan-out"
    assert network.get_parameter("fc8.weight").shape == (1000, 4096)


def test_without_weights_there_are_none_either() -> None:
    with torch.device("meta"):
        dense = cn.fully_convolutional(cn.create("vgg16"))
        images = torch.empty(1, 3, 256, 480)
    assert dense.get_parameter("fc6.convolution.weight").shape == (4096, 512, 7, 7)
    assert dense(images).shape == (1, 1000)


def test_a_bundle_gives_it_back(network: Chain, tmp_path: Path) -> None:
    dense = cn.fully_convolutional(network)
    preprocessing = Preprocessing(channels=3, size=(64, 64), mean=(0.0,) * 3, std=(1.0,) * 3)
    classes = tuple("0123456789")
    bundle.save(tmp_path, bundle.Bundle(network=dense, classes=classes, preprocessing=preprocessing, training={}))
    read = cn.load(tmp_path)
    assert read.options == dense.options
    assert torch.equal(read(images_of(96, 160)), dense(images_of(96, 160)))


@pytest.mark.parametrize(
    "name", [name for name in cn.list_networks() if name.startswith(("alexnet", "caffenet", "zf"))]
)
def test_the_other_networks_with_three_connected_layers(name: str) -> None:
    with torch.device("meta"):
        network = cn.create(name)
        _, height, width = network.input_shape
        dense = cn.fully_convolutional(network)
        assert dense(torch.empty(1, 3, height + 64, width + 64)).shape == (1, 1000)
    assert [tensor.numel() for tensor in dense.parameters()] == [tensor.numel() for tensor in network.parameters()]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("googlenet", {"stem": "small"}),
        ("resnet20_cifar", {}),
        ("vgg11", {"head": "convolutional", "input_size": 32}),
    ],
)
def test_a_network_that_takes_any_size_is_returned_as_it_is(name: str, options: dict[str, Any]) -> None:
    with torch.device("meta"):
        network = cn.create(name, **options)
    assert cn.fully_convolutional(network) is network


def test_a_chain_of_ones_own_that_averages_is_returned_too() -> None:
    table = rows(conv1=conv_relu(4, 3), average=global_average_pool(), fc=linear())
    network = Chain(Design(rows=table, input_shape=(3, 8, 8), num_classes=2))
    assert cn.fully_convolutional(network) is network


@pytest.mark.parametrize("name", ["lenet5", "lenet5_dense"])
def test_lenet_has_no_convolutional_head(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        cn.fully_convolutional(cn.create(name))
    assert str(caught.value) == (f"{name} has no convolutional head: row F6 reads every pixel of maps of one size")


def test_a_chain_of_ones_own_that_is_connected_has_none() -> None:
    table = rows(conv1=conv_relu(4, 3), fc=sequence(flatten=flatten(), linear=linear()))
    network = Chain(Design(rows=table, input_shape=(3, 8, 8), num_classes=2))
    with pytest.raises(UsageError, match="chain has no convolutional head: row fc reads every pixel"):
        cn.fully_convolutional(network)
