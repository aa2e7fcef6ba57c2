"""`report`: of a run that has ended, of one that has not, and of several."""

import json
import shutil
from pathlib import Path

import pytest

from classicnets.training.run import Run
from tests.cli.command import Command
from tests.web.reading import Page

RUN_KEYS = [
    "run", "network", "data", "finished", "epoch", "step", "steps", "images", "top1_error", "top5_error", "interval",
    "train_loss", "images_per_second", "seconds", "interruptions",
]  # fmt: skip


@pytest.fixture
def killed(run: Run, tmp_path: Path) -> Path:
    """The run as it would be had it been killed in its first epoch: ten steps are recorded."""
    folder = tmp_path / "killed"
    shutil.copytree(run.folder, folder, ignore=shutil.ignore_patterns("bundle", "metrics.csv", "report.html"))
    recorded = (folder / "steps.csv").read_text().splitlines(keepends=True)
    (folder / "steps.csv").write_text("".join(recorded[:11]))
    return folder


def test_of_a_run_that_has_ended_the_page_is_the_one_that_train_wrote(
    command: Command, run: Run, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    outcome = command("report", run.folder, "--html", page)
    assert outcome.code == 0
    assert outcome.out.splitlines()[-1] == f"report  {page}"
    assert page.read_bytes() == run.report.read_bytes()


def test_of_a_run_that_was_killed_it_shows_what_is_recorded(command: Command, killed: Path) -> None:
    outcome = command("report", killed)
    assert outcome.code == 0
    assert "step 10 of 45" in outcome.out
    page = Page((killed / "report.html").read_text(encoding="utf-8"))
    assert "Not finished: 10 of 45 steps are recorded." in page.texts
    assert any("curve-step-loss" in script for script in page.scripts)
    assert any("network: lenet5" in text for text in page.texts)


def test_json_has_stable_keys_and_writes_no_page(command: Command, run: Run, killed: Path) -> None:
    outcome = command("report", run.folder, killed, "--json")
    told = json.loads(outcome.out)
    assert list(told) == ["runs", "differences"]
    assert told["differences"] == {}
    ended, half = told["runs"]
    assert list(ended) == list(half) == RUN_KEYS
    evaluation = run.evaluation
    assert ended["top1_error"] == pytest.approx(evaluation.top1_error, rel=1e-5)
    assert ended["interval"] == pytest.approx(list(evaluation.interval), rel=1e-5)
    assert (ended["finished"], ended["epoch"], ended["step"], ended["steps"], ended["images"]) == (True, 1, 45, 45, 360)
    assert (half["finished"], half["epoch"], half["step"], half["steps"]) == (False, 0, 10, 45)
    assert (half["top1_error"], half["interval"], half["images"]) == (None, None, None)
    assert not (killed / "report.html").exists()


def test_several_runs_stand_beside_each_other(command: Command, run: Run, killed: Path, tmp_path: Path) -> None:
    recipe = killed / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("seed: 0", "seed: 7").replace("lr: ", "lr: 1"))
    page = tmp_path / "page.html"
    outcome = command("report", run.folder, killed, "--html", page)
    assert outcome.code == 0
    found = Page(page.read_text(encoding="utf-8"))
    runs, unlike = found.tables
    assert [row[0] for row in runs] == ["run", "first", "killed"]
    assert [row[-1] for row in runs[1:]] == ["", "step 10 of 45"]
    assert runs[1][4] == f"{run.evaluation.top1_error:.2f}"
    assert [row[0] for row in unlike[1:]] == ["seed", "optimizer.lr"]
    assert unlike[1] == ["seed", "0", "7"]
    drawings = [script for script in found.scripts if "Plotly.newPlot(" in script and len(script) < 1_000_000]
    assert len(drawings) == 8
    for name in ('"first"', '"killed"'):
        assert sum(name in drawing for drawing in drawings) >= 5
    for text in ("first", "killed", "optimizer.lr", f"report  {page}"):
        assert text in outcome.out


def test_what_is_no_run_is_a_mistake(command: Command, run: Run, tmp_path: Path) -> None:
    assert "there is no run in" in command("report", tmp_path).mistake()
    assert "there is no run in" in command("report", run.folder, tmp_path / "nowhere", "--json").mistake()
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "recipe.yaml").write_text("network: lenet5\ndata: digits\n")
    assert "step 0" in command("report", broken).out, "a run that has not begun"
    (broken / "steps.csv").write_text("step\nabc\n")
    assert "steps.csv is no table of numbers" in command("report", broken).mistake()


def test_beside_a_run_that_goes_on_nothing_of_it_is_touched(command: Command, killed: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in killed.rglob("*") if path.is_file()}
    assert command("report", killed).code == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
