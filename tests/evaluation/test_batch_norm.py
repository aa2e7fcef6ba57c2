"""Statistics of batch normalisation are those of the images, exactly, and the bundle stays as it was."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import classicnets as cn
from classicnets.data.images import DataSet, ImageArray
from classicnets.data.pipeline import batches
from classicnets.data.sets import open_data
from classicnets.errors import UsageError
from classicnets.evaluation.batch_norm import reestimated
from classicnets.networks.chain import Chain, Design, rows
from classicnets.networks.rows import conv_norm_relu, global_average_pool, linear
from classicnets.weights.bundle import Bundle
from tests.evaluation.protocols.conftest import CLASSES, bundle_of


def network() -> Chain:
    """Two convolutions, each normalised."""
    table = rows(conv1=conv_norm_relu(4, 3), conv2=conv_norm_relu(6, 3), average=global_average_pool(), fc=linear())
    torch.manual_seed(0)
    made = Chain(Design(rows=table, input_shape=(3, 16, 16), num_classes=len(CLASSES)))
    return made.to_empty(device="cpu").reset().eval()


def data(images: int) -> DataSet:
    """So many images to learn from, of a brightness that grows along the way, and some to test on."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 128, (images, 16, 16, 3)) + np.linspace(0, 127, images)[:, None, None, None]
    part = ImageArray(
        pixels=torch.from_numpy(pixels.astype(np.uint8)), labels=np.arange(images, dtype=np.int64) % len(CLASSES)
    )
    return DataSet(name="made", classes=CLASSES, train=part, test=part.taken(np.arange(2)))


def norm(bundle: Bundle, row: str) -> nn.BatchNorm2d:
    found = bundle.network.get_submodule(f"{row}.norm")
    assert isinstance(found, nn.BatchNorm2d)
    return found


@pytest.mark.parametrize("images", [40, 257, 600])
def test_the_first_layer_gets_the_moments_of_all_images(images: int) -> None:
    bundle, given = bundle_of(network()), data(images)
    found = reestimated(bundle, given, images)
    (batch,) = batches(given.train, bundle.preprocessing, batch_size=images)
    with torch.inference_mode():
        arrives = bundle.network.get_submodule("conv1.convolution")(batch.images).double()
    assert found.network is not bundle.network
    mean, variance = norm(found, "conv1").running_mean, norm(found, "conv1").running_var
    torch.testing.assert_close(mean, arrives.mean(dim=(0, 2, 3)).float(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(variance, arrives.var(dim=(0, 2, 3)).float(), rtol=1e-5, atol=1e-6)


def test_in_one_batch_the_network_says_in_a_test_what_it_says_in_training() -> None:
    given = data(50)
    found = reestimated(bundle_of(network()), given, 50)
    (batch,) = batches(given.train, found.preprocessing, batch_size=50)
    with torch.inference_mode():
        tested = found.network(batch.images)
        trained = found.network.train()(batch.images)
    # In training the variance is the biased one.
    torch.testing.assert_close(tested, trained, rtol=1e-3, atol=1e-4)


def test_the_bundle_and_its_modes_stay() -> None:
    bundle = bundle_of(network())
    before = {name: tensor.clone() for name, tensor in bundle.network.state_dict().items()}
    found = reestimated(bundle, data(30), 20)
    assert all(torch.equal(tensor, before[name]) for name, tensor in bundle.network.state_dict().items())
    assert not any(module.training for module in (*bundle.network.modules(), *found.network.modules()))
    weights = dict(bundle.network.named_parameters())
    assert all(torch.equal(weights[name], tensor) for name, tensor in found.network.named_parameters())
    assert replace(found, network=bundle.network) == bundle


def test_so_many_images_and_no_more_pass_in_batches_of_more_than_one() -> None:
    bundle = bundle_of(network())
    passed: list[int] = []
    bundle.network.get_submodule("conv1").register_forward_pre_hook(
        lambda _, arguments: passed.append(len(arguments[0]))
    )
    for count, forwards in ((200, 1), (257, 2), (300, 2), (700, 3)):
        passed.clear()
        reestimated(bundle, data(count + 5), count)
        assert sum(passed) == count
        assert max(passed) <= 256
        assert min(passed) > 1
        assert len(passed) == forwards


def test_wrecked_statistics_are_mended() -> None:
    torch.manual_seed(0)
    made = cn.create("resnet8_cifar", in_channels=1, num_classes=10).eval()
    classes = tuple("0123456789")
    bundle = replace(bundle_of(made), classes=classes)
    digits = open_data("digits")
    first = reestimated(bundle, digits, 30)
    for module in bundle.network.modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
            module.running_mean.fill_(1e3)
    again = reestimated(bundle, digits, 30)
    for name, tensor in first.network.state_dict().items():
        torch.testing.assert_close(again.network.state_dict()[name], tensor, msg=name)


def test_heads_that_nothing_comes_to_keep_theirs() -> None:
    torch.manual_seed(0)
    made = cn.create("googlenet_bn", num_classes=len(CLASSES)).eval()
    layers = {name: module for name, module in made.aux.named_modules() if isinstance(module, nn.BatchNorm2d)}
    assert layers
    images = data(4)
    found = reestimated(bundle_of(made), images, 4)
    for name in layers:
        kept = found.network.aux.get_submodule(name)
        assert isinstance(kept, nn.BatchNorm2d)
        assert kept.running_mean is not None
        assert not kept.running_mean.any()


def test_what_cannot_be_is_told() -> None:
    plain = cn.create("lenet5_dense", num_classes=len(CLASSES))
    with pytest.raises(UsageError, match="lenet5_dense has no batch normalisation to re-estimate"):
        reestimated(bundle_of(plain), data(4), 4)
    with pytest.raises(UsageError, match="from 2 images or more, not 1"):
        reestimated(bundle_of(network()), data(4), 1)
    all_test = data(4)
    with pytest.raises(UsageError, match="all images of made are to test on, none is left"):
        reestimated(bundle_of(network()), replace(all_test, train=all_test.test), 4)
