"""Recipes as files and as text: read, merged, overridden, completed, written."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from classicnets.errors import UsageError, near
from classicnets.files import write_text
from classicnets.training.recipe.recipe import Recipe
from classicnets.training.recipe.values import as_text, read_assignment, read_value


def read_fields(path: Path) -> dict[str, Any]:
    """The fields of a recipe file, which need not be complete.

    Raises:
        UsageError: not readable, or not YAML with fields.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot read the recipe {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"the recipe {path} is not text") from error
    return _mapping(text, f"the recipe {path}")


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of both, where both have one those of ``above``; sections field by field."""
    merged = dict(below)
    for field, value in above.items():
        under = merged.get(field)
        both = isinstance(value, Mapping) and isinstance(under, Mapping)
        merged[field] = merge(under, value) if both else value  # type: ignore[arg-type]  # known to be a mapping
    return merged


def override(fields: dict[str, Any], assignment: str) -> None:
    """Set one field from ``a.b=value``, the value read as YAML.

    Raises:
        UsageError: no such field, or no value.
    """
    key, value = read_assignment(assignment, like="optimizer.lr=0.05")
    _must_exist(key)
    *sections, last = key.split(".")
    inner = fields
    for section in sections:
        if inner.get(section) is None:  # not there yet, or a section that may be left out and was
            inner[section] = {}
        inner = inner[section]
        if not isinstance(inner, dict):
            raise UsageError(f"--set {assignment}: {section} was given as {inner!r}, which has no fields")
    inner[last] = value


def complete(fields: dict[str, Any], *, source: str = "the recipe") -> Recipe:
    """The recipe with those fields.

    Raises:
        UsageError: a field is unknown or its value is not allowed; the message names it.
    """
    try:
        return Recipe.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            _must_exist(field, source=source)
        if first["type"] in ("model_type", "dict_type"):
            reason = "should be a mapping of fields"
        else:
            reason = first["msg"].removeprefix("Value error, ").replace("Input should", "should")
        # A whole section would make a long line, and the reason names the field in it.
        known = first["type"] != "missing" and not isinstance(first["input"], dict)
        given = f" (given: {first['input']!r})" if known else ""
        raise UsageError(f"{source}: {field}: {reason}{given}") from error


def write(path: Path, recipe: Recipe) -> None:
    """Write the recipe, complete, whole or not at all."""
    write_text(path, as_yaml(recipe))


def as_yaml(recipe: Recipe) -> str:
    """The recipe as YAML, fields in their order."""
    return as_text(recipe.model_dump(mode="json"))


def has_field(key: str) -> bool:
    """Whether a recipe has a field of that name, such as ``optimizer.lr``."""
    try:
        _must_exist(key)
    except UsageError:
        return False
    return True


def _must_exist(key: str, *, source: str = "--set") -> None:
    model: type[BaseModel] = Recipe
    path: list[str] = []
    for part in key.split("."):
        if path and path[0] == "options":
            return  # whatever the network takes; it checks them itself
        if not model.model_fields:
            raise UsageError(f"{source}: no field {key!r}: {'.'.join(path)} is a single value")
        if part not in model.model_fields:
            where = f" (in {'.'.join(path)})" if path else ""
            raise UsageError(f"{source}: no field {key!r}{near(part, model.model_fields)}{where}")
        path.append(part)
        model = next(iter(_sections(model, part)), BaseModel)


def _sections(model: type[BaseModel], field: str) -> list[type[BaseModel]]:
    annotation = model.model_fields[field].annotation
    candidates = getattr(annotation, "__args__", (annotation,))
    return [kind for kind in candidates if isinstance(kind, type) and issubclass(kind, BaseModel)]


def _mapping(text: str, where: str) -> dict[str, Any]:
    content = read_value(text, where=where)
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UsageError(f"{where} holds no fields: a recipe is a YAML mapping such as 'epochs: 10'")
    return content
