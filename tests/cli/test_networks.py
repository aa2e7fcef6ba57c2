"""`list`, `show` and `data list`: tables for people, JSON for programs."""

import json
from pathlib import Path

import pytest

from classicnets import catalog
from classicnets.data.descriptions import SETS
from tests.cli.command import Command


def test_list_has_a_line_a_network_that_fits_80_columns(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = command("list").out.splitlines()
    assert max(map(len, lines)) <= 80
    named = [line.split()[0] for line in lines if line.split() and line.split()[0] in catalog.list_networks()]
    assert named == catalog.list_networks()


def test_list_outside_of_a_terminal_breaks_no_line_and_has_no_colour(command: Command) -> None:
    out = command("list").out
    assert "\x1b" not in out
    assert "20,421,274" not in out
    assert "19,421,274   2,829.2 M  7.93% top-1, one 32x32 view" in out


def test_list_tells_what_is_not_certain(command: Command) -> None:
    listed = command("list").out
    for name in catalog.list_networks():
        for reported in catalog.paper(name).facts(name).reported:
            if reported.certainty != "printed":
                assert f"({reported.certainty})" in listed


def test_list_as_json(command: Command) -> None:
    listed = json.loads(command("list", "--json").out)
    assert [entry["name"] for entry in listed] == catalog.list_networks()
    assert all({"name", "family", "year", "parameters", "macs", "reported"} <= set(entry) for entry in listed)
    lenet = listed[0]
    assert (lenet["name"], lenet["year"], lenet["parameters"]) == ("lenet5", 1998, 60_000)
    assert {"metric", "value", "protocol"} <= set(lenet["reported"][0])


def test_list_of_one_paper(command: Command) -> None:
    listed = json.loads(command("list", "--family", "lenet5", "--json").out)
    assert [entry["name"] for entry in listed] == ["lenet5", "lenet5_dense"]


def test_show_as_json(command: Command) -> None:
    shown = json.loads(command("show", "lenet5", "--json").out)
    assert shown["input"] == [1, 32, 32]
    assert {name: shown[name] for name in ("aux_parameters", "buffers", "macs")} == {
        "aux_parameters": 0,
        "buffers": 840,
        "macs": 325_680,
    }
    assert shown["live_peak"]["fused"] <= shown["live_peak"]["eager"] < shown["live_peak"]["training"]
    assert shown["rows"][0] == {
        "name": "C1",
        "output": [6, 28, 28],
        "parameters": 156,
        "macs": 117_600,
        "other_operations": 3 * 4_704 + 4_704,
        "activation_bytes": 4 * 4_704,
        "receptive_field": 5,
        "stride": 1,
        "exceeds_image": False,
    }
    assert sum(row["parameters"] for row in shown["rows"]) == shown["parameters"] == 60_000


def test_show_takes_options_of_the_network(command: Command) -> None:
    plain = json.loads(command("show", "resnet20_cifar", "--json").out)
    given = ("--set", "shortcut=B", "--num-classes", 7, "--in-channels", 1)
    other = json.loads(command("show", "resnet20_cifar", *given, "--json").out)
    assert other["parameters"] != plain["parameters"]
    assert (other["input"][0], other["rows"][-1]["output"]) == (1, [7])


def test_show_tells_where_the_code_departs_from_the_paper(command: Command) -> None:
    out = command("show", "lenet5").out
    assert "total" in out
    assert "60,000" in out
    assert sum(line.startswith("departs: ") for line in out.splitlines()) >= 2


def test_show_puts_the_printed_table_beside_the_computed_one(command: Command) -> None:
    lines = command("show", "googlenet").out.splitlines()
    assert next(line.split() for line in lines if line.startswith("inception_3a")) == [
        *("inception_3a", "256", "x", "28", "x", "28", "163,696", "128", "M", "803", "kB", "59", "8", "159K", "128M")
    ]
    assert any(line.startswith("contradiction: conv1: 2.7K parameters") for line in lines)


def test_show_counts_as_the_paper_counted(command: Command) -> None:
    lenet = command("show", "lenet5").out.splitlines()
    assert next(line.split() for line in lenet if line.startswith("C3"))[-2:] == ["151,600", "151,600"]
    assert next(line.split() for line in lenet if line.startswith("total"))[-1] == "340,908"
    alexnet = command("show", "alexnet").out.splitlines()
    flagged = [line.split() for line in alexnet if line.endswith("(!)")]
    assert [(line[0], line[-3:]) for line in flagged] == [("conv1", ["290,400", "253,440", "(!)"])]


@pytest.mark.parametrize("mode", ["eager", "fused", "training"])
def test_show_tells_the_memory_alive_in_each_row(command: Command, mode: str) -> None:
    lines = command("show", "resnet18", "--mode", mode).out.splitlines()
    header = next(place for place, line in enumerate(lines) if line.startswith("row "))
    assert lines[header].endswith(mode)
    peak = {"eager": "6.42 MB", "fused": "4.01 MB", "training": "111 MB"}[mode]
    assert next(line for line in lines if line.startswith("total")).endswith(peak)
    assert any("rows recomputed (train --recompute auto)" in line for line in lines) == (mode == "training")


def test_show_takes_another_input_and_a_batch(command: Command) -> None:
    shown = json.loads(command("show", "vgg16", "--input", "3x256x256", "--batch", "4", "--json").out)
    assert (shown["input"], shown["batch"]) == ([3, 256, 256], 4)
    assert shown["rows"][0]["output"] == [64, 256, 256]
    assert shown["live_peak"]["eager"] == 4 * 2 * 64 * 256 * 256 * 4


def test_show_has_further_tables(command: Command) -> None:
    tables = [word for name in ("shortcuts", "counters", "roofline", "cost-law") for word in ("--also", name)]
    lines = command("show", "resnet18", *tables, "--machine", "t4").out.splitlines()
    assert next(line for line in lines if line.startswith("conv2_1  added")).split()[2:5] == ["803", "kB", "pool1"]
    assert any(line.startswith("torch ") and "3,628,146,688" in line for line in lines)
    assert any(line.startswith("fc ") and line.split()[-1] == "memory" for line in lines)
    assert any(line.startswith("MACs ") and "s^2 w^2" in line for line in lines)


def test_show_says_where_nothing_waits(command: Command) -> None:
    assert "none: " in command("show", "vgg11", "--also", "shortcuts").out


def test_show_has_the_modules_one_within_the_other(command: Command) -> None:
    lines = command("show", "resnet18", "--tree", "2").out.splitlines()
    assert next(line.split() for line in lines if line.startswith("    convolution"))[:2] == ["convolution", "Conv2d"]


def test_show_as_markdown(command: Command) -> None:
    told = command("show", "lenet5", "--markdown").out
    assert "| C1 | 6 x 28 x 28 | 156 | 117,600 |" in told
    assert "| **total** |  | **60,000** | **325,680** |" in told


def test_show_writes_a_page(command: Command, tmp_path: Path) -> None:
    outcome = command("show", "lenet5", "--html", tmp_path / "lenet5.html")
    assert outcome.out == ""
    assert "lenet5.html" in outcome.err
    assert "325,680" in (tmp_path / "lenet5.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--input", "3x"), "write 3x256x256"),
        (("--input", "8"), "at least"),
        (("--batch", "0"), "batch must be at least 1"),
        (("--mode", "lazy"), "lazy"),
        (("--optimizer", "sdg"), "sdg"),
        (("--also", "roofline", "--machine", "t5"), "t4"),
        (("--set", "input_size=256"), "write --input 256"),
        (("--set", "run=fake"), "no option of a network"),
        (("--in-channels", "1", "--input", "3x227x227"), "give one of them"),
    ],
)
def test_show_names_mistakes(command: Command, given: tuple[str, ...], said: str) -> None:
    outcome = command("show", "alexnet", *given)
    assert outcome.code == 2
    assert said in outcome.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("name", "contradiction"),
    [("alexnet", "253,440"), ("googlenet", "2.7K"), ("vgg16", "96 MB"), ("lenet5", "345,308")],
)
def test_show_flags_what_cannot_hold(command: Command, name: str, contradiction: str) -> None:
    told = [line for line in command("show", name).out.splitlines() if line.startswith("contradiction: ")]
    assert any(contradiction in line for line in told)


def test_show_tells_the_whole_paper_on_request(command: Command) -> None:
    short = command("show", "alexnet").out
    whole = command("show", "alexnet", "--paper").out
    for part in ("training", "augmentation", "tests", "claims", "other results"):
        assert f"\n{part}\n" in whole
        assert f"\n{part}\n" not in short
    ensembles = [line.split() for line in whole.splitlines() if line.startswith("five networks")]
    assert [(line[2], line[-1]) for line in ensembles] == [("38.1%", "5"), ("16.4%", "5"), ("16.4%", "5")]


@pytest.mark.parametrize("name", catalog.list_networks())
def test_show_knows_every_network(command: Command, name: str) -> None:
    shown = json.loads(command("show", name, "--json").out)
    facts = catalog.paper(name).facts(name)
    assert facts.parameters is not None
    assert shown["parameters"] == facts.parameters.value
    assert shown["paper"]["summary"]
    assert shown["paper"]["citation"].startswith(catalog.paper(name).authors[0])


def test_data_list(command: Command) -> None:
    assert all(name in command("data", "list").out for name in SETS)
    listed = json.loads(command("data", "list", "--json").out)
    assert [entry["name"] for entry in listed] == list(SETS)
