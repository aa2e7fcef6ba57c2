"""Networks side by side."""

import csv
import io
import json

import pytest
from rich.console import Console
from torch import nn

import classicnets as cn
from classicnets.errors import UsageError
from classicnets.inspection.comparison import Comparison, compare
from classicnets.inspection.inspection import inspect
from classicnets.inspection.known import paper_of
from classicnets.networks.chain import Chain
from tests.inspection.test_inspection import HEADED

NAMES = ("alexnet", "vgg16", "googlenet", "resnet18", "resnet20_cifar")


@pytest.fixture(scope="module")
def compared() -> Comparison:
    """Networks of two data sets, three ways of testing and two sizes of images."""
    return compare(NAMES)


def text_of(compared: Comparison, width: int) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(compared)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_figures_are_those_of_the_papers(compared: Comparison) -> None:
    vgg, resnet = compared.networks[1], compared.networks[3]
    assert (vgg.name, vgg.year, vgg.input) == ("vgg16", 2014, (3, 224, 224))
    assert (vgg.parameters, vgg.macs) == (138_357_544, 15_470_264_320)
    assert vgg.receptive_field == 212, "of pool5"
    assert (resnet.macs, resnet.live_peak.eager, resnet.receptive_field) == (1_814_073_344, 6_422_528, 435)


def test_the_figures_are_those_of_each_inspection(compared: Comparison) -> None:
    for network in compared.networks:
        found = inspect(network.name)
        assert network.activation_bytes == found.activation_bytes
        assert network.live_peak == found.live_peak


def test_errors_are_of_one_kind_where_they_can_be(compared: Comparison) -> None:
    stated = [network.reported and (network.reported.metric, network.reported.value) for network in compared.networks]
    assert stated == [
        ("top-5 error", 18.2),
        ("top-5 error", 7.2),
        ("top-5 error", 9.15),  # ten crops, as AlexNet has them
        ("top-1 error", 27.88),  # the paper prints no top-5 error of ResNet-18
        ("top-1 error", 8.75),
    ]


def test_warnings_say_what_differs(compared: Comparison) -> None:
    inputs, kinds, ways = compared.warnings
    assert inputs.startswith("inputs differ")
    assert "3 x 32 x 32 (resnet20_cifar)" in inputs
    assert "top-1 error on CIFAR-10 test (resnet20_cifar)" in kinds
    assert "10 crops" in ways
    assert "(vgg16)" in ways


def test_there_is_no_warning_where_nothing_differs() -> None:
    assert compare(["resnet20_cifar", "resnet32_cifar"]).warnings == ()


def test_one_way_with_other_particulars_is_told() -> None:
    (told,) = compare(["resnet20_cifar", "preact_resnet110_cifar"]).warnings
    assert told == "errors come from different tests, though all of one sort (one crop): read how each was done"


def test_one_size_for_all() -> None:
    compared = compare(["resnet20_cifar", "resnet18"], 64, batch=2)
    assert [network.input for network in compared.networks] == [(3, 64, 64)] * 2
    assert not any("inputs" in warning for warning in compared.warnings)
    single = compare(["resnet20_cifar"], 64).networks[0]
    assert compared.networks[0].live_peak.eager == 2 * single.live_peak.eager
    assert compared.networks[0].macs == single.macs


def test_any_module_can_stand_beside_a_network_of_the_catalog() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    own, known = compare([module, cn.create("resnet20_cifar")], 32).networks
    assert (own.name, own.year, own.reported, own.parameters) == ("Sequential", None, None, 4 * 27 + 4 + 10)
    assert own.receptive_field == 3
    assert (known.name, known.year) == ("resnet20_cifar", 2015)


def test_a_chain_of_ones_own_has_no_paper() -> None:
    paper, facts = paper_of(inspect(Chain(HEADED, name="headed")))
    assert paper is None
    assert facts.reported == ()


def test_as_a_dictionary(compared: Comparison) -> None:
    content = json.loads(json.dumps(compared.to_dict()))
    assert set(content) == {"batch", "networks", "warnings"}
    first = content["networks"][0]
    assert set(first) == {
        *("name", "year", "input", "parameters", "macs", "activation_bytes", "live_peak", "receptive_field"),
        "reported",
    }
    assert set(first["live_peak"]) == {"eager", "fused", "training"}
    assert first["reported"]["value"] == 18.2
    assert content["warnings"] == list(compared.warnings)


def test_as_csv(compared: Comparison) -> None:
    lines = list(csv.DictReader(io.StringIO(compared.to_csv())))
    assert [line["network"] for line in lines] == list(NAMES)
    assert (lines[1]["parameters"], lines[1]["input"]) == ("138357544", "3x224x224")
    assert (lines[3]["live_eager"], lines[4]["error"], lines[4]["metric"]) == ("6422528", "8.75", "top-1 error")


def test_as_markdown(compared: Comparison) -> None:
    lines = compared.to_markdown().splitlines()
    tabled = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    assert [cells[0] for cells in tabled[2:]] == list(NAMES)
    assert {len(cells) for cells in tabled} == {12}
    assert tabled[3][:5] == ["vgg16", "2014", "3 x 224 x 224", "138,357,544", "15,470,264,320"]
    assert all(f"**{warning}**" in lines for warning in compared.warnings)


def test_in_a_terminal_of_80_columns(compared: Comparison) -> None:
    text = text_of(compared, 80)
    assert "…" not in text
    sizes, memory = [line for line in text.splitlines() if line.startswith("resnet18 ")]
    assert "1.81 G" in sizes
    assert "435" in sizes
    assert "6.42 MB" in memory
    assert "inputs differ" in text


def test_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    compare(["lenet5", "resnet20_cifar"], progress=lambda done, total: told.append((done, total)))
    assert told == [(0, 2), (1, 2)]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ([], "compare needs networks"),
        ("vgg16", "a list of networks, not 'vgg16'"),
        (["lenet5", "vgg17"], "did you mean vgg1"),
    ],
)
def test_a_mistake_is_told_before_anything_is_computed(names: list[str], told: str) -> None:
    steps: list[int] = []
    with pytest.raises(UsageError, match=told):
        compare(names, progress=lambda done, _: steps.append(done))
    assert steps == []
