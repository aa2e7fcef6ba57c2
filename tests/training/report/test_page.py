"""The report of a run: read back with the standard library's parser, as a browser would."""

import itertools
import os
import platform
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from classicnets.errors import UsageError
from classicnets.training.report.confusion import MOST_CLASSES_DRAWN, confusion_matrix
from classicnets.training.report.page import LastTest, Report, ShownImage, write_report
from classicnets.training.watch.environment import environment
from tests.web.reading import Page

HOSTILE = "</script><script>alert('x')</script><img src=http://example.org/x onerror=alert(1)> & \"cat\""
MOST_BYTES = 5_700_000  # plotly alone is 4.8 million


def epoch(number: int) -> Mapping[str, float]:
    return {
        "epoch": number,
        "step": 12 * number,
        "learning_rate": 0.05 / number,
        "train_loss": 2.3 / number,
        "train_error": 80 / number,
        "test_loss": 2.4 / number,
        "test_error": 81.5 / number,
        "test_error_top5": 20 / number,
        "images_per_second": 9876.5,
        "seconds": 1.25,
    }


def image(shape: tuple[int, int, int], *, label: int = 0, predicted: int = 0) -> ShownImage:
    pixels = np.random.default_rng(0).integers(0, 256, size=shape, dtype=np.uint8)
    return ShownImage(pixels=pixels, label=label, predicted=predicted, probability=0.834)


def confusion(classes: int) -> npt.NDArray[np.int64]:
    """Nine images of each class right, and one called the next class."""
    return 9 * np.eye(classes, dtype=np.int64) + np.roll(np.eye(classes, dtype=np.int64), 1, axis=1)


def report_of(classes: tuple[str, ...]) -> Report:
    return Report(
        title="lenet5 on digits",
        history=tuple(epoch(number) for number in range(1, 4)),
        result={
            "images": 10 * len(classes),
            "top1_error": 10.0,
            "top5_error": 1.25,
            "interval_low": 5.523,
            "interval_high": 17.437,
            "parameters": 61706,
            "seconds": 252.4,
        },
        reported=("0.95% test error on MNIST",),
        tested=LastTest(
            classes=classes,
            confusion=confusion(len(classes)),
            right=(image((8, 8, 1)), image((8, 8, 1))),
            wrong=(image((8, 8, 1), predicted=1),),
        ),
        recipe="network: lenet5\nseed: 0\n",
        environment={"python": "3.11.7", "processor": "Test <CPU>"},
    )


def retested(report: Report, **changed: Any) -> Report:
    """The report with another test."""
    assert report.tested is not None
    return replace(report, tested=replace(report.tested, **changed))


@pytest.fixture
def digits() -> Report:
    return report_of(tuple(str(digit) for digit in range(10)))


def written(report: Report, folder: Path) -> Page:
    path = folder / "report.html"
    write_report(path, report)
    assert path.stat().st_size < MOST_BYTES
    return Page(path.read_text(encoding="utf-8"))


def test_the_page_says_what_came_out(digits: Report, tmp_path: Path) -> None:
    page = written(digits, tmp_path)
    assert page.title == "lenet5 on digits: 10.00% test error"
    for text in (
        "lenet5 on digits",
        "10.00%",
        "95% interval 5.52 to 17.44%",
        "1.25%",
        "100",
        "10 named wrong",
        "61,706",
        "4 min 12 s",
        "3 epochs",
        "0.95% test error on MNIST",
        "true: 0, said: 1 (83%)",
        "network: lenet5 seed: 0",
        "Test <CPU>",
    ):
        assert text in page.texts


def test_the_table_of_epochs_has_every_number(digits: Report, tmp_path: Path) -> None:
    texts = written(digits, tmp_path).texts
    heads = texts.index("epoch")
    assert texts[heads + 10 : heads + 20] == [
        "1", "12", "0.05", "2.3", "80.00", "2.4", "81.50", "20.00", "9,876", "1.2"
    ]  # fmt: skip
    assert texts[heads + 30 : heads + 33] == ["3", "36", "0.0167"]


def test_nothing_is_fetched(digits: Report, tmp_path: Path) -> None:
    page = written(digits, tmp_path)
    for tag, attributes in page.elements:
        for name in ("src", "href", "srcset", "action", "data", "poster"):
            value = attributes.get(name)
            assert value is None or value.startswith("data:"), (tag, name)
    assert not page.all("link")
    policy = [meta["content"] or "" for meta in page.all("meta") if "http-equiv" in meta]
    assert len(policy) == 1
    assert policy[0].startswith("default-src 'none';")


