"""Whole runs on real digits: what they leave, what repeats them, and what stops them."""

import csv
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from classicnets.errors import UsageError
from classicnets.evaluation.evaluate import evaluate
from classicnets.training.recipe.reading import read_fields
from classicnets.training.run import Run, train
from classicnets.training.watch.history import Epoch
from classicnets.weights import bundle
from tests.training.small_runs import LENET5, equal, go_on, run, weights

CROSS_ENTROPY: dict[str, Any] = {"loss": {"name": "cross_entropy"}}
# The command line on a disk that is full from the twelfth step on: no file may then grow beyond 64 KiB.
FULL_DISK = """
import resource
import torch
from classicnets.cli import main
from classicnets.training.module import TrainedNetwork

take_step = TrainedNetwork.training_step

def step_on_a_full_disk(module, batch, batch_idx):
    if batch_idx == 12:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
    return take_step(module, batch, batch_idx)

TrainedNetwork.training_step = step_on_a_full_disk
torch.set_num_threads(1)
main()
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of two epochs."""
    return run(tmp_path_factory.mktemp("finished") / "run", epochs=2)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


class TestFolder:
    def test_holds_what_it_should_and_nothing_else(self, finished: Run) -> None:
        found = {path.relative_to(finished.folder).as_posix() for path in finished.folder.rglob("*") if path.is_file()}
        assert found == {
            "recipe.yaml",
            "metrics.csv",
            "steps.csv",
            "starts.json",
            "report.html",
            "bundle/model.safetensors",
            "bundle/model.json",
            "checkpoints/step-000000023.ckpt",
            "checkpoints/step-000000046.ckpt",
        }
        assert (finished.bundle, finished.report) == (finished.folder / "bundle", finished.folder / "report.html")

    def test_nothing_is_left_beside_it_and_nothing_said_on_standard_output(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(tmp_path)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            train(LENET5, out=Path("run"))  # with the console that users have
        captured = capfd.readouterr()
        assert captured.out == ""
        assert [line for line in captured.err.splitlines() if "error" in line] == captured.err.splitlines()[:1]
        assert [path.name for path in tmp_path.iterdir()] == ["run"]

    def test_metrics_have_a_row_an_epoch(self, finished: Run) -> None:
        first, last = rows(finished.folder)
        assert list(first) == list(Epoch.__dataclass_fields__)
        assert [(row["epoch"], row["step"]) for row in (first, last)] == [("1", "23"), ("2", "46")]
        # Half a cosine over 46 steps, of which those of the middle and the end stand at (step + 1/2) / 46.
        assert float(last["learning_rate"]) == pytest.approx(0.005 * 0.00029156, rel=1e-3)
        assert float(first["seconds"]) < float(last["seconds"])
        assert float(last["train_loss"]) < float(first["train_loss"])
        assert float(last["test_error"]) == pytest.approx(finished.evaluation.top1_error, rel=1e-5)
        assert float(last["test_error_top5"]) == pytest.approx(finished.evaluation.top5_error, rel=1e-5)
        assert float(last["test_loss"]) == pytest.approx(finished.evaluation.loss, rel=1e-5)

    def test_the_bundle_gives_the_runs_result(self, finished: Run) -> None:
        again = evaluate(bundle.load(finished.bundle), "digits")
        assert again.images == 360
        assert (again.top1_errors, again.top5_errors) == (
            finished.evaluation.top1_errors,
            finished.evaluation.top5_errors,
        )
        assert again.top1_error < 40, "two epochs are enough to learn something"
        stored = bundle.load(finished.bundle).training
        assert (stored["epochs"], stored["of_epochs"], stored["data"], stored["seed"]) == (2, 2, "digits", 0)
        assert stored["test_error"] == finished.evaluation.top1_error


class TestRepetition:
    def test_the_recipe_in_the_folder_repeats_the_run_bit_for_bit(self, finished: Run, tmp_path: Path) -> None:
        fields = read_fields(finished.folder / "recipe.yaml")
        run(tmp_path / "again", fields)
        assert equal(weights(tmp_path / "again"), weights(finished.folder))
        assert read_fields(tmp_path / "again" / "recipe.yaml") == fields

    def test_another_seed_gives_other_weights(self, finished: Run, tmp_path: Path) -> None:
        run(tmp_path / "other", epochs=2, seed=1)
        assert not equal(weights(tmp_path / "other"), weights(finished.folder))

    def test_a_finished_run_is_only_tested_again(self, finished: Run) -> None:
        before = (finished.bundle / "model.safetensors").stat().st_mtime_ns
        again = go_on(finished.folder)
        assert again.evaluation.top1_errors == finished.evaluation.top1_errors
        assert (finished.bundle / "model.safetensors").stat().st_mtime_ns == before

    def test_the_programs_own_random_numbers_do_not_matter(self, finished: Run, tmp_path: Path) -> None:
        torch.manual_seed(77)
        torch.rand(5)
        run(tmp_path / "again", epochs=2)
        assert equal(weights(tmp_path / "again"), weights(finished.folder))


class TestRecipes:
    def test_keep_best_keeps_the_epoch_with_the_smallest_error(self, tmp_path: Path) -> None:
        # A rate that climbs until it does harm, so that the best epoch is not the last.
        schedule = {"name": "constant", "warmup": 0.99}
        optimizer = {"name": "adamw", "lr": 0.2}
        result = run(tmp_path / "run", epochs=4, keep="best", optimizer=optimizer, schedule=schedule)
        errors = [float(row["test_error"]) for row in rows(result.folder)]
        best = min(errors)
        assert errors[-1] > best, "the last epoch must not be the best, or this shows nothing"
        assert result.evaluation.top1_error == pytest.approx(best, rel=1e-5)
        assert bundle.load(result.bundle).training["epochs"] == 4 - errors[::-1].index(best)

    def test_an_average_is_what_is_tested_and_kept(self, tmp_path: Path) -> None:
        result = run(tmp_path / "run", average=0.9)
        state = torch.load(result.folder / "checkpoints/step-000000023.ckpt", weights_only=True)["state_dict"]
        kept = weights(result.folder)
        assert all(torch.equal(tensor, state[f"average.module.{name}"]) for name, tensor in kept.items())
        assert not equal(kept, {name: state[f"network.{name}"] for name in kept})
        assert float(rows(result.folder)[0]["test_error"]) == pytest.approx(result.evaluation.top1_error, rel=1e-5)

    def test_a_clipped_gradient_moves_no_further_than_it_may(self, tmp_path: Path) -> None:
        def moved(name: str, **more: Any) -> float:
            fields: dict[str, Any] = {
                "optimizer": {"name": "sgd", "lr": 1.0, "momentum": 0.0},
                "batch_size": 2000,
                **more,
            }
            one_step, none = run(tmp_path / name, **fields, schedule={"name": "constant"}), tmp_path / f"{name}-none"
            run(none, **{**fields, "optimizer": {"name": "sgd", "lr": 1e-30, "momentum": 0.0}})
            before, after = weights(none), weights(one_step.folder)
            return float(sum((after[n] - before[n]).double().square().sum() for n in before).sqrt())  # type: ignore[union-attr]

        assert moved("clipped", clip_norm=0.01) == pytest.approx(0.01, rel=0.01)
        assert moved("free") > 0.02

    @pytest.mark.parametrize("precision", ["fp32", "bf16"])
    def test_both_precisions_learn(self, precision: str, tmp_path: Path) -> None:
        result = run(tmp_path / "run", epochs=2, precision=precision)
        assert result.evaluation.top1_error < 40
        assert {tensor.dtype for tensor in weights(result.folder).values()} == {torch.float32}

    def test_the_precisions_differ(self, finished: Run, tmp_path: Path) -> None:
        run(tmp_path / "run", epochs=2, precision="bf16")
        assert not equal(weights(tmp_path / "run"), weights(finished.folder))

    def test_grey_digits_as_colour_images(self, tmp_path: Path) -> None:
        result = run(tmp_path / "run", in_channels=3)
        kept = bundle.load(result.bundle)
        assert kept.network.input_shape == (3, 32, 32)
        assert kept.preprocessing.channels == 3

    def test_a_residual_network_on_grey_digits_of_8_by_8(self, tmp_path: Path) -> None:
        fields = {**LENET5, **CROSS_ENTROPY, "optimizer": {"name": "sgd", "lr": 0.1}}
        result = run(tmp_path / "run", fields, network="resnet8_cifar", batch_size=128)
        kept = bundle.load(result.bundle)
        assert (kept.preprocessing.channels, kept.preprocessing.size) == (3, (32, 32))
        assert len(kept.classes) == 10

    def test_fewer_images_than_a_batch(self, tmp_path: Path) -> None:
        result = run(tmp_path / "run", epochs=2, batch_size=5000)
        assert [row["step"] for row in rows(result.folder)] == ["1", "2"]


class TestMistakes:
    def test_classes_that_the_data_does_not_have(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="num_classes is 12, but digits has 10 classes; leave it out"):
            run(tmp_path / "run", num_classes=12)
        assert not (tmp_path / "run").exists()

    def test_preprocessing_for_other_channels(self, tmp_path: Path) -> None:
        colour = {"channels": 3, "size": [32, 32], "mean": [0.5] * 3, "std": [0.5] * 3}
        with pytest.raises(UsageError, match=r"preprocessing\.channels is 3, but lenet5 takes 1"):
            run(tmp_path / "run", preprocessing=colour)

    def test_resume_without_a_run(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="there is no run in"):
            go_on(tmp_path)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of JPEGs, written by Pillow: forty zeros and forty ones."""
    folder = tmp_path_factory.mktemp("photos")
    digits = load_digits()
    for label, name in ((0, "nought"), (1, "one")):
        (folder / name).mkdir()
        for number, pixels in enumerate(digits.images[digits.target == label][:40]):
            image = Image.fromarray((pixels * 15).astype("uint8")).convert("RGB").resize((40, 48))
            image.save(folder / name / f"{number}.jpg", quality=90)
    return folder


class TestImageFiles:
    def test_any_number_of_workers_gives_the_same_weights(self, photos: Path, tmp_path: Path) -> None:
        augmentation = {"random_area": [0.5, 1], "flip": True}
        fields: dict[str, Any] = {
            "data": f"folder:{photos}",
            "batch_size": 16,
            "augmentation": augmentation,
            **CROSS_ENTROPY,
        }
        results = [run(tmp_path / str(workers), **fields, workers=workers) for workers in (0, 1)]
        assert equal(*(weights(result.folder) for result in results))
        assert bundle.load(results[0].bundle).classes == ("nought", "one")
        assert results[0].evaluation.images == 16  # a fifth is held out

    def test_a_broken_one_stops_the_run_with_its_name(self, photos: Path, tmp_path: Path) -> None:
        broken = tmp_path / "photos"
        for path in photos.rglob("*.jpg"):
            copy = broken / path.relative_to(photos)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
        culprit = broken / "one" / "7.jpg"
        culprit.write_bytes(culprit.read_bytes()[:200])
        for workers in (0, 1):
            with pytest.raises(UsageError, match=r"one/7\.jpg") as caught:
                run(tmp_path / str(workers), data=f"folder:{broken}", workers=workers, **CROSS_ENTROPY)
            assert "\n" not in str(caught.value)


def test_a_full_disk_costs_the_checkpoint_that_did_not_fit_and_nothing_else(tmp_path: Path) -> None:
    folder, undisturbed = tmp_path / "run", tmp_path / "undisturbed"
    arguments = ["train", "lenet5", "--data", "digits", "--epochs", "1", "--set", "checkpoint_steps=8"]
    failed = subprocess.run(
        [sys.executable, "-c", FULL_DISK, *arguments, "--out", str(folder)], capture_output=True, text=True
    )
    assert failed.returncode == 2, failed.stderr
    assert failed.stdout == ""
    assert failed.stderr.splitlines() == [
        f"error: cannot write {folder}/checkpoints/step-000000016.ckpt: File too large"
    ]
    assert [path.name for path in (folder / "checkpoints").iterdir()] == ["step-000000008.ckpt"]
    fields = read_fields(folder / "recipe.yaml")
    go_on(folder)
    run(undisturbed, fields)
    assert equal(weights(folder), weights(undisturbed))
