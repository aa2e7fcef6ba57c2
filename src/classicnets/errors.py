"""What a user can get wrong, said in one line."""

import difflib
from collections.abc import Iterable, Sequence


class UsageError(ValueError):
    """A user's mistake: the message says what was given, what is allowed and what to do.

    The command line prints the message alone and ends with exit code 2.
    """


def near(given: str, allowed: Iterable[str], *, most: int = 4) -> str:
    """The part of a message that names what was probably meant.

    Returns ``"; did you mean a, b?"`` with the names closest to ``given``, or, where nothing is close,
    ``"; known: a, b, ..."`` with the first few that are allowed.
    """
    names = list(allowed)
    close = difflib.get_close_matches(given, names, n=most, cutoff=0.6)
    if close:
        return f"; did you mean {', '.join(close)}?"
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    return f"; known: {shown}" if shown else ""


def check_choice(option: str, given: object, choices: Sequence[object]) -> None:
    """Raise a UsageError, which names the choices, where an option is none of them."""
    if given not in choices:
        *others, last = map(str, choices)
        allowed = f"{', '.join(others)} or {last}" if others else last
        raise UsageError(f"{option} must be {allowed}, not {given!r}")


def require(extra: str, missing: ModuleNotFoundError) -> UsageError:
    """The mistake of asking for something without the packages that the extra of that name brings.

    Raises:
        ModuleNotFoundError: ``missing`` is a module of this package: no mistake of the user's.
    """
    if missing.name is None or missing.name.split(".")[0] == "classicnets":
        raise missing
    return UsageError(f"this needs {missing.name}, which is not installed: pip install 'classicnets[{extra}]'")
