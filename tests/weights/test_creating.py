"""`create`: networks by name, with fresh weights or others."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import classicnets as cn
from classicnets.data.transforms import Preprocessing
from classicnets.errors import UsageError
from classicnets.networks import create as create_fresh
from classicnets.networks.chain import Chain
from classicnets.weights import bundle, exchange

IMAGES = torch.randn(2, 3, 64, 64, generator=torch.manual_seed(0))


def refused(name: str, weights: str | Path, **options: Any) -> str:
    with pytest.raises(UsageError) as caught:
        cn.create(name, weights=weights, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_weights_they_are_fresh() -> None:
    torch.manual_seed(3)
    made = cn.create("resnet8_cifar", num_classes=4, in_channels=2, input_size=40, shortcut="B")
    torch.manual_seed(3)
    expected = create_fresh("resnet8_cifar", num_classes=4, in_channels=2, input_size=40, shortcut="B")
    assert (made.input_shape, made.options, made.training) == ((2, 40, 40), {"shortcut": "B"}, True)
    assert all(torch.equal(tensor, expected.state_dict()[name]) for name, tensor in made.state_dict().items())


def test_first_weights_may_be_modern() -> None:
    assert not cn.create("resnet8_cifar", first_weights="modern").get_parameter("conv2_1.branch.norm2.weight").any()


def test_with_weights_they_are_those(resnet18: Chain, resnet18_file: Path) -> None:
    for weights in (resnet18_file, f"torchvision:resnet18@{resnet18_file}"):
        network = cn.create("resnet18", weights=weights)
        assert network.training
        torch.testing.assert_close(network.eval()(IMAGES), resnet18(IMAGES))


def test_options_that_weights_leave_open_can_be_chosen(
    resnet18: Chain, resnet18_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        network = cn.create(
            "resnet18",
            weights=f"torchvision:resnet18@{resnet18_file}",
            num_classes=3,
            in_channels=4,
            input_size=96,
            first_weights="modern",
            stochastic_depth=0.5,
        )
    assert (network.num_classes, network.input_shape) == (3, (4, 96, 96))
    assert network.options == {"stochastic_depth": 0.5}
    given = resnet18.get_parameter("conv5_2.branch.conv2.weight")
    assert torch.equal(network.get_parameter("conv5_2.branch.conv2.weight"), given)
    assert network.get_parameter("fc.weight").std().item() == pytest.approx(0.01, rel=0.1)  # the modern rule
    assert caplog.messages == [
        "resnet18 takes 4 channels: conv1 has weights of 0 for those after 3",
        "resnet18 is for 3 classes: fresh weights in fc",
    ]


def test_a_bundles_size_of_images_and_options_are_kept(tmp_path: Path) -> None:
    network = cn.create("resnet8_cifar", input_size=40, shortcut="B")
    preprocessing = Preprocessing(size=(40, 40), mean=(0.5,) * 3, std=(0.5,) * 3)
    written = bundle.Bundle(network=network, classes=tuple("0123456789"), preprocessing=preprocessing, training={})
    bundle.save(tmp_path, written)
    made = cn.create("resnet8_cifar", weights=tmp_path)
    assert (made.input_shape, made.options) == ((3, 40, 40), {"shortcut": "B"})
    assert refused("resnet8_cifar", tmp_path, shortcut="A") == f"{tmp_path} needs shortcut='B', not 'A'"


def test_another_name_of_the_network_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    source = exchange.SOURCES["torchvision"]
    model = source.model("resnet50")
    nowhere = replace(model.releases[0], url="http://127.0.0.1:9/resnet50.pth")
    models = {**source.models, "resnet50": replace(model, releases=(nowhere,))}
    monkeypatch.setitem(exchange.SOURCES, "torchvision", replace(source, models=models))
    assert "cannot get torchvision:resnet50" in refused("resnet50_b", "torchvision:resnet50")


@pytest.mark.parametrize(
    ("name", "weights", "given"),
    [
        ("resnet50", "torchvision:resnet50", "resnet50_v1_5"),
        ("resnet50", "torchvision:resnet50.IMAGENET1K_V2", "resnet50_v1_5"),
        ("googlenet", "torchvision:googlenet", "googlenet_bn"),
        ("alexnet", "torchvision:alexnet", "alexnet_owt"),
        ("vgg16", "timm:vgg16_bn", "vgg16_bn"),
    ],
)
def test_weights_of_another_network_are_refused_before_anything_is_fetched(name: str, weights: str, given: str) -> None:
    assert refused(name, weights) == f"{weights} holds weights of {given}, not of {name}: ask for {given}"


def test_a_file_of_another_network_is_refused(resnet18_file: Path) -> None:
    assert refused("resnet34", resnet18_file) == (
        f"{resnet18_file} holds weights of resnet18, not of resnet34: ask for resnet18"
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"shortcut": "A"}, "tensor 'conv3_1.shortcut.projection.weight': this resnet18 expects none, found shape"),
        ({"stem": "small"}, "tensor 'conv1.convolution.weight': this resnet18 expects shape (64, 3, 3, 3), found"),
        ({"in_channels": 2}, "in_channels=2: the weights are for 3 channels"),
        ({"num_classes": 0}, "num_classes must be a whole number of at least 1, not 0"),
        ({"input_size": 1.5}, "input_size must be a side or (height, width), in pixels, not 1.5"),
        ({"nonsense": 1}, "resnet18 has no option 'nonsense'"),
    ],
)
def test_what_does_not_go_with_the_weights_is_told(resnet18_file: Path, options: dict[str, Any], expected: str) -> None:
    assert expected in refused("resnet18", f"timm:resnet18@{resnet18_file}", **options)


def test_an_unknown_network_is_told_first() -> None:
    assert "no network 'resnet5'" in refused("resnet5", "torchvision:resnet50")


def test_torchs_default_device_is_obeyed(resnet18_file: Path) -> None:
    with torch.device("meta"):
        network = cn.create("resnet18", weights=f"torchvision:resnet18@{resnet18_file}")
    assert all(tensor.is_meta for tensor in network.state_dict().values())
