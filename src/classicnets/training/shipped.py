"""The recipes that come with the package, by name."""

from importlib import resources
from typing import Any

from classicnets.training.values import read_value

_SUFFIX = ".yaml"


def shipped_recipes() -> list[str]:
    """The names of the recipes: "default", "lenet5/digits"."""
    recipes = resources.files(__package__) / "recipes"
    names = [
        entry.name if place is recipes else f"{place.name}/{entry.name}"
        for place in (recipes, *(entry for entry in recipes.iterdir() if entry.is_dir()))
        for entry in place.iterdir()
    ]
    return sorted(name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX))


def shipped_recipe(name: str) -> dict[str, Any]:
    """The fields of the recipe of that name, which must be one of `shipped_recipes`."""
    file = resources.files(__package__).joinpath("recipes", *f"{name}{_SUFFIX}".split("/"))
    fields: dict[str, Any] = read_value(file.read_text(encoding="utf-8"), where=f"the recipe {name}")
    return fields
