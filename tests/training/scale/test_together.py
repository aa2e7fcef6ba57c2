"""Several processes train as one would: real processes, connected by gloo."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from classicnets.training.checkpoints import checkpoints
from tests.training.scale.together import WORKER, free_port, quietly, read_losses, run_together
from tests.training.small_runs import LENET5, run, weights

# Batch normalisation, random crops, mixed pairs of images, an average of the weights. 1,437 images make 11 batches of
# 128 and one of 29, which do not go round evenly.
ARGUMENTS = (
    *("train", "resnet8_cifar", "--data", "digits", "--epochs", "2"),
    *("--set", "options.input_size=8", "--set", "batch_size=128", "--set", "augmentation={pad: 1, mix: {mixup: 0.2}}"),
    *("--set", "average=0.9", "--set", "checkpoint_steps=5"),
    *("--set", "optimizer={name: sgd, lr: 0.05, momentum: 0.9, weight_decay: 1.0e-4}"),
)
STEPS = 24
DOUBLE = ("--set", "precision=fp64")
SINGLE = ("--set", "precision=fp32")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alone")
    _train(1, folder, *DOUBLE)
    return folder


@pytest.mark.parametrize("processes", [2, 4])
def test_the_losses_are_those_of_one_process(alone: Path, tmp_path: Path, processes: int) -> None:
    _train(processes, tmp_path, *DOUBLE)
    expected, got = read_losses(alone / "losses"), read_losses(tmp_path / "losses")
    assert len(expected) == len(got) == STEPS
    assert got == pytest.approx(expected, rel=1e-9)
    _assert_close(alone, tmp_path, rtol=1e-5)
    assert _metrics(tmp_path)["test_error"] == _metrics(alone)["test_error"]
    assert float(_metrics(tmp_path)["train_loss"]) == pytest.approx(float(_metrics(alone)["train_loss"]), rel=1e-5)


def test_spread_weights_are_killed_and_end_on_one_process_as_if_it_had_been_alone(alone: Path, tmp_path: Path) -> None:
    _train(2, tmp_path, *SINGLE, "--strategy", "fsdp", die_at=18)
    assert checkpoints(tmp_path / "run" / "checkpoints")[-1].name == "step-000000015.ckpt"
    assert not (tmp_path / "run" / "report.html").exists()
    _train(1, tmp_path, *SINGLE, "--restartable")
    losses = read_losses(tmp_path / "losses")
    assert losses[:15] + losses[18:] == pytest.approx(read_losses(alone / "losses"), rel=1e-3)
    _assert_close(alone, tmp_path, rtol=1e-2)


def test_pieces_one_after_the_other_are_the_batch(tmp_path: Path) -> None:
    fields = LENET5 | {"precision": "fp64", "batch_size": 100, "average": 0.9}
    at_once, in_pieces = (run(tmp_path / str(count), fields, accumulate=count) for count in (1, 4))
    expected, got = weights(at_once.folder), weights(in_pieces.folder)
    for name, tensor in expected.items():
        torch.testing.assert_close(got[name], tensor, rtol=1e-6, atol=1e-9, msg=name)


def test_processes_of_this_machine_say_one_thing_between_them(tmp_path: Path) -> None:
    arguments = (*ARGUMENTS, *SINGLE, "--epochs", "1", "--out", str(tmp_path / "run"), "--json")
    command = [sys.executable, "-m", "classicnets", *arguments, "--processes", "2"]
    ended = subprocess.run(command, capture_output=True, text=True, env=quietly(), timeout=300)
    assert ended.returncode == 0, ended.stderr
    (line,) = ended.stdout.splitlines()
    told = json.loads(line)
    assert told["images"] == 360
    assert told["bundle"] == str(tmp_path / "run" / "bundle")
    assert ended.stderr.count("epoch 1/1") == 1


def test_tasks_of_slurm_are_processes_too(alone: Path, tmp_path: Path) -> None:
    tasks = []
    job = {"SLURM_JOB_ID": "1", "SLURM_JOB_NAME": "train", "SLURM_NODELIST": "127.0.0.1", "SLURM_NODEID": "0"}
    job |= {"SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2", "SLURM_NNODES": "1", "MASTER_PORT": str(free_port())}
    command = [sys.executable, WORKER, str(tmp_path / "losses"), *ARGUMENTS, *DOUBLE, "--out", str(tmp_path / "run")]
    for number in range(2):
        environment = quietly() | job | {"SLURM_PROCID": str(number), "SLURM_LOCALID": str(number)}
        tasks.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True))
    for task in tasks:
        _, messages = task.communicate(timeout=300)
        assert task.returncode == 0, messages
    assert read_losses(tmp_path / "losses") == pytest.approx(read_losses(alone / "losses"), rel=1e-9)


def _train(processes: int, folder: Path, *extra: str, die_at: int | None = None) -> None:
    arguments = [*ARGUMENTS, *extra, "--out", str(folder / "run")]
    run_together(processes, arguments, folder / "losses", die_at=die_at)


def _metrics(folder: Path) -> dict[str, str]:
    heading, *_, last = (folder / "run" / "metrics.csv").read_text().splitlines()
    return dict(zip(heading.split(","), last.split(","), strict=True))


def _assert_close(one: Path, other: Path, *, rtol: float) -> None:
    expected, got = (load_file(folder / "run" / "bundle" / "model.safetensors") for folder in (one, other))
    assert expected.keys() == got.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(got[name].double(), tensor.double(), rtol=rtol, atol=rtol, msg=name)
