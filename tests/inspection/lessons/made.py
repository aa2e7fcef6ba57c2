"""Lessons, each made once for all tests, and what stands in their tables."""

from functools import cache
from typing import Any

from classicnets.inspection import lessons
from classicnets.inspection.lessons.form import Lesson, LessonTable

compute = lessons.lesson


@cache
def made(topic: str) -> Lesson:
    """The lesson on a topic; not to be changed."""
    return compute(topic)


def found(topic: str, title: str) -> LessonTable:
    """The table of a lesson whose title begins so."""
    (only,) = [table for table in made(topic).tables if table.title.startswith(title)]
    return only


def records(topic: str, title: str) -> list[dict[str, Any]]:
    """Its rows, each cell under the name of its column."""
    table = found(topic, title)
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table.rows]


def column(topic: str, title: str, key: str, value: str) -> dict[Any, Any]:
    """The cells of one column under those of another."""
    return {record[key]: record[value] for record in records(topic, title)}


def said(topic: str) -> str:
    """All conclusions in one text."""
    return " ".join(made(topic).conclusions)
