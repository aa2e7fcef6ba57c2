"""What teaching notes get wrong: lines that they carry from one to the next, each with its verdict and what holds."""

from classicnets.inspection.lessons.form import Lesson, LessonTable, Progress, stepped, table, text
from classicnets.inspection.lessons.misquoted import FIGURES, Figure
from classicnets.inspection.lessons.note_lines import FLOAT, NOTES, vgg16_values
from classicnets.inspection.lessons.paper_lines import Note


def lesson(progress: Progress) -> Lesson:
    """The lesson."""
    made = [make() for make in stepped((*NOTES, *FIGURES), progress)]
    notes = [line for line in made if isinstance(line, Note)]
    figures = [figure for figure in made if isinstance(figure, Figure)]
    verdicts = [note.verdict for note in notes]
    counts = {verdict: verdicts.count(verdict) for verdict in ("right", "imprecise", "wrong")}
    memory = vgg16_values()
    return Lesson(
        topic="notes",
        title="What teaching notes get wrong",
        question="Which lines that notes and slides copy from each other hold, and what are the right figures?",
        tables=(_of_notes(notes), _of_figures(figures)),
        conclusions=(
            f"Of {len(notes)} lines {counts['right']} are right, {counts['imprecise']} imprecise and {counts['wrong']}"
            f" wrong; {sum(note.by != 'paper' for note in notes)} can be computed, and are, from the networks"
            " themselves.",
            f"The most copied wrong figure is VGG-16's memory: {memory:,} values are {memory * FLOAT / 1e6:.1f} MB in"
            " float32, not 24 million and 96 MB.",
            "Errors compare only under one protocol: one network or several, one crop or many, validation or test.",
        ),
    )


def _of_notes(notes: list[Note]) -> LessonTable:
    columns = (text("line"), text("what the notes say"), text("verdict"), text("what holds"), text("by"))
    return table(
        "Lines of teaching notes", columns, [(f"{number}", *note) for number, note in enumerate(notes, start=1)]
    )


def _of_figures(figures: list[Figure]) -> LessonTable:
    columns = (text("figure"), text("often quoted"), text("what holds"), text("by"))
    return table("Figures often quoted wrongly", columns, figures)
