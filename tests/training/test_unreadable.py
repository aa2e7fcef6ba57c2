"""Runs on images of which some cannot be read: stopped, or ended without them."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from classicnets.data.batches import Batch
from classicnets.data.decode import UnreadableImage
from classicnets.data.images import ImageFiles
from classicnets.data.sets import open_data
from classicnets.errors import UsageError
from classicnets.training.module import TrainedNetwork
from classicnets.training.run import resume
from tests.training.small_runs import equal, run, weights

BROKEN = ("dogs/3.png", "cats/8.png", "dogs/11.png")
FIELDS: dict[str, Any] = {
    "network": "resnet8_cifar",
    "epochs": 2,
    "batch_size": 8,
    "augmentation": {"pad": 2, "flip": True},
    "precision": "fp32",
    "checkpoint_steps": 3,
    "preprocessing": {"size": [32, 32], "fit": "stretch", "mean": [0.5] * 3, "std": [0.25] * 3},
}


class Died(Exception):
    """What ends a run in its midst."""


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    for name in ("cats", "dogs"):
        for number in range(20):
            path = tmp_path / "photos" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(random.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(path)
    for name in BROKEN:
        (tmp_path / "photos" / name).write_bytes(b"no image")
    return tmp_path / "photos"


def listed(folder: Path) -> set[str]:
    return {json.loads(line)["path"] for line in (folder / "unreadable.jsonl").read_text().splitlines()}


def test_a_run_stops_with_the_images_path(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage, match=rf"cannot read the image {photos}/.*: not an image"):
        run(tmp_path / "run", FIELDS, data=f"folder:{photos}", workers=0)


@pytest.mark.parametrize("mean", [None, "input"])
def test_a_run_that_skips_ends_and_lists_them(photos: Path, tmp_path: Path, mean: str | None) -> None:
    preprocessing = {**FIELDS["preprocessing"], "mean_image": mean}
    made = run(
        tmp_path / "run",
        FIELDS,
        data=f"folder:{photos}",
        workers=0,
        unreadable="skip",
        preprocessing=preprocessing,
        augmentation={"pad": 2, "flip": True, "lighting": {"colours": "data"}},
    )
    assert listed(made.folder) == {str(photos / name) for name in BROKEN}
    assert made.report.is_file()
    # Of forty images eight are for the test.
    assert made.evaluation.images == 8 - len(_tested(photos))


def test_a_wrong_wish_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unreadable"):
        run(tmp_path / "run", FIELDS, data="folder:photos", unreadable="maybe")


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of forks with threads
def test_a_run_that_is_resumed_ends_with_the_same_weights_and_the_same_list(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {**FIELDS, "data": f"folder:{photos}", "workers": 1, "unreadable": "skip"}
    whole, broken_off = tmp_path / "whole", tmp_path / "broken off"
    run(whole, fields)
    take_step = TrainedNetwork.training_step

    def dying_step(module: TrainedNetwork, batch: Batch, batch_idx: int) -> torch.Tensor:
        if batch_idx == 5:
            raise Died
        return take_step(module, batch, batch_idx)

    with monkeypatch.context() as patched:
        patched.setattr(TrainedNetwork, "training_step", dying_step)
        with pytest.raises(Died):
            run(broken_off, fields)
    said = io.StringIO()
    resume(broken_off, console=Console(file=said, width=10_000))
    assert "3 unreadable images skipped: " in said.getvalue()
    assert equal(weights(broken_off), weights(whole))
    assert listed(broken_off) == listed(whole) == {str(photos / name) for name in BROKEN}


def _tested(photos: Path) -> set[str]:
    """The broken ones that are held out to test on."""

    test = open_data(f"folder:{photos}").test
    assert isinstance(test, ImageFiles)
    return {str(path) for path in test.paths} & {str(photos / name) for name in BROKEN}
