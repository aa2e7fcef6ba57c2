"""The records of steps of real runs: right, bounded, and the same after a kill."""

import csv
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch.loggers import CSVLogger

from classicnets.errors import UsageError
from classicnets.training import step_watch
from classicnets.training.module import TrainedNetwork
from classicnets.training.run import resume, train
from classicnets.training.watch import lines
from classicnets.training.watch.lines import StepLine
from classicnets.training.watch.starts import read_starts
from classicnets.training.watch.tables import read_table
from tests.training.small_runs import LENET5, go_on, run, silent, weights
from tests.training.watch.events import scalars, texts

TIMES = {"images_per_second", "waiting", "memory", "seconds"}  # what no two runs have in common

# Trains with ten lines for a whole run, and dies on the spot at a step.
DYING = """
import json, os, signal, sys
from pathlib import Path
import torch
from classicnets.training.module import TrainedNetwork
from classicnets.training.run import train
from classicnets.training.watch import lines

take_step, lines.MOST_LINES, step = TrainedNetwork.training_step, 10, int(sys.argv[1])

def dying_step(module, batch, batch_idx):
    if batch_idx == step:
        os.kill(os.getpid(), signal.SIGKILL)
    return take_step(module, batch, batch_idx)

TrainedNetwork.training_step = dying_step
torch.set_num_threads(1)
train(json.loads(sys.argv[2]), out=Path(sys.argv[3]), record=["tensorboard", "gradients"])
"""


def steps_of(folder: Path) -> list[dict[str, float]]:
    return read_table(folder / "steps.csv")


