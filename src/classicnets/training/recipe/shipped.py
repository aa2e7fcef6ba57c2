"""The recipes that come with the package: found by name, read, and what stands at their head.

A recipe file holds the fields of a recipe, and may hold three things more:

    about: what the recipe is, for people and for `classicnets recipes`; see `About`.
    base:  the name of a recipe of the package that lies beneath, or null for none.
    only:  fields for some networks alone: {"resnet110_cifar": {...}, "*_bn": {...}}; later ones win.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field, ValidationError

from classicnets import catalog
from classicnets.data.settings import Settings
from classicnets.errors import UsageError, near
from classicnets.training.recipe.reading import has_field, merge, read_fields
from classicnets.training.recipe.values import read_value

_HOME = "classicnets.training"  # the recipes lie in a folder of it
_SUFFIXES = (".yaml", ".yml")


class About(Settings):
    """What stands at the head of a recipe.

    Attributes:
        what: the recipe is, and of which paper.
        command: that runs it.
        time: that it takes, and on what; or that it has not been run.
        expected: what comes out, and who says so.
        unsaid: for each field that its source leaves unsaid, what was chosen instead.
        departs: where it cannot do as its source does.
    """

    what: str
    command: str
    time: str
    expected: str
    unsaid: dict[str, str] = Field(default={})
    departs: tuple[str, ...] = ()


class RecipeFile(NamedTuple):
    """A recipe as read, for a network.

    Attributes:
        fields: with those of the recipe beneath and those for the network.
        about: None where the file says nothing of itself.
        alone: whether nothing else is to go beneath; where the file does not say, the default recipe is.
    """

    fields: dict[str, Any]
    about: About | None
    alone: bool


def shipped_recipes() -> list[str]:
    """The names of the recipes: "default", "lenet5/digits", "resnet/paper"."""
    recipes = resources.files(_HOME) / "recipes"
    names = [
        entry.name if place is recipes else f"{place.name}/{entry.name}"
        for place in (recipes, *(entry for entry in recipes.iterdir() if entry.is_dir()))
        for entry in place.iterdir()
    ]
    return sorted(name.removesuffix(_SUFFIXES[0]) for name in names if name.endswith(_SUFFIXES[0]))


def shipped_text(name: str) -> str:
    """The file of the recipe of that name, which must be one of `shipped_recipes`."""
    file = resources.files(_HOME).joinpath("recipes", *f"{name}{_SUFFIXES[0]}".split("/"))
    return file.read_text(encoding="utf-8")


def shipped_recipe(name: str, network: str | None = None) -> dict[str, Any]:
    """The fields of the recipe of that name, which must be one of `shipped_recipes`, for a network."""
    return _of_shipped(name, network).fields


def about_shipped(name: str) -> About:
    """What stands at the head of the recipe of that name, which must be one of `shipped_recipes`."""
    about = _of_shipped(name, None).about
    assert about is not None, "every recipe of the package has a head"
    return about


def default_recipe(network: str, data: str) -> dict[str, Any]:
    """The fields that the package's own recipe sets for a network on a data set.

    The recipe of the network's family for that data set, else the family's ``default``, else the one for all.

    Raises:
        UsageError: no such network.
    """
    family = catalog.find(network).family
    wanted = (f"{family}/{data.split(':')[0]}", f"{family}/default", "default")
    names = shipped_recipes()
    return shipped_recipe(next(name for name in wanted if name in names), network)


def read_recipe(given: str, network: str | None = None) -> RecipeFile:
    """The recipe that ``given`` names.

    Args:
        given: a file; a name of `shipped_recipes`; or the last part of one ("paper", "modern"), which is the family's
            of the network, or else the one for all.
        network: for which the recipe is wanted, where that is known.

    Raises:
        UsageError: there is no such recipe, or it is none.
    """
    if given.endswith(_SUFFIXES) or Path(given).is_file():
        fields = read_fields(Path(given))
        return _resolved(fields, network or _named(fields), f"the recipe {given}")
    return _of_shipped(find_recipe(given, network), network)


def find_recipe(given: str, network: str | None = None) -> str:
    """Which of `shipped_recipes` that is; see `read_recipe`.

    Raises:
        UsageError: none; the message names near ones.
    """
    names = shipped_recipes()
    if network is not None and "/" not in given:
        family = catalog.find(network).family
        if f"{family}/{given}" in names:
            return f"{family}/{given}"
    if given in names:
        return given
    last = {name.rpartition("/")[2] for name in names}
    if given in last and network is None:
        raise UsageError(f"the recipe {given} is one of a network's family: name the network, or write FAMILY/{given}")
    if given in last and network is not None:
        family = catalog.find(network).family
        own = ", ".join(name for name in names if name.startswith(f"{family}/")) or "none"
        raise UsageError(
            f"there is no recipe {given} for {network}; its family {family} has: {own}; `classicnets recipes` lists all"
        )
    raise UsageError(f"no recipe {given!r}{near(given, names)}; `classicnets recipes` lists them; a file ends in .yaml")


def _of_shipped(name: str, network: str | None) -> RecipeFile:
    fields = read_value(shipped_text(name), where=f"the recipe {name}")
    return _resolved(fields, network, f"the recipe {name}")


def _named(fields: Mapping[str, Any]) -> str | None:
    network = fields.get("network")
    return network if isinstance(network, str) else None


def _resolved(file: Mapping[str, Any], network: str | None, source: str) -> RecipeFile:
    fields = {name: value for name, value in file.items() if name not in ("about", "base", "only")}
    base = file.get("base")
    beneath: dict[str, Any] = {}
    if base is not None:
        if base not in shipped_recipes():
            raise UsageError(f"{source}: base: no recipe {base!r}{near(str(base), shipped_recipes())}")
        beneath = shipped_recipe(base, network)
    for pattern, special in _only(file, source).items():
        if network is not None and fnmatchcase(network, pattern):
            fields = merge(fields, special)
    return RecipeFile(merge(beneath, fields), _about(file, source), "base" in file)


def _only(file: Mapping[str, Any], source: str) -> dict[str, dict[str, Any]]:
    only = file.get("only") or {}
    if not isinstance(only, dict) or not all(isinstance(special, dict) for special in only.values()):
        raise UsageError(
            f"{source}: only: should be a mapping of networks to fields, such as {{'*_bn': {{epochs: 5}}}}"
        )
    return only


def _about(file: Mapping[str, Any], source: str) -> About | None:
    if file.get("about") is None:
        return None
    try:
        about = About.model_validate(file["about"])
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"{source}: about.{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    for field in about.unsaid:
        if not has_field(field):
            raise UsageError(f"{source}: about.unsaid: no field {field!r} in a recipe")
    return about


def with_default(recipe: RecipeFile | None, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What is wanted, above the default recipe for its network and data unless ``recipe`` stands alone.

    Raises:
        UsageError: no such network.
    """
    if recipe is not None and recipe.alone:
        return dict(wanted)
    beneath = default_recipe(str(wanted["network"]), str(wanted["data"]))
    if wanted.get("steps") is not None and "epochs" not in wanted:
        beneath.pop("epochs", None)  # a length of its own, not one more limit
    return merge(beneath, wanted)
