"""A run that is killed and resumed ends as if it had never stopped: real processes, real signals."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from sklearn.datasets import load_digits

from classicnets.training.checkpoints import checkpoints, read_checkpoint

# A residual network with an average of its weights, momentum, random crops and mixed pairs of images that worker
# processes read from files, each batch taken in two pieces.
ARGUMENTS = (
    *("train", "resnet8_cifar", "--epochs", "4", "--set", "batch_size=64", "--set", "options.input_size=16"),
    *("--set", "average=0.9", "--set", "checkpoint_steps=4", "--set", "clip_norm=5.0"),
    *("--set", "augmentation={pad: 2, mix: {mixup: 0.4}}", "--set", "accumulate=2", "--set", "workers=2"),
)
STEPS = 4 * 10  # of 800 images in files 640 are to learn from
PIECES = 2 * STEPS

# Runs the command, but dies on the spot: at a step, or with a checkpoint half written.
DYING = """
import os, signal, sys
import torch
from classicnets.cli import main
from classicnets.training.module import TrainedNetwork

when, step = sys.argv.pop(1), int(sys.argv.pop(1))
take_step, save = TrainedNetwork.training_step, torch.save

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def dying_step(module, batch, batch_idx):
    if when == "step" and batch_idx == step:
        die()
    return take_step(module, batch, batch_idx)

def dying_save(content, file):
    if when == "save" and content["global_step"] >= step:
        file.write(b"half a checkpoint")
        file.flush()
        die()
    save(content, file)

TrainedNetwork.training_step, torch.save = dying_step, dying_save
main()
"""


@pytest.fixture(scope="module")
def arguments(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command, for 800 handwritten digits in files."""
    photographs = tmp_path_factory.mktemp("photographs")
    images, labels = load_digits(return_X_y=True)
    for number, (image, label) in enumerate(zip(images[:800], labels[:800], strict=True)):
        path = photographs / str(label) / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray((image.reshape(8, 8) * 15).astype(np.uint8)).save(path)
    return [*ARGUMENTS, "--data", f"folder:{photographs}"]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, arguments: list[str]) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted") / "run"
    _finish(folder, arguments)
    return folder


def test_killed_at_three_random_steps_ends_with_the_same_tensors(
    uninterrupted: Path, arguments: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    steps = sorted(random.sample(range(1, PIECES), 3))
    for number, step in enumerate(steps):
        _die(folder, arguments, "step", step, resume=number > 0)
    _finish(folder, arguments, "--resume")
    _assert_same(uninterrupted, folder, f"killed at pieces {steps}")


def test_killed_while_writing_a_checkpoint_ends_with_the_same_tensors(
    uninterrupted: Path, arguments: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    _die(folder, arguments, "save", 20, resume=False)
    assert checkpoints(folder / "checkpoints")[-1].name == "step-000000016.ckpt"
    _finish(folder, arguments, "--resume")
    _assert_same(uninterrupted, folder, "killed in the middle of a checkpoint")
    assert not list((folder / "checkpoints").glob(".*")), "the half checkpoint was left lying about"


def test_ctrl_c_stops_cleanly_and_can_be_resumed(uninterrupted: Path, arguments: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-m", "classicnets", *arguments, "--out", str(folder)], stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not checkpoints(folder / "checkpoints") and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, messages = process.communicate(timeout=60)
    assert process.returncode == 130, messages
    assert "--resume" in messages.splitlines()[-1]
    assert "Traceback" not in messages
    _finish(folder, arguments, "--resume")
    _assert_same(uninterrupted, folder, "stopped by Ctrl-C")


def _finish(folder: Path, arguments: list[str], *extra: str) -> None:
    command = [sys.executable, "-m", "classicnets", *arguments, "--out", str(folder), *extra]
    subprocess.run(command, check=True, capture_output=True)


def _die(folder: Path, arguments: list[str], when: str, step: int, *, resume: bool) -> None:
    extra = ["--resume"] if resume else []
    command = [sys.executable, "-c", DYING, when, str(step), *arguments, "--out", str(folder), *extra]
    died = subprocess.run(command, capture_output=True, text=True)
    assert died.returncode == -signal.SIGKILL, died.stderr


def _assert_same(one: Path, other: Path, how: str) -> None:
    weights, others = (load_file(folder / "bundle" / "model.safetensors") for folder in (one, other))
    assert weights.keys() == others.keys()
    for name, tensor in weights.items():
        assert torch.equal(tensor, others[name]), f"{how}: {name} differs"
    states = [read_checkpoint(checkpoints(folder / "checkpoints")[-1]) for folder in (one, other)]
    for part in ("state_dict", "optimizer_states", "lr_schedulers"):
        _assert_equal(states[0][part], states[1][part], f"{how}: {part}")
    metrics = [
        [line.rsplit(",", 2)[0] for line in (folder / "metrics.csv").read_text().splitlines()]
        for folder in (one, other)
    ]
    assert metrics[0] == metrics[1], f"{how}: the figures of the epochs differ"


def _assert_equal(one: object, other: object, where: str) -> None:
    if isinstance(one, dict) and isinstance(other, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            _assert_equal(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list) and isinstance(other, list):
        assert len(one) == len(other), where
        for index, (left, right) in enumerate(zip(one, other, strict=True)):
            _assert_equal(left, right, f"{where}[{index}]")
    elif isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        assert torch.equal(one, other), where
    else:
        assert one == other, where
