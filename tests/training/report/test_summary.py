"""The report of a real run: it opens, and it says what came out."""

from pathlib import Path

import pytest

from classicnets.training.report.summary import reported_lines
from classicnets.training.run import Run
from tests.training.small_runs import run
from tests.web.reading import Page


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(tmp_path_factory.mktemp("finished") / "run")


@pytest.fixture(scope="module")
def page(finished: Run) -> Page:
    return Page(finished.report.read_text(encoding="utf-8"))


def test_says_what_was_trained_and_what_came_out(finished: Run, page: Page) -> None:
    evaluation = finished.evaluation
    assert page.title == f"lenet5 on digits: {evaluation.top1_error:.2f}% test error"
    text = " ".join(page.texts)
    assert "360" in text
    assert "60,000" in text


def test_shows_right_and_wrong_images_with_their_classes(finished: Run, page: Page) -> None:
    evaluation = finished.evaluation
    assert evaluation.top1_errors > 24, "one epoch must leave enough mistakes for a whole sheet"
    assert len(page.all("img")) == 48
    assert all(image.size == (32, 32) for image in page.images()), "as the network saw them"
    assert len({image.tobytes() for image in page.images()}) > 40


def test_holds_the_recipe_and_the_environment(finished: Run, page: Page) -> None:
    assert (finished.folder / "recipe.yaml").read_text().split()[:4] == ["network:", "lenet5", "options:", "{}"]
    text = " ".join(page.texts)
    assert "network: lenet5" in text
    assert "lightning" in text


def test_repeats_what_the_paper_reported(page: Page) -> None:
    lines = reported_lines("lenet5")
    assert lines
    text = " ".join(page.texts)
    assert all(" ".join(line.split()) in text for line in lines)


def test_a_network_without_reported_results_has_none() -> None:
    assert reported_lines("resnet14_cifar") == ()


def test_few_wrong_images_are_all_shown_and_none_twice(tmp_path: Path) -> None:
    result = run(tmp_path / "run", epochs=6, optimizer={"name": "adamw", "lr": 0.01})
    wrong = result.evaluation.top1_errors
    assert 0 < wrong < 24, "so few that the sheet of wrong ones is not full"
    assert len(Page(result.report.read_text(encoding="utf-8")).all("img")) == 24 + wrong
