"""Augmentations as one writes them on the command line."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from classicnets.data.settings import Settings
from classicnets.data.transforms import Augmentation, Preprocessing
from classicnets.errors import UsageError, near
from classicnets.training.recipe.reading import complete, read_fields
from classicnets.training.recipe.shipped import shipped_recipe, shipped_recipes
from classicnets.training.recipe.values import read_value

_OPTION = "--augment"
_LIKE = {"scale": "scale: [256, 256]", "random_area": "random_area: [0.08, 1]", "mix": "mix: {mixup: 0.2}"}


class Given(NamedTuple):
    """What an augmentation was given as.

    Attributes:
        augmentation: what training does.
        preprocessing: of the recipe that it stands in, None where there is none.
        text: the fields that differ from doing nothing, with all their values, a line each.
    """

    augmentation: Augmentation
    preprocessing: Preprocessing | None
    text: str


def read_augmentation(given: str) -> Given:
    """The augmentation that ``given`` names.

    Args:
        given: a recipe file, the name of one of the package's recipes ("resnet_cifar/default"), or the fields of an
            augmentation in a list: "flip, pad: 4, lighting, colour: {hue: 0.1}".

    Raises:
        UsageError: it is none of these, or a field is unknown or has an impossible value.
    """
    if given.endswith((".yaml", ".yml")):
        return _of_recipe(read_fields(Path(given)), f"the recipe {given}")
    if given in shipped_recipes():
        return _of_recipe(shipped_recipe(given), f"the recipe {given}")
    if "/" in given:
        raise UsageError(f"{_OPTION} {given}: no recipe of that name{near(given, shipped_recipes())}")
    fields = read_value("{" + given + "}", where=f"{_OPTION} {given!r}")
    written = {str(name): _by_itself(str(name)) if value is None else value for name, value in fields.items()}
    return _of_recipe({"augmentation": written}, _OPTION)


def _of_recipe(fields: dict[str, Any], source: str) -> Given:
    wanted = {name: fields[name] for name in ("augmentation", "preprocessing") if fields.get(name) is not None}
    # Network and data have no part in this, but a recipe is not one without them.
    recipe = complete({"network": "lenet5", "data": "digits"} | wanted, source=source)
    return Given(recipe.augmentation, recipe.preprocessing, _in_full(recipe.augmentation))


def _in_full(augmentation: Augmentation) -> str:
    """A line for each field that is not as its default, which `read_augmentation` takes too."""
    changed = augmentation.model_dump(exclude_defaults=True)
    fields = augmentation.model_dump(mode="json", include=set(changed), exclude_none=True)
    return ",\n".join(f"{name}: {_flow(value)}" for name, value in fields.items())


def _flow(value: Any) -> str:
    return json.dumps(value).replace('"', "")  # none of our words needs its quotes in YAML


def _by_itself(name: str) -> Any:
    """The value of a field that stands in the list without one."""
    if name not in Augmentation.model_fields:
        raise UsageError(f"{_OPTION}: no field {name!r}{near(name, Augmentation.model_fields)} (in augmentation)")
    annotation = Augmentation.model_fields[name].annotation
    if annotation is bool:
        return True
    kinds = getattr(annotation, "__args__", ())
    if name not in _LIKE and any(isinstance(kind, type) and issubclass(kind, Settings) for kind in kinds):
        return {}
    raise UsageError(f"{_OPTION}: {name} needs a value, such as '{_LIKE.get(name, f'{name}: 4')}'")
