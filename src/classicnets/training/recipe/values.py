"""YAML as people write it in recipes and on the command line."""

import re
from typing import Any

import yaml

from classicnets.errors import UsageError


class _Loader(yaml.SafeLoader):
    """YAML 1.1 as PyYAML reads it, but with 1e-3 a number, which YAML 1.1 takes for a string for want of a dot."""


class _Dumper(yaml.SafeDumper):
    """Writes what `_Loader` reads back as the same: the string "1e-3" in quotes."""


for _kind in (_Loader, _Dumper):
    _kind.add_implicit_resolver(
        "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
    )


def read_value(text: str, *, where: str) -> Any:
    """The value that a YAML text stands for.

    Args:
        text: one YAML document.
        where: what the text is, for the error.

    Raises:
        UsageError: it is not YAML, or asks for more than plain values.
    """
    try:
        # The loader is a safe one: it makes plain values and nothing else.
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = f" (line {error.problem_mark.line + 1})" if error.problem_mark else ""
        raise UsageError(f"{where} is not YAML: {error.problem}{line}") from error
    except yaml.YAMLError as error:
        raise UsageError(f"{where} is not YAML: {str(error).partition(chr(10))[0]}") from error


def as_text(value: object) -> str:
    """A plain value as YAML, fields in their order; `read_value` gives it back."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def read_assignment(assignment: str, *, like: str) -> tuple[str, Any]:
    """The name and the value of ``name=value``, the value read as YAML.

    Args:
        assignment: as given with ``--set``.
        like: an example, for the error.

    Raises:
        UsageError: no equals sign, or no YAML after it.
    """
    name, equals, text = assignment.partition("=")
    if not equals:
        raise UsageError(f"--set {assignment}: write it as NAME=VALUE, like {like}")
    return name.strip(), read_value(text, where=f"--set {name}: {text!r}")
