"""Templates are filled safely, and all in one style."""

import pytest
from jinja2 import UndefinedError

import classicnets.inspection.pages as pages
from classicnets.web.templates import fill

CONTENT = {"title": "<b>&", "about": (), "warnings": (), "headline": (), "sections": (), "javascript": "let a = 1 < 2"}


def test_text_is_escaped_and_what_is_marked_up_is_not() -> None:
    page = fill(pages.__name__, "page.html", **CONTENT)
    assert "<title>&lt;b&gt;&amp;</title>" in page
    assert "<script>let a = 1 < 2</script>" in page


@pytest.mark.parametrize(
    ("package", "template"),
    [
        ("classicnets.inspection.pages", "page.html"),
        ("classicnets.training.report", "report.html"),
        ("classicnets.training.report", "comparison.html"),
        ("classicnets.data", "sheet.html"),
    ],
)
def test_a_missing_name_is_an_error(package: str, template: str) -> None:
    with pytest.raises(UndefinedError):
        fill(package, template)


def test_every_page_begins_with_the_style() -> None:
    page = fill(pages.__name__, "page.html", **CONTENT)
    assert page.index("prefers-color-scheme: dark") < page.index(".drawing")
