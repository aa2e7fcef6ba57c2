"""A user's mistake is answered with one clear line and exit code 2, and nothing is left behind."""

from pathlib import Path

import pytest

from classicnets.training.run import Run
from tests.cli.command import Command

TRAIN = ("train", "lenet5", "--data", "digits", "--epochs", "1")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("shwo",), "show"),
        (("--foo",), "--foo"),
        (("list", "--foo"), "--foo"),
        (("list", "extra"), "extra"),
        (("list", "--family", "lenet"), "did you mean lenet5"),
        (("show",), "NETWORK"),
        (("show", "lenet6"), "did you mean lenet5"),
        (("show", "resnet21_cifar"), "6n + 2"),
        (("show", "resnet20_cifar", "--set", "shortcu=B"), "did you mean shortcut?"),
        (("show", "resnet20_cifar", "--set", "shortcut"), "NAME=VALUE"),
        (("show", "resnet20_cifar", "--set", "shortcut=["), "not YAML"),
        (("show", "resnet20_cifar", "--set", "shortcut=Z"), "A, B, C, A-pooled or B-pooled"),
        (("show", "resnet20_cifar", "--set", "num_classes=3"), "--num-classes 3"),
        (("show", "resnet20_cifar", "--set", "name=x"), "no option 'name'"),
        (("show", "lenet5", "--num-classes", "0"), "at least 1"),
        (("show", "lenet5", "--num-classes", "abc"), "--num-classes"),
        (("data", "gte"), "get"),
        (("data", "get", "mnits"), "did you mean mnist?"),
        (("data", "check", "digits"), "nothing to get or to check"),
        (("evaluate",), "BUNDLE"),
        (("evaluate", "nowhere"), "nowhere does not exist"),
        (("predict", "nowhere", "x.jpg"), "nowhere does not exist"),
        (("train",), "train needs a network, for example: classicnets train"),
        (("train", "lenet5"), "train needs --data"),
        (("train", "--resume"), "--resume needs --out"),
        (("train", "--resume", "--out", "nowhere"), "there is no run in nowhere"),
        (("train", "lenet5", "--data", "digist"), "did you mean digits?"),
        (("train", "lenet5", "--data", "folder:nowhere"), "nowhere; give one with a subfolder"),
        (("train", "lenet5", "--data", "digits", "--epochs", "abc"), "--epochs"),
    ],
)
def test_of_any_command(
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert told in command(*arguments).mistake()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("assignment", "told"),
    [
        ("optimizer", "NAME=VALUE"),
        ("epoch=3", "did you mean epochs?"),
        ("optimizer.lrr=1", "'optimizer.lrr'; did you mean lr? (in optimizer)"),
        ("epochs.x=3", "epochs is a single value"),
        ("=3", "no field ''"),
        ("epochs=[", "--set epochs: '[' is not YAML"),
        ("epochs=abc", "epochs: should be a valid integer"),
        ("epochs=yes", "epochs: neither true nor false"),
        ("batch_size=", "batch_size: should be a valid integer"),
        ("optimizer=3", "optimizer: should be a mapping of fields (given: 3)"),
        ("optimizer.lr=-1", "optimizer.lr: should be greater than 0 (given: -1)"),
        ("optimizer.lr=.inf", "optimizer.lr: should be a finite number"),
        ("optimizer.betas=[0.9, 2]", "optimizer.betas.1: should be less than 1"),
        ("augmentation.pad=x", "augmentation.pad: should be a valid integer"),
        ("loss.name=mse", "loss.name: should be 'cross_entropy'"),
        ("loss.label_smoothing=0.1", "label_smoothing is of cross_entropy"),
        ("preprocessing.mean=[1, 2]", "preprocessing: mean and std need 1 values"),
        ("options.shortcut=Z", "lenet5 has no option 'shortcut'"),
        ("options.num_classes=3", "num_classes is a field of the recipe itself"),
        ("options.name=x", "lenet5 has no option 'name'"),
        ("num_classes=7", "num_classes is 7, but digits has 10 classes"),
        ("network=lenet6", "did you mean lenet5"),
        ("seed=-1", "seed: should be greater than or equal to 0"),
    ],
)
def test_of_set(command: Command, tmp_path: Path, assignment: str, told: str) -> None:
    out = tmp_path / "run"
    assert told in command(*TRAIN, "--set", assignment, "--out", out).mistake()
    assert not out.exists()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "No such file"),
        (b"epochs: [1\n", "is not YAML: expected ',' or ']'"),
        (b"- epochs\n", "holds no fields"),
        (b"epochs\n", "holds no fields"),
        (b"\xff\xfe\x00binary", "is not text"),
        (b"abc\x00", "is not YAML"),
        (b"epochs: !!python/object/apply:os.system [true]\n", "is not YAML"),
        (b"optimiser: {lr: 1}\n", "no field 'optimiser'; did you mean optimizer"),
        (b"optimizer: {lrr: 1}\n", "no field 'optimizer.lrr'; did you mean lr?"),
        (b"1: 2\n", "Keys should be strings"),
        (b"options: {in_channels: 3}\n", "in_channels is a field of the recipe itself"),
    ],
)
def test_of_a_recipe_file(command: Command, tmp_path: Path, content: bytes | None, told: str) -> None:
    recipe, out = tmp_path / "recipe.yaml", tmp_path / "run"
    if content is not None:
        recipe.write_bytes(content)
    assert told in command(*TRAIN, "--recipe", recipe, "--out", out).mistake()
    assert not out.exists()


