"""The papers' figures, and the networks built beside them."""

from importlib import resources

import pytest
from pydantic import ValidationError

from classicnets import papers
from classicnets.catalog import find, list_networks, paper
from classicnets.errors import UsageError
from classicnets.inspection.inspection import inspect
from classicnets.networks import build
from classicnets.papers import Paper, read_paper
from tests.networks.counting import count_macs, macs_by_row

FAMILIES = sorted(
    file.name.removesuffix(".yaml") for file in resources.files(papers).iterdir() if file.name.endswith(".yaml")
)


def test_every_paper_belongs_to_a_listed_family() -> None:
    assert sorted({find(name).family for name in list_networks()}) == FAMILIES


@pytest.mark.parametrize("family", FAMILIES)
def test_a_citation_is_complete(family: str) -> None:
    read = read_paper(family)
    assert set(read.networks) == set(list_networks(family))
    assert read.title
    assert all(" " in author for author in read.authors), "first and last names"
    assert 1990 < read.year < 2020
    for part in (*read.authors, read.title, read.venue, str(read.year)):
        assert part in read.citation
    assert read.arxiv is None or f"arXiv:{read.arxiv}" in read.citation
    assert "\n" not in read.citation


@pytest.mark.parametrize("name", list_networks())
def test_the_figures_are_those_of_the_built_network(name: str) -> None:
    facts = paper(name).facts(name)
    network = build(name)
    built = inspect(network)
    assert facts.summary
    assert facts.parameters is not None
    assert facts.macs is not None
    assert facts.parameters.value == built.parameters
    assert facts.macs.value == count_macs(network)
    assert facts.parameters.certainty in ("printed", "computed")
    assert (facts.aux_parameters.value if facts.aux_parameters else 0) == built.aux_parameters


@pytest.mark.parametrize("name", list_networks())
def test_the_rows_are_those_of_the_built_network(name: str) -> None:
    facts = paper(name).facts(name).rows
    network = build(name)
    macs = macs_by_row(network)
    built = {row.name: row for row in inspect(network).rows}
    assert list(facts) == [row for row in built if row in facts], "in the order of the table"
    for row, stated in facts.items():
        found = built[row]
        assert stated.output in (None, found.output), row
        assert stated.parameters in (None, found.parameters), row
        assert stated.macs in (None, macs[row]), row
        assert stated.model_dump(exclude_defaults=True, exclude={"certainty"}), f"{row} states nothing"


@pytest.mark.parametrize("name", list_networks())
def test_the_variants_have_the_stated_sizes(name: str) -> None:
    for variant in paper(name).facts(name).variants:
        network = build(name, **variant.options)
        assert inspect(network).parameters == variant.parameters.value, variant.options
        assert variant.macs is None or variant.macs.value == count_macs(network), variant.options


@pytest.mark.parametrize("name", list_networks())
def test_the_printed_millions_round_from_the_count(name: str) -> None:
    facts = paper(name).facts(name)
    for figure in (facts.parameters, facts.aux_parameters, *(variant.parameters for variant in facts.variants)):
        if figure is not None and figure.printed_millions is not None and not facts.contradictions:
            decimals = len(str(figure.printed_millions).partition(".")[2].rstrip("0"))
            assert round(figure.value / 1e6, decimals) == pytest.approx(figure.printed_millions, abs=0.6 / 10**decimals)


@pytest.mark.parametrize("name", list_networks())
def test_reported_figures_are_errors_in_percent_with_their_protocol(name: str) -> None:
    read = paper(name)
    for result in (*read.facts(name).reported, *read.results):
        assert result.metric in ("top-1 error", "top-5 error"), result
        assert 0 < result.value < 100
        assert result.protocol
        assert result.data
        assert result.networks >= 1


def test_the_connections_of_lenet5_are_the_papers() -> None:
    rows = paper("lenet5").facts("lenet5").rows
    assert [row.connections for row in rows.values()] == [122_304, 5880, 151_600, 2000, 48_120, 10_164, 840]


@pytest.mark.parametrize(
    ("name", "errors"),
    [
        ("lenet5", [0.95, 0.8]),
        ("resnet20_cifar", [8.75]),
        ("resnet32_cifar", [7.51]),
        ("resnet44_cifar", [7.17]),
        ("resnet56_cifar", [6.97]),
        ("resnet110_cifar", [6.43]),
        ("resnet1202_cifar", [7.93]),
    ],
)
def test_the_reported_errors_are_the_printed_ones(name: str, errors: list[float]) -> None:
    reported = paper(name).facts(name).reported
    assert [result.value for result in reported] == errors
    for result in reported:
        assert result.metric == "top-1 error"
        assert result.certainty == "printed"
        assert result.protocol
        assert result.data


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("resnet20_cifar", 0.27),
        ("resnet32_cifar", 0.46),
        ("resnet44_cifar", 0.66),
        ("resnet56_cifar", 0.85),
        ("resnet110_cifar", 1.7),
        ("resnet1202_cifar", 19.4),
    ],
)
def test_the_printed_millions_are_kept(name: str, millions: float) -> None:
    parameters = paper(name).facts(name).parameters
    assert parameters is not None
    assert parameters.printed_millions == millions


def test_a_depth_that_the_paper_does_not_have_has_no_figures() -> None:
    facts = paper("resnet26_cifar").facts("resnet26_cifar")
    assert (facts.parameters, facts.macs, facts.reported) == (None, None, ())


def test_departures_are_stated() -> None:
    assert any("minus the distance" in line for line in paper("lenet5").facts("lenet5").departs)
    assert any("bitmaps" in line for line in paper("lenet5").facts("lenet5").departs)
    assert any("mean image" in line for line in paper("resnet20_cifar").departs)


@pytest.mark.parametrize(
    "wrong",
    [
        {"year": "soon"},
        {"abstract": "..."},
        {"networks": {"lenet5": {"parameters": {"value": 1, "certainty": "sure"}}}},
        {"networks": {"lenet5": {"weights": 1}}},
    ],
)
def test_facts_that_are_none_are_refused(wrong: dict[str, object]) -> None:
    right: dict[str, object] = {"title": "t", "authors": [], "venue": "v", "year": 1, "arxiv": None, "networks": {}}
    Paper.model_validate(right)
    with pytest.raises(ValidationError):
        Paper.model_validate(right | wrong)


def test_an_unknown_paper_is_named() -> None:
    with pytest.raises(UsageError, match="no paper of the name 'alexnet2'"):
        read_paper("alexnet2")
