"""The lessons that classic networks teach, each computed from networks that are really built."""

import importlib
from collections.abc import Mapping
from types import MappingProxyType

from classicnets.errors import UsageError, near
from classicnets.inspection.lessons.form import Lesson, Progress

_SUMMARIES: Mapping[str, str] = MappingProxyType(
    {
        "small-kernels": "three 3x3 convolutions against one 7x7: what they see, hold and compute",
        "receptive-field": "how much of the image one activation sees, row by row",
        "fully-connected": "where VGG-16 keeps its parameters, and where it computes",
        "average-pooling": "what the mean of each map saves in place of fully connected layers",
        "groups": "AlexNet's two towers, and ResNeXt's groups at equal cost",
        "inception": "the naive Inception module against the one that reduces first",
        "factorised": "an nx1 and a 1xn convolution for an nxn, and on which maps it pays",
        "bottleneck": "1x1, 3x3, 1x1 against two 3x3 of the same width",
        "degradation": "deeper plain networks get worse, deeper residual ones better",
        "shortcut-memory": "what each shortcut of a ResNet keeps in memory, and how to keep less",
        "why-addition": "the identity in the gradient of x + F(x), and what becomes of it under a factor",
        "notes": "lines that teaching notes get wrong, with the right values",
    }
)


def lessons() -> dict[str, str]:
    """The topics, each with what it is about, in the order to read them."""
    return dict(_SUMMARIES)


def lesson(topic: str, *, progress: Progress | None = None) -> Lesson:
    """Compute a lesson.

    Args:
        topic: one of `lessons`.
        progress: told after each step how many are done, and of how many.

    Raises:
        UsageError: there is no such topic.
    """
    if topic not in _SUMMARIES:
        raise UsageError(f"no topic {topic!r}{near(topic, _SUMMARIES)}")
    module = importlib.import_module(f"{__name__}.{topic.replace('-', '_')}")
    made: Lesson = module.lesson(progress or _unseen)
    return made


def _unseen(done: int, total: int) -> None:
    """Nobody watches."""
