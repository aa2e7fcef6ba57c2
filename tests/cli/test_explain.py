"""`explain`: lessons for people, and as JSON for programs."""

import json

import pytest

from classicnets.inspection import lessons
from tests.cli.command import Command
from tests.inspection.lessons.made import made

TOPICS = list(lessons.lessons())


@pytest.fixture
def made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each lesson is computed for the first test that shows it."""
    monkeypatch.setattr(lessons, "lesson", lambda topic, progress: made(topic))


def test_without_a_topic_all_are_listed(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    lines = command("explain").out.splitlines()
    assert max(map(len, lines)) <= 100
    assert [line.split()[0] for line in lines[1:]] == TOPICS
    listed = json.loads(command("explain", "--json").out)
    assert [set(entry) for entry in listed] == [{"topic", "summary"}] * len(TOPICS)


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.usefixtures("made_once")
def test_every_figure_fits(command: Command, monkeypatch: pytest.MonkeyPatch, topic: str, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    out = command("explain", topic).out
    assert max(map(len, out.splitlines())) <= width
    assert "…" not in out
    words = out.split()
    for part in made(topic).tables:
        for row in part.shown():
            for column, cell in zip(part.columns, row, strict=True):
                assert column.kind == "text" or all(word in words for word in cell.split())
    for sentence in (*made(topic).conclusions, *made(topic).papers):
        assert sentence in " ".join(words)


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.usefixtures("made_once")
def test_a_lesson_as_json(command: Command, topic: str) -> None:
    shown = json.loads(command("explain", topic, "--json").out)
    assert {"topic", "title", "question", "tables", "conclusions", "papers"} <= set(shown)
    for part, computed in zip(shown["tables"], made(topic).tables, strict=True):
        assert {"title", "columns", "rows"} <= set(part)
        assert [set(column) for column in part["columns"]] == [{"name", "kind"}] * len(computed.columns)
        assert [tuple(row) for row in part["rows"]] == list(computed.rows)


def test_a_lesson_is_computed_when_it_is_asked_for(command: Command) -> None:
    out = command("explain", "inception").out
    assert "854.2 million MACs" in out
    assert "\x1b" not in out


def test_an_unknown_topic_is_a_mistake(command: Command) -> None:
    assert command("explain", "small-kernel").mistake() == (
        "error: no topic 'small-kernel'; did you mean small-kernels?"
    )
