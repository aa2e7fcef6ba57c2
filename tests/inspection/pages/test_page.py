"""Pages of one network and of several, read back as a browser would."""

import re
import sys
from itertools import pairwise

import pytest
from torch import nn

from classicnets.errors import UsageError
from classicnets.inspection.comparison import compare
from classicnets.inspection.inspection import inspect
from classicnets.inspection.pages.comparison_page import comparison_page
from classicnets.inspection.pages.page import page
from tests.web.reading import Page

MOST_BYTES = 5_700_000  # plotly alone is 4.8 million


@pytest.fixture(scope="module")
def text() -> str:
    """The page of a network with auxiliary heads, branches, a printed table and contradictions."""
    return page(inspect("googlenet"))


@pytest.fixture(scope="module")
def read(text: str) -> Page:
    """The same, read."""
    return Page(text)


def test_a_page_needs_no_network(text: str, read: Page) -> None:
    assert len(text) < MOST_BYTES
    for tag in ("link", "iframe", "object", "embed"):
        assert not read.all(tag)
    assert all("src" not in script for script in read.all("script"))
    (policy,) = [meta["content"] for meta in read.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy


def test_the_library_stands_there_once(read: Page) -> None:
    assert sum("plotly.js v" in script for script in read.scripts) == 1
    assert sum("Plotly.newPlot(" in script for script in read.scripts if len(script) < 1_000_000) == 4


def test_the_drawing_stands_in_the_page(text: str, read: Page) -> None:
    assert len([svg for svg in read.all("svg") if svg.get("viewbox")]) == 1
    assert "<?xml" not in text
    begin = text.index('<figure class="drawing')
    assert "inception_3a" in text[begin : text.index("</figure>", begin)]


def test_the_headline(read: Page) -> None:
    assert read.title == "googlenet"
    top = read.texts[: read.texts.index("Drawing")]
    facts = dict(pairwise(top))
    assert facts["input"] == "3 x 224 x 224"
    assert facts["parameters"] == "7.00 M"
    assert facts["MACs"] == "1.58 G"
    assert {"live memory, eager", "live memory, fused", "live memory, training"} <= set(facts)
    assert any(said.startswith("6,998,552; ") and "auxiliary heads" in said for said in read.texts)


def test_the_rows_with_the_paper_beside_them(read: Page) -> None:
    table = read.tables[0]
    columns = table[0]
    rows = {cells[0]: dict(zip(columns, cells, strict=True)) for cells in table[1:]}
    module = rows["inception_3a"]
    assert (module["output"], module["parameters"]) == ("256 x 28 x 28", "163,696")
    assert [said for name, said in module.items() if name.startswith("paper: ")] == ["159K", "128M"]
    assert rows["total"]["parameters"] == "6,998,552"


def test_every_cell_can_be_sorted(text: str) -> None:
    body = text[text.index("<table") : text.index("</table>")].split("<tbody>")[1].split("</tbody>")[0]
    cells = re.findall(r"<t[hd]\b([^>]*)>", body)
    assert cells
    assert all("data-value=" in attributes for attributes in cells)


def test_what_the_paper_says(read: Page) -> None:
    said = "\n".join(read.texts)
    assert "Going Deeper with Convolutions" in said
    assert "10.07% top-5 on ILSVRC-2012 validation, 1 crop" in said
    assert "conv1: 2.7K parameters" in said
    assert "MACs are multiply-accumulates" in said


def test_what_shortcuts_hold() -> None:
    found = inspect("resnet20_cifar")
    read = Page(page(found))
    assert len(read.tables) == 2
    assert len(read.tables[1]) == len(found.shortcuts) + 1
    assert "What shortcuts hold" not in Page(page(inspect("vgg16"))).texts


def test_a_module_without_a_paper_and_with_an_evil_name() -> None:
    module = nn.Sequential()
    module.add_module("<script>alert(1)</script>", nn.Conv2d(3, 2, 3))
    read = Page(page(inspect(module, 8)))
    assert "What the paper says" not in read.texts
    assert read.tables[0][1][0] == "<script>alert(1)</script>"
    assert not any(script.startswith("alert") for script in read.scripts)


def test_networks_beside_each_other() -> None:
    compared = compare(["alexnet", "resnet18", "resnet20_cifar"])
    read = Page(comparison_page(compared))
    assert read.title == "alexnet, resnet18, resnet20_cifar"
    sizes, held = read.tables
    assert (
        [cells[0] for cells in sizes[1:]]
        == [cells[0] for cells in held[1:]]
        == ["alexnet", "resnet18", "resnet20_cifar"]
    )
    assert "6.42 MB" in held[2]
    assert all(warning in read.texts for warning in compared.warnings)
    assert len(compared.warnings) >= 2


def test_without_jinja2_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(UsageError, match=r"needs jinja2, .*'classicnets\[train\]'"):
        comparison_page(compare(["resnet20_cifar"]))
