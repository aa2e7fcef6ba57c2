"""Which of the papers' errors stand side by side, and in what words."""

import pytest

from classicnets.catalog import list_networks, paper
from classicnets.papers import NetworkFacts, Reported
from classicnets.papers.results import headline, in_brief, in_words, kind, side_by_side, way


def facts(*names: str) -> list[NetworkFacts]:
    return [paper(name).facts(name) for name in names]


def reported(protocol: str, *, metric: str = "top-5 error", value: float = 10, networks: int = 1) -> Reported:
    data = "ILSVRC-2012 validation"
    return Reported(metric=metric, value=value, data=data, protocol=protocol, networks=networks, certainty="printed")


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        ("1 crop", "one crop"),
        ("single crop, the 48,238 images that are not blacklisted", "one crop"),
        ("centre crop of 224 from a shorter side of 256, the authors' release", "one crop"),
        ("one 32x32 view; median of 5 runs", "one crop"),
        ("10 crops; training error 33.1", "10 crops"),
        ("144 crops", "144 crops"),
        ("dense, Q=256, trained with S=256", "dense"),
        ("multi-crop, Q=256, 384, 512", "multi-crop"),
        ("multi-crop and dense, Q=256, 384, 512", "multi-crop and dense"),
        ("ZCA; median of 5 runs", "other"),
    ],
)
def test_the_way_of_a_test(protocol: str, expected: str) -> None:
    assert way(reported(protocol)) == expected


def test_no_imagenet_result_is_tested_in_an_unknown_way() -> None:
    results = [result for found in facts(*list_networks()) for result in found.reported]
    assert {way(result) for result in results if result.data.startswith("ILSVRC")} == {
        *("one crop", "10 crops", "12 crops", "144 crops", "dense", "multi-crop", "multi-crop and dense")
    }


def test_networks_are_named_by_results_of_one_kind_and_one_way() -> None:
    chosen = side_by_side(facts("googlenet", "resnet50", "se_resnet50", "alexnet", "vgg16"))
    assert [result and (result.metric, result.value) for result in chosen] == [
        ("top-5 error", 10.07),  # one crop, although 144 crops give 7.89
        ("top-5 error", 7.8),  # the release with one crop, although ten crops give 6.71
        ("top-5 error", 6.62),
        ("top-5 error", 18.2),  # ten crops: the paper has no other of the 2012 validation images
        ("top-5 error", 7.5),  # dense, as ResNet-50 has it too, although more crops give 7.2
    ]


def test_the_others_keep_their_own_result_or_none() -> None:
    chosen = side_by_side(facts("vgg16", "googlenet", "resnet20_cifar", "inception_naive"))
    assert [kind(result).data if result else None for result in chosen] == [
        *("ILSVRC-2012 validation", "ILSVRC-2012 validation", "CIFAR-10 test"),
        None,
    ]
    assert side_by_side(facts("inception_naive")) == [None]


@pytest.mark.parametrize("name", list_networks())
def test_a_network_alone_is_named_by_its_headline_kind(name: str) -> None:
    (found,) = facts(name)
    (chosen,) = side_by_side([found])
    first = headline(found)
    assert (chosen and chosen.metric) == (first and first.metric)


def test_an_ensemble_is_not_compared() -> None:
    several = NetworkFacts(reported=(reported("10 crops", networks=7, value=5), reported("10 crops", value=6)))
    (chosen,) = side_by_side([several])
    assert chosen is not None
    assert chosen.value == 6
    assert in_words(several.reported[0]) == "5% top-5 on ILSVRC-2012 validation, 10 crops, 7 networks"


def test_in_brief() -> None:
    (chosen,) = side_by_side(facts("resnet110_cifar"))
    assert chosen is not None
    assert in_brief(chosen) == "6.43% top-1, one 32x32 view"
