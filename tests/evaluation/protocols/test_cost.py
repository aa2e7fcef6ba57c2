"""What protocols cost, counted at the papers' size."""

from collections import Counter

import pytest
import torch

import classicnets as cn
from classicnets.evaluation.protocols.cost import Cost, Forms, Kind
from classicnets.evaluation.protocols.named import PROTOCOLS, read_protocol
from classicnets.evaluation.protocols.plan import Plan
from classicnets.evaluation.protocols.protocol import Protocol
from tests.evaluation.protocols.conftest import bundle_of

VGG16 = 15_470_264_320  # multiply-accumulates of configuration D at 224x224
VGG16_CONVOLUTIONS = 15_346_630_656
FC6, FC7_AND_FC8 = 7 * 7 * 512 * 4096, 4096 * 4096 + 4096 * 1000


def of_network(name: str) -> Forms:
    with torch.device("meta"):
        return Forms(cn.create(name))


def plan_of(protocol: Protocol, network: Forms) -> Plan:
    return Plan(protocol=protocol, preprocessing=bundle_of(network.form(dense=False)).preprocessing)


def macs(network: Forms, name: str, image: tuple[int, int]) -> int:
    return network.macs(plan_of(read_protocol(name), network).kinds(image))


def test_vgg_dense_is_cheaper_by_far_than_the_same_scales_in_crops() -> None:
    network = of_network("vgg16")
    crops = macs(network, "vgg-multicrop", (500, 500))
    dense = macs(network, "vgg-dense", (500, 500))
    assert crops == 150 * VGG16
    # At Q pixels (Q/224)^2 times the convolutions, and a map of (Q/32 - 6)^2 places.
    assert dense == 2 * sum(
        VGG16_CONVOLUTIONS * side**2 // 224**2 + (side // 32 - 6) ** 2 * (FC6 + FC7_AND_FC8) for side in (256, 384, 512)
    )
    assert crops / dense == pytest.approx(7.13, abs=0.01)
    assert macs(network, "vgg-both", (500, 500)) == crops + dense


@pytest.mark.parametrize("image", [(375, 500), (500, 375)])
def test_so_it_is_for_the_usual_photograph(image: tuple[int, int]) -> None:
    network = of_network("vgg16")
    assert macs(network, "vgg-multicrop", image) >= 5 * macs(network, "vgg-dense", image)


@pytest.mark.parametrize("name", ["googlenet", "resnet50"])
def test_a_network_that_averages_is_dense_without_more_ado(name: str) -> None:
    network = of_network(name)
    assert network.form(dense=True) is network.form(dense=False)
    assert macs(network, "vgg-multicrop", (375, 500)) >= 5 * macs(network, "vgg-dense", (375, 500))


def test_counts_of_views() -> None:
    network = of_network("googlenet")
    crop = Kind(False, (224, 224))
    assert plan_of(PROTOCOLS["ten-crop"], network).kinds((375, 500)) == {crop: 10}
    assert plan_of(PROTOCOLS["crops-144"], network).kinds((375, 500)) == {crop: 144}
    assert plan_of(PROTOCOLS["crops-144"], network).kinds((400, 400)) == {crop: 48}
    assert plan_of(PROTOCOLS["resnet-dense"], network).kinds((480, 640)) == Counter(
        {Kind(True, size): 2 for size in ((224, 299), (256, 341), (384, 512), (480, 640), (640, 853))}
    )


def test_as_many_views_at_once_as_fit_in_a_gibibyte() -> None:
    network = of_network("vgg16")
    cost = network.cost(Kind(False, (224, 224)))
    assert cost.live_bytes == 2 * 64 * 224 * 224 * 4, "conv1_2 reads one map and makes another"
    assert cost.at_once == 41
    assert Cost(macs=1, live_bytes=1).at_once == 256
    assert Cost(macs=1, live_bytes=2**31).at_once == 1