def test_of_setting_a_field_in_what_is_no_section(command: Command) -> None:
    told = command(*TRAIN, "--set", "optimizer=3", "--set", "optimizer.lr=1").mistake()
    assert "optimizer was given as 3, which has no fields" in told


@pytest.mark.parametrize("broken", ["text", "truncated"])
def test_a_broken_image_in_training_is_named(command: Command, tmp_path: Path, photos: Path, broken: str) -> None:
    data = tmp_path / "data"
    for part in ("train", "val"):
        for name in ("cat", "dog"):
            (data / part / name).mkdir(parents=True)
            (data / part / name / "good.png").write_bytes((photos / "a.png").read_bytes())
    bad = data / "train" / "dog" / "bad.jpg"
    bad.write_bytes((photos / ("b.jpg" if broken == "text" else "c.jpg")).read_bytes())
    arguments = ("resnet20_cifar", "--data", f"folder:{data}", "--set", "workers=0", "--out", tmp_path / "run")
    assert f"cannot read the image {bad}" in command("train", *arguments).mistake()


def test_help_is_shown_where_a_command_is_missing(command: Command) -> None:
    for arguments in ((), ("data",)):
        outcome = command(*arguments)
        assert (outcome.code, outcome.err) == (2, "")
        assert "Usage: classicnets" in outcome.out


def test_a_bundle_is_evaluated_on_its_own_classes_only(
    command: Command, run: Run, tmp_path: Path, photos: Path
) -> None:
    for part in ("train", "val"):
        for name in ("cat", "dog"):
            (tmp_path / "data" / part / name).mkdir(parents=True)
            (tmp_path / "data" / part / name / "one.png").write_bytes((photos / "a.png").read_bytes())
    told = command("evaluate", run.bundle, "--data", f"folder:{tmp_path / 'data'}").mistake()
    assert "10 classes apart, but" in told
    assert "has 2" in told


def test_a_pickle_of_anything_is_no_file_of_weights(command: Command, tmp_path: Path) -> None:
    pickled = tmp_path / "model.pt"
    pickled.write_bytes(b"\x80\x04K\x01.")
    assert f"{pickled} is broken, or no file of tensors" in command("evaluate", pickled).mistake()
    pickled.write_bytes(b"\x80\x02cos\ngetcwd\n)R.")
    assert f"{pickled} is refused: its pickle wants to run 'os.getcwd'" in command("evaluate", pickled).mistake()
