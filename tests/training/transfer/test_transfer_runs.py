"""Whole runs that begin with weights: what they leave, what repeats them, and what goes on with them."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from classicnets.errors import UsageError
from classicnets.evaluation.evaluate import evaluate
from classicnets.evaluation.predict import predict
from classicnets.training.recipe.reading import read_fields
from classicnets.training.run import Run, train
from classicnets.training.transfer.source import digest
from classicnets.weights import bundle
from tests.training.small_runs import equal, go_on, run, silent, weights
from tests.training.test_resume import DYING
from tests.training.transfer.sources import CLASSES, colours, fields, resnet8, saved

FROZEN = ("conv1", "conv2_1")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return colours(tmp_path_factory.mktemp("pictures") / "colours", images=8)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("source") / "bundle", resnet8())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, data: str, source: Path) -> Run:
    """Six steps, the first rows frozen."""
    recipe = fields(source, data, transfer={"freeze_upto": "conv2_x", "row_rate": 0.5})
    return train(recipe, out=tmp_path_factory.mktemp("runs") / "first", console=silent())


def test_frozen_rows_and_their_statistics_stay_and_the_others_learn(finished: Run, source: Path) -> None:
    before, after = bundle.load(source).network.state_dict(), weights(finished.folder)
    for name, tensor in before.items():
        if name.partition(".")[0] in FROZEN:
            assert torch.equal(after[name], tensor), name
        elif after[name].shape == tensor.shape and tensor.dim() > 1:
            assert not torch.equal(after[name], tensor), name


def test_the_bundle_says_where_it_came_from_and_serves_as_any_other(finished: Run, source: Path, data: str) -> None:
    told = json.loads((finished.bundle / "model.json").read_text())
    transfer = told["training"]["transfer"]
    assert transfer["weights"] == str(source)
    assert transfer["sha256"] == digest(bundle.load(source).network)
    assert transfer["freeze_upto"] == "conv2_x"
    loaded = bundle.load(finished.bundle)
    assert loaded.classes == CLASSES
    again = evaluate(loaded, data, workers=0)
    assert (again.images, again.top1_errors) == (12, finished.evaluation.top1_errors)
    path = f"{data.removeprefix('folder:')}/val/red/00.png"
    assert len(next(iter(predict(loaded, [path]))).guesses) == 3


def test_its_recipe_alone_repeats_it(finished: Run, tmp_path: Path) -> None:
    again = train(read_fields(finished.folder / "recipe.yaml"), out=tmp_path / "again", console=silent())
    assert equal(weights(again.folder), weights(finished.folder))


def test_a_bundle_made_so_is_a_source_again_and_keeps_its_head(finished: Run, data: str, tmp_path: Path) -> None:
    recipe = fields(finished.bundle, data, epochs=1, transfer={"freeze_upto": "average"})
    again = train(recipe, out=tmp_path / "again", console=silent())
    body = [name for name in weights(finished.folder) if not name.startswith("fc.")]
    assert all(torch.equal(weights(again.folder)[name], weights(finished.folder)[name]) for name in body)


class TestResume:
    def _die(self, folder: Path, recipe: Path, step: int) -> None:
        arguments = ["train", "--recipe", str(recipe), "--out", str(folder)]
        died = subprocess.run(
            [sys.executable, "-c", DYING, "step", str(step), *arguments],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
        )
        assert died.returncode == -signal.SIGKILL, died.stderr

    def test_ends_with_the_same_bits_and_without_the_weights_it_began_with(
        self, finished: Run, source: Path, data: str, tmp_path: Path
    ) -> None:
        own = shutil.copytree(source, tmp_path / "own")
        recipe = fields(own, data, transfer={"freeze_upto": "conv2_x", "row_rate": 0.5, "batch_norm": "frozen"})
        recipe |= {"checkpoint_steps": 2}
        whole = train(recipe, out=tmp_path / "whole", console=silent())
        folder = tmp_path / "run"
        self._die(folder, whole.folder / "recipe.yaml", 4)
        shutil.rmtree(own)
        go_on(folder)
        assert equal(weights(folder), weights(whole.folder))

    def test_before_the_first_checkpoint_needs_the_same_weights(
        self, finished: Run, source: Path, tmp_path: Path
    ) -> None:
        own = shutil.copytree(source, tmp_path / "own")
        folder = tmp_path / "run"
        folder.mkdir()  # as a run leaves it that is killed at its first step
        text = (finished.folder / "recipe.yaml").read_text().replace(str(source), str(own))
        (folder / "recipe.yaml").write_text(text)
        other = resnet8()
        with torch.no_grad():
            other.network.get_parameter("conv1.convolution.weight").mul_(2)
        saved(own, other)
        with pytest.raises(UsageError, match="holds other weights than those that the recipe was written for"):
            go_on(folder)
        shutil.rmtree(own)
        shutil.copytree(source, own)
        go_on(folder)
        assert equal(weights(folder), weights(finished.folder))


def test_what_was_learnt_serves_a_fresh_head(tmp_path: Path) -> None:
    """LeNet-5 on the digits: an epoch of the last layers alone, on top of what two epochs taught the others."""
    digits = {"network": "lenet5_dense", "data": "digits", "optimizer": {"name": "adamw", "lr": 0.003}}
    learnt = run(tmp_path / "learnt", {**digits, "epochs": 2, "batch_size": 64, "precision": "fp32"})
    transfer = {"head": "fresh", "freeze_upto": "S4"}
    again = {**fields(learnt.bundle, "digits", transfer=transfer), "optimizer": digits["optimizer"]}
    again |= {"epochs": 1, "batch_size": 64}
    assert (
        run(tmp_path / "again", again).evaluation.top1_error < 30
    )  # 22% when written; from scratch an epoch gives 43%
