"""A run in two towers: the commands that a user types, real processes, real images."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from classicnets.errors import UsageError
from classicnets.networks import create
from classicnets.training.devices.run import followed, train_in_towers
from classicnets.training.recipe.reading import complete, read_fields
from classicnets.weights import bundle
from tests.training.small_runs import run, weights

FIELDS: dict[str, Any] = {
    "network": "alexnet",
    "options": {"input_size": 67, "first_weights": "modern"},
    "in_channels": 1,
    "workers": 0,
    "data": "digits",
    "steps": 3,
    "batch_size": 8,
    "optimizer": {"name": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 0.0005},
    "clip_norm": 0.5,
    "precision": "fp32",
}


def test_ends_in_the_weights_of_one_process(tmp_path: Path) -> None:
    write_digits(tmp_path / "digits")
    fields = FIELDS | {"data": f"folder:{tmp_path / 'digits'}"}
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(json.dumps(fields))
    command = (
        "train",
        "--recipe",
        str(recipe),
        "--processes",
        "2",
        "--strategy",
        "towers",
        "--out",
        "towers",
        "--json",
    )
    ended = classicnets(*command, folder=tmp_path)
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    alone = run(tmp_path / "alone", read_fields(tmp_path / "towers" / "recipe.yaml"))

    torch.manual_seed(0)
    before = create("alexnet", num_classes=4, in_channels=1, **FIELDS["options"]).state_dict()
    found, wanted = weights(tmp_path / "towers"), weights(tmp_path / "alone")
    assert found.keys() == wanted.keys() == before.keys()
    for name, weight in wanted.items():
        moved = (weight - before[name]).abs().max()
        assert moved > 0, name
        assert (found[name] - weight).abs().max() < 1e-3 * moved, name
    assert told["images"] == 8
    assert told["top1_error"] == alone.evaluation.top1_error
    assert bundle.load(tmp_path / "towers" / "bundle").training["devices"] == "two towers"
    assert (tmp_path / "towers" / "report.html").stat().st_size > 10_000
    assert len((tmp_path / "towers" / "metrics.csv").read_text().splitlines()) == 2


def test_one_process_is_told_how_to_start(tmp_path: Path) -> None:
    message = r"^two towers need 2 processes, not 1: add --processes 2, or start with torchrun --nproc-per-node 2$"
    with pytest.raises(UsageError, match=message):
        train_in_towers(FIELDS, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"average": 0.9}, r"^training in two towers knows no average; leave it out, or train in one process$"),
        ({"augmentation": {"mix": {"mixup": 0.2}}}, r"^training in two towers knows no augmentation\.mix; "),
        ({"accumulate": 2}, r"^training in two towers knows no accumulate; "),
    ],
)
def test_what_towers_cannot_follow_is_refused(more: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        followed(complete(FIELDS | more))


def test_towers_keep_no_checkpoints(tmp_path: Path) -> None:
    ended = classicnets("train", "--out", "run", "--resume", "--strategy", "towers", folder=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr == (
        "error: --strategy towers keeps no checkpoints: leave out --resume, --restartable and --record\n"
    )
    ended = classicnets("train", "alexnet", "--processes", "3", "--strategy", "towers", folder=tmp_path)
    assert (ended.returncode, ended.stderr) == (2, "error: --strategy towers needs --processes 2, not 3\n")


def write_digits(folder: Path) -> None:
    """Scanned digits, 0 to 3: six of each to learn from, two to test on."""
    digits = load_digits()
    for digit in range(4):
        for number, pixels in enumerate(digits.images[digits.target == digit][:8]):
            place = folder / ("train" if number < 6 else "test") / str(digit) / f"{number}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray((pixels * 15).astype(np.uint8)).save(place)


def classicnets(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "classicnets", *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
