"""Two hosts train one network, one of them is cut off in the middle: it ends as if nothing had happened."""

import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.training.scale.hosts import two_hosts
from tests.training.scale.together import WORKER, free_port, read_losses

ARGUMENTS = (
    *("train", "resnet8_cifar", "--data", "digits", "--epochs", "2", "--restartable"),
    *("--set", "options.input_size=8", "--set", "batch_size=128", "--set", "augmentation.pad=1"),
    *("--set", "average=0.9", "--set", "accumulate=2", "--set", "checkpoint_steps=3", "--set", "precision=fp32"),
)
STEPS = 24


def test_one_of_two_hosts_is_cut_off_and_comes_back(tmp_path: Path) -> None:
    undisturbed = _train(tmp_path / "undisturbed", cut_off_after=None)
    disturbed = _train(tmp_path / "disturbed", cut_off_after=8)
    assert len(read_losses(undisturbed / "losses")) == STEPS
    assert len(read_losses(disturbed / "losses")) > STEPS, "no step was taken twice: nothing was cut off"
    expected, got = (load_file(run / "run" / "bundle" / "model.safetensors") for run in (undisturbed, disturbed))
    assert expected.keys() == got.keys()
    differing = [name for name, tensor in expected.items() if not torch.equal(got[name], tensor)]
    assert not differing


def _train(folder: Path, *, cut_off_after: int | None) -> Path:
    folder.mkdir()
    port = free_port()
    arguments = [str(folder / "losses"), *ARGUMENTS, "--out", str(folder / "run")]
    with two_hosts() as (first, second):
        for host in (first, second):
            host.start(first, arguments, folder / f"log-{host.number}", script=WORKER, port=port)
        if cut_off_after is not None:
            _wait_for(folder / "losses", cut_off_after, folder)
            second.cut_off()
            second.start(first, arguments, folder / "log-2-again", script=WORKER, port=port)
        for host in (first, second):
            assert host.wait(240) == 0, "".join(log.read_text() for log in sorted(folder.glob("log-*")))
    return folder


def _wait_for(losses: Path, steps: int, folder: Path) -> None:
    deadline = time.monotonic() + 240
    while not losses.exists() or len(read_losses(losses)) < steps:
        if time.monotonic() > deadline:
            pytest.fail("".join(log.read_text() for log in sorted(folder.glob("log-*"))))
        time.sleep(0.01)