def test_the_drawing_library_stands_in_the_page_once(digits: Report, tmp_path: Path) -> None:
    page = written(digits, tmp_path)
    assert sum(len(script) > 1_000_000 for script in page.scripts) == 1
    drawings = [script for script in page.scripts[1:] if "Plotly.newPlot(" in script]
    for name in ("curve-loss", "curve-error", "curve-learning-rate", "curve-throughput", "confusion-matrix"):
        assert sum(f'"{name}"' in drawing for drawing in drawings) == 1
        assert {"id": name, "class": "plotly-graph-div", "style": "height:100%; width:100%;"} in page.all("div")


def test_hostile_names_are_shown_and_not_obeyed(tmp_path: Path) -> None:
    hostile = replace(
        report_of((HOSTILE, "dog")),
        title=HOSTILE,
        reported=(HOSTILE,),
        recipe=HOSTILE,
        environment={HOSTILE: HOSTILE, "python": "3.11.7"},
    )
    page = written(hostile, tmp_path)
    plain = written(report_of(("cat", "dog")), tmp_path)
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in plain.elements]
    assert page.texts.count(HOSTILE) >= 6
    assert f"Test image, true: {HOSTILE}, said: dog (83%)" in [shown["alt"] for shown in page.all("img")]
    drawing = next(script for script in page.scripts if "confusion-matrix" in script)
    assert "alert(" in drawing
    # The drawing library reads tags in texts, so names must reach it escaped, and no script may end inside one.
    assert "<" not in drawing[drawing.index("alert(") - 100 : drawing.index("alert(") + 100]
    assert "\\u003cscript" not in drawing
    assert "&lt;script" in drawing


def test_images_are_pictures_of_the_pixels(digits: Report, tmp_path: Path) -> None:
    grey, colour, photo = image((28, 20, 1)), image((32, 32, 3)), image((224, 160, 3))
    page = written(retested(digits, wrong=(grey, colour), right=(photo,)), tmp_path)
    first, second, third = page.images()
    np.testing.assert_array_equal(np.asarray(first), grey.pixels[:, :, 0])
    np.testing.assert_array_equal(np.asarray(second), colour.pixels)
    assert max(third.size) == 96
    sizes = [(shown["width"], shown["height"]) for shown in page.all("img")]
    assert sizes == [("60", "84"), ("96", "96"), (str(third.width), "96")]
    assert ["class" in shown for shown in page.all("img")] == [True, True, False]


def test_headings_tables_and_figures_serve_a_screen_reader(digits: Report, tmp_path: Path) -> None:
    page = written(digits, tmp_path)
    levels = [int(tag[1]) for tag, _ in page.elements if tag in {"h1", "h2", "h3"}]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert page.all("html") == [{"lang": "en"}]
    assert all(head.get("scope") in {"col", "row"} for head in page.all("th"))
    assert all(shown["alt"] for shown in page.all("img"))
    assert all(figure["aria-label"] for figure in page.all("div") if figure.get("role") == "img")
    identifiers = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))


def test_the_most_frequent_mistakes_come_first(digits: Report, tmp_path: Path) -> None:
    counts = np.diag(np.full(10, 90))
    counts[7, 1], counts[3, 5] = 8, 30
    texts = written(retested(digits, confusion=counts), tmp_path).texts
    pairs = texts[texts.index("of the true class") + 1 :]
    assert pairs[:8] == ["3", "5", "30", "25.0%", "7", "1", "8", "8.2%"]
    classes = texts[texts.index("most often said instead") + 1 :]
    assert classes[:10] == ["3", "120", "30", "25.00", "5", "7", "98", "8", "8.16", "1"]


def test_a_flawless_network_has_no_mistakes_to_show(digits: Report, tmp_path: Path) -> None:
    flawless = retested(digits, confusion=np.diag(np.full(10, 36)), wrong=(), right=())
    texts = written(flawless, tmp_path).texts
    assert "No test image was named wrong." in texts
    assert texts.count("None to show.") == 2


def test_a_class_without_test_images_has_no_error(digits: Report, tmp_path: Path) -> None:
    texts = written(retested(digits, confusion=np.zeros((10, 10), dtype=np.int64)), tmp_path).texts
    assert texts.count("–") == 10


@pytest.mark.parametrize("count", [1, 2, 10, 13, 31, 1000])
def test_any_number_of_classes(count: int, tmp_path: Path) -> None:
    names = tuple(f"class {label} " + "with a long name " * (label % 7) for label in range(count))
    report = report_of(names)
    page = written(retested(report, wrong=()) if count == 1 else report, tmp_path)
    assert ("Top-5 error" in page.texts) == (count > 5)
    assert f"The other {count - 20} classes" in page.texts or count <= 20
    if count > MOST_CLASSES_DRAWN:
        assert any(f"Drawn are the 30 of {count:,} classes" in text for text in page.texts)


