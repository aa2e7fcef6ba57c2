"""Making a network by its name, rightly and wrongly."""

from typing import Any

import pytest
import torch

import classicnets as cn
from classicnets.errors import UsageError
from classicnets.networks import build


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("lenet", {}, "no network 'lenet'; did you mean lenet5"),
        ("resnet20_cifra", {}, "did you mean resnet20_cifar"),
        ("", {}, "known: lenet5, lenet5_dense"),
        ("resnet20_cifar", {"shortcuts": "B"}, "resnet20_cifar has no option 'shortcuts'; did you mean shortcut?"),
        ("resnet20_cifar", {"depth": 32}, "resnet20_cifar has no option 'depth'"),
        ("lenet5", {"activation": "relu"}, "lenet5 has no option 'activation'; it takes none"),
        ("lenet5", {"num_classes": 0}, "num_classes must be a whole number of at least 1, not 0"),
        ("lenet5", {"num_classes": "10"}, "num_classes must be a whole number of at least 1, not '10'"),
        ("lenet5", {"in_channels": -1}, "in_channels must be a whole number of at least 1, not -1"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_is_allowed(name: str, options: dict[str, Any], expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        cn.create(name, **options)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shape", [(32, 32), (3, 32, 32), (1, 1, 32, 32), (1, 4, 32, 32), (1, 32, 32, 3)])
def test_images_of_a_wrong_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError) as caught:
        cn.create("resnet20_cifar")(torch.zeros(shape))
    assert str(caught.value) == (f"resnet20_cifar takes images of shape (images, 3, height, width), not {tuple(shape)}")


def test_another_error_in_a_row_is_not_explained_away() -> None:
    with pytest.raises(RuntimeError, match="Double"):
        cn.create("resnet20_cifar")(torch.zeros(1, 3, 32, 32, dtype=torch.float64))


def test_build_makes_no_weights_and_create_makes_them_on_the_default_device() -> None:
    assert all(tensor.is_meta for tensor in build("lenet5").state_dict().values())
    assert all(tensor.device.type == "cpu" for tensor in cn.create("lenet5").state_dict().values())


def test_the_options_are_remembered_as_given() -> None:
    network = cn.create("resnet8_cifar", shortcut="B")
    assert (network.name, network.options) == ("resnet8_cifar", {"shortcut": "B"})
