"""`train --from`, `features` and `probe`."""

import json
from pathlib import Path

import pytest

from classicnets.evaluation.features.files import read_table
from classicnets.training.recipe.reading import read_fields
from classicnets.training.run import Run
from tests.cli.command import Command
from tests.training.transfer.sources import colours, resnet8, saved


@pytest.fixture
def data(tmp_path: Path) -> str:
    return colours(tmp_path / "colours", images=4)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return saved(tmp_path / "source", resnet8())


def test_train_from_a_bundle_needs_no_network(command: Command, data: str, weights: Path, tmp_path: Path) -> None:
    arguments = ("--from", weights, "--freeze-upto", "conv3_x", "--data", data, "--epochs", 1, "--set", "workers=0")
    outcome = command("train", *arguments, "--out", tmp_path / "run", "--json")
    assert outcome.code == 0, outcome
    assert outcome.json()["images"] == 12
    recipe = read_fields(tmp_path / "run" / "recipe.yaml")
    assert (recipe["network"], recipe["transfer"]["freeze_upto"]) == ("resnet8_cifar", "conv3_x")
    assert recipe["preprocessing"]["mean"] == [0.5, 0.4, 0.3]
    shown = command("predict", tmp_path / "run" / "bundle", tmp_path / "colours" / "val" / "red" / "00.png", "--json")
    assert {guess["class"] for guess in shown.json()["predictions"]} == {"blue", "green", "red"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--from", "SOURCE"), "train needs --data"),
        (("--data", "digits"), "train needs a network"),
        (("lenet5", "--data", "digits", "--freeze-upto", "C5"), "--freeze-upto needs --from"),
        (("lenet5", "--from", "SOURCE", "--data", "digits"), "holds weights of resnet8_cifar, not of lenet5"),
        (("--from", "SOURCE", "--data", "digits", "--freeze-upto", "conv9"), "no row 'conv9'"),
        (("--from", "nowhere", "--data", "digits"), "nowhere does not exist"),
    ],
)
def test_mistakes_of_train_are_a_line(
    command: Command, weights: Path, tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    given = [str(weights) if argument == "SOURCE" else argument for argument in arguments]
    assert told in command("train", *given, "--out", tmp_path / "run").mistake()


class TestFeatures:
    def test_of_a_data_set(self, command: Command, run: Run, tmp_path: Path) -> None:
        out = tmp_path / "digits.safetensors"
        arguments = ("--data", "digits", "--part", "test", "--at", "F6", "--at", "S4", "--pool", "max")
        told = command("features", run.bundle, *arguments, "--out", out, "--json")
        assert json.loads(told.out) == {"out": str(out), "images": 360, "rows": {"F6": [84], "S4": [16]}}
        arrays, about = read_table(out)
        assert set(arrays) == {"F6", "S4", "labels", "part"}
        assert set(arrays["part"].tolist()) == {1}
        assert about["classes"] == list("0123456789")

    def test_of_images(self, command: Command, run: Run, photos: Path, tmp_path: Path) -> None:
        out = tmp_path / "photos.npz"
        for broken in ("b.jpg", "c.jpg"):
            (photos / broken).unlink()
        outcome = command("features", run.bundle, photos, "--at", "C5", "--out", out)
        assert outcome.out.splitlines() == ["C5  120 x 1 x 1", f"2 images  {out}"]
        arrays, _ = read_table(out)
        assert arrays["paths"].tolist() == [str(photos / "a.png"), str(photos / "d.jpg")]
        assert "labels" not in arrays

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (("--at", "F6", "--data", "digits"), "needs --out"),
            (("--at", "F6", "--data", "digits", "--out", "a.csv"), "ends in .safetensors or .npz"),
            (("--at", "F6", "--out", "a.npz"), "needs either images or --data"),
            (("--at", "F9", "--data", "digits", "--out", "a.npz"), "no row 'F9'"),
            (("--data", "digits", "--out", "a.npz"), "name the rows whose features are wanted"),
            (("--at", "F6", "--data", "digits", "--part", "val", "--out", "a.npz"), "train, test or both, not 'val'"),
            (
                ("--at", "F6", "--data", "digits", "--pool", "mean", "--out", "a.npz"),
                "none, average or max, not 'mean'",
            ),
            (("-", "--at", "F6", "--out", "a.npz"), "no image from standard input"),
        ],
    )
    def test_mistakes_are_a_line(self, command: Command, run: Run, arguments: tuple[str, ...], told: str) -> None:
        assert told in command("features", run.bundle, *arguments).mistake()

    def test_a_broken_image_is_named_and_nothing_is_left(
        self, command: Command, run: Run, photos: Path, tmp_path: Path
    ) -> None:
        out = tmp_path / "out"
        out.mkdir()
        told = command("features", run.bundle, photos, "--at", "C5", "--batch", 1, "--out", out / "a.npz").mistake()
        assert str(photos / "b.jpg") in told
        assert list(out.iterdir()) == []


class TestProbe:
    def test_as_a_table_as_json_and_as_a_page(self, command: Command, run: Run, tmp_path: Path) -> None:
        page = tmp_path / "probe.html"
        arguments = ("--data", "digits", "--at", "S2", "--at", "S4", "--learn-from", 100)
        shown = command("probe", run.bundle, *arguments)
        told = json.loads(command("probe", run.bundle, *arguments, "--html", page, "--json").out)
        assert (told["train_images"], told["images"], told["data"]) == (100, 360, "digits")
        assert [probe["row"] for probe in told["probes"]] == ["S2", "S4"]
        assert [probe["features"] for probe in told["probes"]] == [6, 16], "the mean of each map"
        for probe in told["probes"]:
            assert probe["error"] == pytest.approx(100 * probe["errors"] / 360)
            assert probe["interval"][0] < probe["error"] < probe["interval"][1] < told["guessing_error"]
            assert f"{probe['error']:.2f}%" in shown.out
            assert f"{probe['error']:.2f}%" in page.read_text()

    def test_needs_images_of_each_class(self, command: Command, weights: Path, tmp_path: Path) -> None:
        data = colours(tmp_path / "few", images=1)
        assert "the class blue has one image to learn from" in command("probe", weights, "--data", data).mistake()

    def test_takes_one_of_its_classifiers(self, command: Command, run: Run) -> None:
        assert "logistic, svm or both, not 'forest'" in command("probe", run.bundle, "--classifier", "forest").mistake()