def test_one_epoch_none_and_missing_numbers(digits: Report, tmp_path: Path) -> None:
    assert "1 epoch" in written(replace(digits, history=(epoch(1),)), tmp_path).texts
    assert "No epoch was recorded." in written(replace(digits, history=()), tmp_path).texts
    texts = written(replace(digits, history=({"train_loss": float("nan")}, {"test_error": 3.0})), tmp_path).texts
    assert "Loss" in texts
    assert "Error" in texts
    assert "Throughput" not in texts
    bare = written(replace(digits, result={"images": 100}, reported=()), tmp_path)
    assert bare.title == "lenet5 on digits"
    assert "What the paper reported" not in bare.texts


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.44, "0.4 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (3599.7, "1 h 00 min"), (7500, "2 h 05 min")],
)
def test_times_are_said_as_a_person_says_them(seconds: float, said: str, digits: Report, tmp_path: Path) -> None:
    assert said in written(replace(digits, result={**digits.result, "seconds": seconds}), tmp_path).texts


def test_the_classes_with_most_mistakes_are_drawn() -> None:
    counts = 9 * np.eye(100, dtype=np.int64)
    counts[40:70, 3] += 2
    figure = confusion_matrix(counts, [f"name{label}" for label in range(100)])
    assert '"name3"' in figure.fragment
    assert '"name68"' in figure.fragment
    assert '"name69"' not in figure.fragment


def step(number: int) -> Mapping[str, float]:
    return {
        "epoch": 1,
        "step": 10 * number,
        "images": 640 * number,
        "learning_rate": 0.05,
        "loss": 2.3 / number,
        "error": 80 / number,
        "gradient_norm": 3.0 / number,
        "images_per_second": 640.0 if number % 2 else 320.0,
        "waiting": 10.0 if number % 2 else 40.0,
        "memory": 1.5e9,
        "seconds": 2.0 * number,
    }


def test_steps_are_drawn_and_interruptions_marked(digits: Report, tmp_path: Path) -> None:
    steps = tuple(step(number) for number in range(1, 5))
    gradients = tuple({"step": 10.0 * n, "C1": 0.01 / n, "S2": 0.0, "F6<b>": 20.0} for n in range(1, 5))
    page = written(replace(digits, steps=steps, gradients=gradients, interruptions=(20, 30)), tmp_path)
    drawings = {name: script for script in page.scripts for name in drawn(script)}
    by_step = ["loss", "error", "learning-rate", "gradient-norm", "images-per-second", "waiting"]
    wanted = ["curve-loss", "curve-error", *(f"curve-step-{name}" for name in by_step), "gradient-strip-figure"]
    assert set(wanted) | {"confusion-matrix"} == drawings.keys()
    assert all(drawings[name].count('"dash":"dot"') == 2 for name in wanted[2:])
    assert '"type":"log"' in drawings["curve-step-gradient-norm"]
    assert "F6&lt;b&gt;" in drawings["gradient-strip-figure"]
    text = " ".join(page.texts)
    assert "after step 20, 30" in text
    assert "1.50 GB" in text
    # Half of the images take a third of the time, in which a tenth is spent waiting; in the rest it is two fifths.
    assert "30.0% of the time, for images" in text


def drawn(script: str) -> list[str]:
    return re.findall(r'Plotly\.newPlot\(\s*"([^"]+)"', script)


def test_a_run_that_has_not_ended_has_no_test_to_show(digits: Report, tmp_path: Path) -> None:
    state = "Not finished: 20 of 40 steps are recorded."
    page = written(replace(digits, tested=None, state=state, steps=(step(1), step(2))), tmp_path)
    assert state in page.texts
    assert "Confusion matrix" not in page.texts
    assert "10.00%" in page.texts
    assert not page.all("img")
    bare = written(
        replace(digits, tested=None, state=state, history=(), result={"seconds": 0.0}, environment={}), tmp_path
    )
    assert bare.title == "lenet5 on digits"
    assert "Environment" not in bare.texts


def test_a_matrix_of_another_size_is_refused(digits: Report) -> None:
    with pytest.raises(ValueError, match=r"shape \(9, 9\) for 10 classes; give one of shape \(10, 10\)"):
        retested(digits, confusion=confusion(9))


def test_the_former_report_survives_a_folder_that_refuses(digits: Report, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("kept")
    with pytest.raises(UsageError, match="cannot write"):
        write_report(blocked / "report.html", digits)
    assert blocked.read_text() == "kept"


def test_the_environment_is_this_one() -> None:
    found = environment()
    assert found["python"] == platform.python_version()
    assert found["torch"] == torch.__version__
    assert found["cores"] == str(os.cpu_count())
    assert found["precision support"].startswith("float32")
    assert {"classicnets", "lightning", "numpy", "platform", "processor", "threads"} <= found.keys()
    assert all(found.values())