def untimed(folder: Path) -> list[dict[str, float]]:
    return [{name: value for name, value in line.items() if name not in TIMES} for line in steps_of(folder)]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of an epoch with everything on record."""
    folder = tmp_path_factory.mktemp("recorded") / "run"
    run(folder, record=["tensorboard", "gradients"])
    return folder


class TestLines:
    def test_there_is_one_for_each_step_of_a_short_run(self, recorded: Path) -> None:
        found = steps_of(recorded)
        assert list(found[0]) == list(StepLine.__dataclass_fields__)
        assert [line["step"] for line in found] == list(range(1, 24))
        assert [line["images"] for line in found] == [*range(64, 1437, 64), 1437]
        # Half a cosine: step 12 of 23 stands in its middle.
        assert found[11]["learning_rate"] == pytest.approx(0.005 / 2)
        assert all(0 <= line["waiting"] <= 100 for line in found)
        assert all(line["memory"] > 50e6 for line in found), "Python with torch holds more"
        assert sorted(line["seconds"] for line in found) == [line["seconds"] for line in found]

    def test_together_they_are_the_epoch(self, recorded: Path) -> None:
        (epoch,) = read_table(recorded / "metrics.csv")
        found = steps_of(recorded)
        images = [64] * 22 + [29]
        for name in ("loss", "error"):
            mean = sum(line[name] * count for line, count in zip(found, images, strict=True)) / 1437
            assert mean == pytest.approx(epoch[f"train_{name}"], rel=2e-6)

    def test_the_rows_make_the_whole(self, recorded: Path) -> None:
        rows = read_table(recorded / "gradients.csv")
        assert list(rows[0]) == ["step", "C1", "S2", "C3", "S4", "C5", "F6"]
        for line, row in zip(steps_of(recorded), rows, strict=True):
            assert row.pop("step") == line["step"]
            assert sum(norm**2 for norm in row.values()) ** 0.5 == pytest.approx(line["gradient_norm"], rel=1e-5)

    def test_a_start_tells_with_what(self, recorded: Path) -> None:
        (start,) = read_starts(recorded)
        assert (start.done, start.steps, start.steps_an_epoch) == (0, 23, 23)
        assert start.environment["python"] == sys.version.split()[0]

    def test_rows_are_not_recorded_unless_asked_for(self, tmp_path: Path) -> None:
        run(tmp_path / "run", batch_size=2000)
        assert (tmp_path / "run" / "steps.csv").is_file()
        assert not (tmp_path / "run" / "gradients.csv").exists()
        assert not (tmp_path / "run" / "tensorboard").exists()


class TestGradientNorm:
    FIELDS: dict[str, Any] = {  # noqa: RUF012
        "optimizer": {"name": "sgd", "lr": 1.0, "momentum": 0.0, "weight_decay": 0.0},
        "schedule": {"name": "constant"},
        "batch_size": 1437,
    }

    def norm(self, folder: Path, **more: Any) -> float:
        run(folder, **{**self.FIELDS, **more})
        (line,) = steps_of(folder)
        return line["gradient_norm"]

    def test_is_how_far_a_plain_step_goes(self, tmp_path: Path) -> None:
        norm = self.norm(tmp_path / "one")
        standing = {"name": "sgd", "lr": 1e-30, "momentum": 0.0, "weight_decay": 0.0}
        self.norm(tmp_path / "none", optimizer=standing)
        before, after = weights(tmp_path / "none"), weights(tmp_path / "one")
        moved = sum(float((after[name] - before[name]).double().square().sum()) for name in before) ** 0.5
        assert norm == pytest.approx(moved, rel=1e-4)

    def test_is_taken_of_the_whole_batch_before_it_is_clipped(self, tmp_path: Path) -> None:
        norm = self.norm(tmp_path / "plain")
        assert norm > 1
        assert self.norm(tmp_path / "clipped", clip_norm=0.01) == pytest.approx(norm)
        assert self.norm(tmp_path / "accumulated", accumulate=4) == pytest.approx(norm, rel=1e-4)


@pytest.fixture
def ten_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MOST_LINES", 10)


@pytest.mark.usefixtures("ten_lines")
def test_after_a_kill_the_lines_are_those_of_an_undisturbed_run(tmp_path: Path) -> None:
    fields = {**LENET5, "epochs": 2, "checkpoint_steps": 7, "augmentation": {"pad": 2}}
    undisturbed, folder = tmp_path / "undisturbed", tmp_path / "run"
    record = ["tensorboard", "gradients"]
    train(fields, out=undisturbed, console=silent(), record=record)
    command = [sys.executable, "-c", DYING, "33", json.dumps(fields), str(folder)]
    died = subprocess.run(command, capture_output=True, text=True)
    assert died.returncode == -signal.SIGKILL, died.stderr
    resume(folder, console=silent(), record=record)
    # Lines of five steps, of which a checkpoint after step 28 and the end of the epoch at step 23 cut one in two.
    assert [line["step"] for line in untimed(folder)] == [5, 10, 15, 20, 25, 30, 35, 40, 45, 46]
    assert [line["epoch"] for line in untimed(folder)] == [1, 1, 1, 1, 2, 2, 2, 2, 2, 2]
    assert untimed(folder) == untimed(undisturbed)
    assert (folder / "gradients.csv").read_bytes() == (undisturbed / "gradients.csv").read_bytes()
    assert [start.done for start in read_starts(folder)] == [0, 28]
    for tag in ("train/loss", "test/error", "gradient_norm_of/C5"):
        assert scalars(folder / "tensorboard", tag) == scalars(undisturbed / "tensorboard", tag)
    assert [step for step, _ in scalars(folder / "tensorboard", "test/error")] == [23, 46]


def test_a_run_that_ended_before_its_first_checkpoint_can_be_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_step = TrainedNetwork.training_step

    def failing_step(module: TrainedNetwork, batch: Any, batch_idx: int) -> Any:
        if batch_idx == 9:
            raise ArithmeticError
        return take_step(module, batch, batch_idx)

    folder = tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(TrainedNetwork, "training_step", failing_step)
        patched.setattr(step_watch, "_SECONDS_BETWEEN_WRITES", 0.0)
        with pytest.raises(ArithmeticError):
            run(folder, record=["tensorboard"])
    assert [line["step"] for line in steps_of(folder)] == list(range(1, 10))
    run(folder, record=["tensorboard"])
    assert [line["step"] for line in steps_of(folder)] == list(range(1, 24))
    assert [step for step, _ in scalars(folder / "tensorboard", "train/loss")] == list(range(1, 24))
    assert [start.done for start in read_starts(folder)] == [0]


class TestLoggers:
    def test_event_files_say_what_the_tables_say(self, recorded: Path) -> None:
        folder = recorded / "tensorboard"
        for tag, name in (("train/loss", "loss"), ("gradient_norm", "gradient_norm"), ("learning_rate",) * 2):
            assert [step for step, _ in scalars(folder, tag)] == list(range(1, 24))
            values = [line[name] for line in steps_of(recorded)]
            assert [value for _, value in scalars(folder, tag)] == pytest.approx(values, rel=1e-6)
        (epoch,) = read_table(recorded / "metrics.csv")
        for tag in ("loss", "error", "error_top5"):
            ((step, value),) = scalars(folder, f"test/{tag}")
            assert step == 23
            assert value == pytest.approx(epoch[f"test_{tag}"], rel=1e-5)
        assert len(scalars(folder, "gradient_norm_of/F6")) == 23
        (recipe,) = texts(folder)
        assert "network: lenet5" in recipe

    def test_a_logger_of_lightning_is_told_in_the_order_of_the_steps(self, tmp_path: Path) -> None:
        logger = CSVLogger(tmp_path / "log", name="")
        train({**LENET5, "epochs": 2, "batch_size": 500}, out=tmp_path / "run", console=silent(), loggers=[logger])
        with (Path(logger.log_dir) / "metrics.csv").open(newline="") as file:
            told = list(csv.DictReader(file))
        assert [int(line["step"]) for line in told if line["train/loss"]] == [1, 2, 3, 4, 5, 6]
        assert [int(line["step"]) for line in told if line["test/error"]] == [3, 6]
        assert sorted(int(line["step"]) for line in told) == [int(line["step"]) for line in told]
        assert "network: lenet5" in (Path(logger.log_dir) / "hparams.yaml").read_text()

    def test_an_unknown_record_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(
            UsageError, match=r"--record tensorbord: there is no such record; did you mean tensorboard\?"
        ):
            run(tmp_path / "run", record=["tensorbord"])

    def test_what_writes_event_files_is_named_where_it_is_missing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "tensorboardX", None)
        with pytest.raises(UsageError, match=r"tensorboardX, which is not installed: .*classicnets\[tensorboard\]"):
            train(LENET5, out=tmp_path / "run", console=silent(), record=["tensorboard"])


def test_a_finished_run_that_is_resumed_keeps_its_records(recorded: Path) -> None:
    before = (recorded / "steps.csv").read_bytes()
    go_on(recorded)
    assert (recorded / "steps.csv").read_bytes() == before
