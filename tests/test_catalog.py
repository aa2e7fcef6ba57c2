"""Which networks there are."""

import importlib
import inspect

import pytest

from classicnets.catalog import find, list_networks, paper
from classicnets.errors import UsageError

CIFAR = [f"resnet{depth}_cifar" for depth in (20, 32, 44, 56, 110, 1202)]
PLAIN = [f"plain{depth}_cifar" for depth in (20, 32, 44, 56, 110)]


def test_the_list_is_in_the_order_of_the_papers() -> None:
    assert list_networks() == ["lenet5", "lenet5_dense", *CIFAR, *PLAIN]


def test_a_family_is_the_networks_of_one_paper() -> None:
    assert list_networks("lenet5") == ["lenet5", "lenet5_dense"]
    assert list_networks(family="resnet_cifar") == [*CIFAR, *PLAIN]


def test_an_unknown_family_is_named_with_near_ones() -> None:
    with pytest.raises(UsageError, match=r"^no family 'resnet_cifra'; did you mean resnet_cifar\?$"):
        list_networks("resnet_cifra")


@pytest.mark.parametrize("name", list_networks())
def test_each_name_leads_to_a_function_that_takes_its_options(name: str) -> None:
    entry = find(name)
    assert entry.name == name
    module, function = entry.builder.split(":")
    builder = getattr(importlib.import_module(module), function)
    inspect.signature(builder).bind(**entry.options)


def test_any_depth_of_the_formula_is_found() -> None:
    assert find("resnet9998_cifar").options == {"depth": 9998}
    assert find("plain26_cifar").options == {"depth": 26}


@pytest.mark.parametrize(
    "wrong",
    ["resnet_cifar", "resnet020_cifar", "resnet-20_cifar", "resnet20_cifar2", "xresnet20_cifar", "resnet2²_cifar"],
)
def test_a_name_that_only_resembles_a_series_is_unknown(wrong: str) -> None:
    with pytest.raises(UsageError, match=r"^no network '.*'; did you mean .*resnet20_cifar"):
        find(wrong)


def test_the_paper_of_a_network_is_its_familys() -> None:
    assert paper("lenet5_dense").year == 1998
    assert paper("resnet20_cifar") is paper("plain56_cifar")
    with pytest.raises(UsageError, match="no network 'lenet6'; did you mean lenet5"):
        paper("lenet6")
