"""Weights for other channels and other classes than they were made for."""

import pytest
import torch

import classicnets as cn
from classicnets.data.batches import normalise
from classicnets.data.transforms import Preprocessing
from classicnets.errors import UsageError
from classicnets.weights.adapting import adapted, grey

IMAGES = torch.randn(2, 3, 32, 32, generator=torch.manual_seed(0))


def test_one_channel_gives_what_three_equal_ones_gave() -> None:
    network = cn.create("resnet8_cifar").eval()
    other, remarks = adapted(network, num_classes=None, in_channels=1)
    assert other.input_shape == (1, 32, 32)
    assert not other.training
    grey_images = IMAGES[:, :1]
    torch.testing.assert_close(other(grey_images), network(grey_images.expand(-1, 3, -1, -1)))
    assert remarks == ("resnet8_cifar takes grey images: the weights of conv1 are summed over the colours",)


def test_further_channels_change_nothing_at_first() -> None:
    network = cn.create("resnet8_cifar").eval()
    other, remarks = adapted(network, num_classes=None, in_channels=5)
    further = torch.randn(2, 2, 32, 32)
    torch.testing.assert_close(other(torch.cat([IMAGES, further], dim=1)), network(IMAGES))
    assert remarks == ("resnet8_cifar takes 5 channels: conv1 has weights of 0 for those after 3",)
    torch.autograd.backward(other.train()(torch.cat([IMAGES, further], dim=1)).sum())
    gradient = other.get_parameter("conv1.convolution.weight").grad
    assert gradient is not None
    assert gradient[:, 3:].any()


def test_other_weights_are_the_same_ones() -> None:
    network = cn.create("resnet8_cifar")
    other, _ = adapted(network, num_classes=None, in_channels=4)
    state = network.state_dict()
    for name, tensor in other.state_dict().items():
        assert name == "conv1.convolution.weight" or tensor.data_ptr() == state[name].data_ptr()


def test_options_and_the_size_of_images_are_kept() -> None:
    network = cn.create("resnet8_cifar", shortcut="B", input_size=(40, 48)).train()
    other, _ = adapted(network, num_classes=None, in_channels=1)
    assert (other.options, other.input_shape, other.training) == ({"shortcut": "B"}, (1, 40, 48), True)


def test_the_same_numbers_change_nothing() -> None:
    network = cn.create("resnet8_cifar")
    assert adapted(network, num_classes=10, in_channels=3) == (network, ())
    assert adapted(network, num_classes=None, in_channels=None) == (network, ())


def test_another_number_of_classes_makes_fresh_heads() -> None:
    network, remarks = adapted(cn.create("resnet8_cifar"), num_classes=4, in_channels=1)
    assert network(IMAGES[:, :1]).shape == (2, 4)
    assert remarks[1:] == ("resnet8_cifar is for 4 classes: fresh weights in fc",)


@pytest.mark.parametrize(("given", "wanted"), [(3, 2), (1, 3), (4, 3), (1, 4)])
def test_what_cannot_be_adapted_is_refused(given: int, wanted: int) -> None:
    network = cn.create("resnet8_cifar", in_channels=given)
    with pytest.raises(
        UsageError, match=f"in_channels={wanted}: the weights are for {given} channels; those for 3 can"
    ):
        adapted(network, num_classes=None, in_channels=wanted)


@pytest.mark.parametrize("wanted", [0, -1, "3"])
def test_what_is_no_number_of_channels_is_refused(wanted: int) -> None:
    with pytest.raises(UsageError, match="in_channels must be a whole number of at least 1"):
        adapted(cn.create("resnet8_cifar"), num_classes=None, in_channels=wanted)


def test_grey_images_are_prepared_by_the_means_of_the_figures() -> None:
    colours = Preprocessing(
        size=(8, 8), resize=9, interpolation="bicubic", channel_order="bgr", mean=(0.2, 0.3, 0.4), std=(0.1, 0.2, 0.3)
    )
    made = grey(colours)
    assert (made.channels, made.channel_order, made.size, made.side) == (1, "rgb", (8, 8), 9)
    assert made.mean == pytest.approx((0.3,))
    assert made.std == pytest.approx((0.2,))
    assert made.interpolation == "bicubic"
    pixels = torch.full((1, 8, 8, 1), 255, dtype=torch.uint8)
    torch.testing.assert_close(normalise(pixels, made), torch.full((1, 1, 8, 8), 3.5))
