"""`explain`: what the classic networks teach, with figures from networks that are really built."""

from typing import TYPE_CHECKING, Annotated

import typer

from classicnets.cli.options import AsJson
from classicnets.cli.output import as_json, console, progress_bar, say, table

if TYPE_CHECKING:
    from classicnets.inspection.lessons.form import Lesson, LessonTable


def explain(
    topic: Annotated[
        str | None, typer.Argument(metavar="TOPIC", help="One of those that are listed without a topic.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Explain one thing that the classic networks teach, by tables computed from them; without a topic list them all.

    Example: classicnets explain small-kernels
    """
    from classicnets.inspection.lessons import lesson, lessons

    if topic is None:
        _list(lessons(), json=json)
        return
    with progress_bar(topic, unit="steps") as bar:
        made = lesson(topic, progress=bar.reached)
    if json:
        as_json(made)
    else:
        _say(made)


def _list(topics: dict[str, str], *, json: bool) -> None:
    if json:
        as_json([{"topic": topic, "summary": summary} for topic, summary in topics.items()])
        return
    made = table("topic", "what it is about")
    made.columns[0].no_wrap = True
    for topic, summary in topics.items():
        made.add_row(topic, summary)
    console().print(made)


def _say(lesson: "Lesson") -> None:
    say(lesson.title, style="bold")
    say(lesson.question)
    for part in lesson.tables:
        say(f"\n{part.title}", style="bold")
        _print(part)
    say("")
    for conclusion in lesson.conclusions:
        say(f"- {conclusion}")
    for said in lesson.papers:
        say(f"paper: {said}", style="dim")


def _print(part: "LessonTable") -> None:
    from rich.markup import escape

    names = [column.name for column in part.columns]
    rows = part.shown()
    made = table(*names, numbers=[column.name for column in part.columns if column.kind != "text"])
    for column, shown, cells in zip(part.columns, made.columns, zip(*rows, strict=True), strict=True):
        if column.kind != "text":  # what does not fit breaks words, and no numbers
            shown.min_width = max(map(len, cells))
    made.columns[0].no_wrap = True
    for row in rows:
        made.add_row(*map(escape, row))
    console().print(made)
