"""Every lesson has its tables and conclusions in one form, whatever it is about."""

import re
import subprocess
import sys
from typing import get_args

import pytest
import torch

from classicnets.errors import UsageError
from classicnets.inspection import lessons
from classicnets.inspection.lessons.form import Column, Kind, LessonTable, table, times, written
from classicnets.inspection.lessons.gradients import first_step
from tests.inspection.lessons.made import made

TOPICS = list(lessons.lessons())


def test_the_topics_are_those_that_notes_teach() -> None:
    assert set(TOPICS) >= {
        *("small-kernels", "bottleneck", "factorised", "inception", "fully-connected", "average-pooling", "groups"),
        *("shortcut-memory", "why-addition", "notes", "degradation", "receptive-field"),
    }
    assert all(len(summary) <= 80 for summary in lessons.lessons().values())


@pytest.mark.parametrize("topic", TOPICS)
def test_a_lesson_has_a_question_tables_and_what_to_see_in_them(topic: str) -> None:
    lesson = made(topic)
    assert lesson.topic == topic
    assert lesson.question.endswith("?")
    assert all(part.rows for part in lesson.tables)
    assert len(lesson.tables) >= 2
    assert 2 <= len(lesson.conclusions) <= 5
    assert all(sentence.endswith(".") for sentence in lesson.conclusions)


@pytest.mark.parametrize("topic", TOPICS)
def test_numbers_are_numbers_and_columns_have_names_of_their_own(topic: str) -> None:
    for part in made(topic).tables:
        names = [column.name for column in part.columns]
        assert len(set(names)) == len(names)
        for row in part.rows:
            for column, cell in zip(part.columns, row, strict=True):
                assert column.kind in get_args(Kind)
                assert column.kind != "text" or cell is None or isinstance(cell, str)


@pytest.mark.parametrize("topic", TOPICS)
def test_conclusions_give_figures_and_leave_nothing_unfilled(topic: str) -> None:
    text = " ".join(made(topic).conclusions)
    assert re.search(r"\d", text)
    assert not re.search(r"None|nan|inf\b|[{}]", text)


def test_an_unknown_topic_names_near_ones() -> None:
    with pytest.raises(UsageError, match=r"no topic 'bottlenek'; did you mean bottleneck\?"):
        lessons.lesson("bottlenek")


def test_progress_counts_to_the_end() -> None:
    seen: list[tuple[int, int]] = []
    lessons.lesson("small-kernels", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_the_list_of_topics_needs_no_torch() -> None:
    code = "import sys; from classicnets.inspection import lessons; lessons.lessons(); print('torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_gradients_leave_random_numbers_as_they_were() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    first_step("preact_resnet20_cifar", activation="original", shortcut="dropout")
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.parametrize(
    ("cell", "kind", "text"),
    [
        (1814073344, "count", "1,814,073,344"),
        (1814073344, "short", "1.81 G"),
        (6422528, "bytes", "6.42 MB"),
        (0.7428, "share", "74.3%"),
        (12.35, "percent", "12.35%"),
        (2.81, "factor", "2.8x"),
        (0.831, "factor", "0.83x"),
        (-0.001, "decimal", "0.00"),
        (0.0, "scientific", "0"),
        (2.2e-16, "scientific", "2.2e-16"),
        (0.036, "scientific", "0.036"),
        (None, "count", ""),
        ("fails", "percent", "fails"),
    ],
)
def test_cells_are_written_by_the_kind_of_their_column(cell: float | str | None, kind: Kind, text: str) -> None:
    assert written(cell, kind) == text


def test_a_hundred_times_as_much_has_no_decimals() -> None:
    assert [times(99.4), times(99.6), times(612.4)] == ["99.4x", "100x", "612x"]


def test_gradients_are_the_same_each_time() -> None:
    once, again = (first_step("preact_resnet20_cifar", shortcut="dropout") for _ in range(2))
    assert once.norm("conv2_1") == again.norm("conv2_1") > 0
    assert once.network.training


def test_a_row_must_fill_its_table() -> None:
    with pytest.raises(AssertionError, match="has not 2 cells"):
        table("sizes", [Column("one"), Column("two")], [("alone",)])
    assert isinstance(table("sizes", [Column("one")], [("alone",)]), LessonTable)
