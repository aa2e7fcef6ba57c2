"""`recipes`, and `train` by the name of one."""

import json
from pathlib import Path

import pytest

from classicnets.training.recipe.reading import complete, read_fields
from classicnets.training.recipe.shipped import read_recipe, shipped_recipe, shipped_recipes
from tests.cli.command import Command


def test_lists_what_there_is(command: Command) -> None:
    outcome = command("recipes")
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == shipped_recipes()
    assert all(len(line) < 160 for line in lines)


def test_the_list_as_json(command: Command) -> None:
    told = json.loads(command("recipes", "--json").out)
    assert [each["name"] for each in told] == shipped_recipes()
    (inception,) = [each for each in told if each["name"] == "inception_v3/paper"]
    assert list(inception) == ["name", "what", "command", "time", "expected", "unsaid", "departs"]
    assert inception["unsaid"]["optimizer.momentum"] == "that of rmsprop; the release's 0.9"


def test_one_that_is_shown_is_a_file_that_train_takes(command: Command, tmp_path: Path) -> None:
    shown = command("recipes", "resnet_cifar/paper").out
    assert "steps: 64000  # section 4.2" in shown
    mine = tmp_path / "mine.yaml"
    mine.write_text(shown)
    assert read_recipe(str(mine), "resnet20_cifar").fields == shipped_recipe("resnet_cifar/paper", "resnet20_cifar")


def test_one_as_json_has_its_fields_for_a_network(command: Command) -> None:
    told = json.loads(command("recipes", "paper", "--network", "resnet110_cifar", "--json").out)
    assert told["name"] == "resnet_cifar/paper"
    assert told["fields"]["schedule"]["warmup"] == 400
    assert told["fields"]["optimizer"]["lr"] == 0.1


def test_train_by_name_is_shortened_by_epochs(command: Command, tmp_path: Path) -> None:
    out = tmp_path / "run"
    given = ("--recipe", "paper", "--epochs", 1, "--set", "batch_size=480", "--out", out)
    outcome = command("train", "resnet8_cifar", "--data", "digits", *given)
    assert outcome.code == 0, outcome
    recipe = complete(read_fields(out / "recipe.yaml"))
    assert (recipe.epochs, recipe.steps, recipe.schedule.length) == (1, None, 64000)
    assert (recipe.optimizer.lr, recipe.clip_norm, recipe.options) == (0.1, None, {})
    again = command("train", "resnet8_cifar", "--recipe", "paper", "--epochs", 1, "--set", "batch_size=480",
                    "--resume", "--out", out)  # fmt: skip
    assert again.code == 0, again


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("recipes", "resnet_cifer/paper"), "did you mean resnet_cifar/paper"),
        (("recipes", "paper"), "name the network, or write FAMILY/paper"),
        (("train", "vgg11", "--data", "digits", "--recipe", "nothing"), "no recipe 'nothing'"),
        (("train", "lenet5", "--data", "digits", "--recipe", "none.yaml"), "cannot read the recipe none.yaml"),
        (("train", "lenet5", "--data", "digits", "--set", "optimizer.lr=1e38"), "take a smaller lr"),
        (
            ("train", "resnet20_cifar", "--data", "digits", "--set", "loss.aux_weight=0.3"),
            "resnet20_cifar has no auxiliary heads",
        ),
    ],
)
def test_mistakes_are_one_line(command: Command, given: tuple[str, ...], told: str, tmp_path: Path) -> None:
    more = ("--out", tmp_path / "run") if given[0] == "train" else ()
    assert told in command(*given, *more).mistake()
