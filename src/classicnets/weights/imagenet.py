"""The classes of ImageNet (ILSVRC-2012) in the order that every library's weights have them."""

from functools import cache
from importlib.resources import files

_TABLE = "imagenet_classes.txt"  # a line a class: its WordNet number, which is what folders are called, and its name


def class_names() -> tuple[str, ...]:
    """The 1000 names, in English ("tench", "goldfish", ...); no two are alike."""
    return tuple(name for _, name in _classes())


def class_folders() -> tuple[str, ...]:
    """The same classes by their WordNet numbers ("n01440764", ...), as ImageNet's folders are called."""
    return tuple(number for number, _ in _classes())


@cache
def _classes() -> tuple[tuple[str, str], ...]:
    lines = files(__package__).joinpath(_TABLE).read_text(encoding="utf-8").splitlines()
    return tuple((number, name) for number, _, name in (line.partition(" ") for line in lines))
