"""Recipes are read as they are meant, completed, and written so that they read the same."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classicnets import catalog
from classicnets.data.descriptions import SETS
from classicnets.errors import UsageError
from classicnets.training.recipe.reading import as_yaml, complete, merge, override, read_fields, write
from classicnets.training.recipe.shipped import default_recipe
from classicnets.training.recipe.values import read_value

SMALLEST: dict[str, Any] = {"network": "lenet5", "data": "digits"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("-2E+4", -20000.0),
        ("5e2", 500.0),
        (".5e1", 5.0),
        ("1.e3", 1000.0),
        ("0.1", 0.1),
        ("3", 3),
        ("true", True),
        ("null", None),
        ("", None),
        ("[1e-3, a]", [0.001, "a"]),
        ("{a: 1e1}", {"a": 10.0}),
        ("'1e-3'", "1e-3"),
        ("e3", "e3"),
        ("1e", "1e"),
        ("folder:/a b/1e3", "folder:/a b/1e3"),
    ],
)
def test_values_are_read_as_people_write_them(text: str, value: object) -> None:
    read = read_value(text, where="here")
    assert (read, type(read)) == (value, type(value))


def test_values_cannot_run_code() -> None:
    with pytest.raises(UsageError, match="could not determine a constructor"):
        read_value("!!python/object/apply:os.getcwd []", where="here")


def test_set_reaches_into_sections() -> None:
    fields: dict[str, Any] = {"preprocessing": None, "optimizer": {"name": "adamw"}}
    for assignment in ("optimizer.lr=1e-3", "preprocessing.fit=pad", "options.shortcut=B", " seed =3", "clip_norm="):
        override(fields, assignment)
    assert fields == {
        "preprocessing": {"fit": "pad"},
        "optimizer": {"name": "adamw", "lr": 0.001},
        "options": {"shortcut": "B"},
        "seed": 3,
        "clip_norm": None,
    }


def test_merge_goes_section_by_section_and_changes_neither() -> None:
    below = {"optimizer": {"lr": 1.0, "name": "sgd"}, "epochs": 3, "schedule": {"name": "step"}}
    above = {"optimizer": {"lr": 2.0}, "schedule": None}
    assert merge(below, above) == {"optimizer": {"lr": 2.0, "name": "sgd"}, "epochs": 3, "schedule": None}
    assert below["optimizer"] == {"lr": 1.0, "name": "sgd"}


@pytest.mark.parametrize("network", catalog.list_networks())
@pytest.mark.parametrize("data", [*SETS, "folder:photos"])
def test_the_packages_own_recipes_are_complete(network: str, data: str) -> None:
    fields = default_recipe(network, data)
    assert fields
    complete(fields | {"network": network, "data": data})


def test_a_family_without_a_recipe_takes_the_one_for_all() -> None:
    fields = default_recipe("vgg11", "mnist")
    assert fields == default_recipe("resnext50_32x4d", "folder:photos")
    assert fields != default_recipe("resnet20_cifar", "mnist")
    assert fields["options"] == {"first_weights": "modern"}


SHARES = st.floats(0, 1, exclude_max=True)
OPTIONS = st.dictionaries(
    st.sampled_from(["a", "b"]),
    st.text("1.e-+yn~ é", max_size=5) | st.booleans() | st.integers() | st.none(),
    max_size=2,
)


@settings(max_examples=50, deadline=None)
@given(st.floats(1e-30, 1e30), st.tuples(SHARES, SHARES), st.integers(0, 2**32 - 1), OPTIONS)
def test_a_written_recipe_reads_the_same(
    lr: float, betas: tuple[float, float], seed: int, options: dict[str, object]
) -> None:
    recipe = complete(SMALLEST | {"optimizer": {"lr": lr, "betas": betas}, "seed": seed, "options": options})
    assert complete(read_value(as_yaml(recipe), where="recipe.yaml")) == recipe


def test_a_string_that_looks_like_a_number_stays_one() -> None:
    recipe = complete(SMALLEST | {"options": {"a": "1e-3", "b": 1e-3, "c": "no"}})
    assert complete(read_value(as_yaml(recipe), where="recipe.yaml")) == recipe


def test_a_recipe_file_reads_the_same(tmp_path: Path) -> None:
    recipe = complete(merge(default_recipe("lenet5", "mnist"), SMALLEST))
    write(tmp_path / "recipe.yaml", recipe)
    assert complete(read_fields(tmp_path / "recipe.yaml")) == recipe


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"network": None}, "network: should be a valid string"),
        ({"epochs": 0}, "epochs: should be greater than 0"),
        ({"epochs": True}, "epochs: neither true nor false"),
        ({"optimizer": {"nesterov": True, "momentum": 0.0}}, "optimizer: nesterov looks ahead"),
        ({"optimizer": {"beta": 1}}, "no field 'optimizer.beta'; did you mean betas"),
        ({"loss": {"name": "minimum_distance", "label_smoothing": 0.1}}, "loss: label_smoothing is of cross_entropy"),
        ({"schedule": {"milestones": [0.5, 1.5]}}, "schedule: milestones go up to 1.5, but the run ends at 1 (length)"),
        ({"schedule": 3}, "schedule: should be a mapping of fields"),
        ({"options": {"num_classes": 3}}, "num_classes is a field of the recipe itself"),
        ({"precision": "fp16"}, "precision: should be 'auto', 'bf16', 'fp32' or 'fp64'"),
    ],
)
def test_a_mistake_is_named_in_one_line(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError) as error:
        complete(SMALLEST | fields, source="my.yaml")
    assert str(error.value).startswith("my.yaml: ")
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_field_is_named() -> None:
    with pytest.raises(UsageError, match="data: Field required"):
        complete({"network": "lenet5"})
