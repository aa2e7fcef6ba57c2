"""Which networks there are."""

import importlib
import inspect

import pytest

from classicnets.catalog import find, list_networks, paper
from classicnets.errors import UsageError

FAMILIES = {
    "lenet5": 2,
    "alexnet": 3,
    "caffenet": 1,
    "alexnet_owt": 1,
    "zfnet": 3,
    "vgg": 10,
    "googlenet": 4,
    "bn_inception": 2,
    "inception_v3": 2,
    "inception_v4": 1,
    "inception_resnet_v1": 1,
    "inception_resnet_v2": 2,
    "resnet": 10,
    "resnet_d": 5,
    "resnet_cifar": 11,
    "stochastic_depth": 2,
    "preact_resnet": 7,
    "wide_resnet": 8,
    "resnext": 6,
    "se_resnet": 7,
}


def test_the_list_is_in_the_order_of_the_families() -> None:
    names = list_networks()
    assert len(names) == len(set(names)) == sum(FAMILIES.values())
    assert [name for family in FAMILIES for name in list_networks(family)] == names


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_the_networks_of_one_paper(family: str) -> None:
    names = list_networks(family)
    assert len(names) == FAMILIES[family]
    assert {find(name).family for name in names} == {family}


def test_the_networks_that_people_ask_for_are_there() -> None:
    asked = """
        lenet5 lenet5_dense alexnet alexnet_single alexnet_owt caffenet alexnet_caffe zfnet zfnet_large zfnet512
        vgg11 vgg11_lrn vgg13 vgg16_1x1 vgg16 vgg19 vgg11_bn vgg13_bn vgg16_bn vgg19_bn
        googlenet googlenet_caffe googlenet_bn inception_naive bn_inception inception_v2 inception_v3
        inception_v3_paper inception_v4 inception_resnet_v1 inception_resnet_v2 inception_resnet_v2_paper
        resnet18 resnet34 resnet50 resnet101 resnet152 plain18 plain34 resnet50_v1_5 resnet101_v1_5 resnet152_v1_5
        resnet50_b resnet50_c resnet50_d resnet20_cifar resnet1202_cifar plain56_cifar preact_resnet110_cifar
        preact_resnet164_cifar preact_resnet1001_cifar preact_resnet200 wide_resnet28_10_cifar wide_resnet50_2
        resnext50_32x4d resnext29_8x64d_cifar se_resnet50 se_resnext50_32x4d stochastic_depth_resnet110_cifar
    """
    assert set(asked.split()) <= set(list_networks())


def test_an_unknown_family_is_named_with_near_ones() -> None:
    with pytest.raises(UsageError, match=r"^no family 'resnet_cifra'; did you mean resnet_cifar, "):
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
    assert find("wide_resnet10_3_cifar").options == {"depth": 10, "width": 3}
    assert find("resnext38_4x16d_cifar").options == {"depth": 38, "cardinality": 4, "width": 16}
    assert find("preact_resnet1028_cifar").options == {"depth": 1028}


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
