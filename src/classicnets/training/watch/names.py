"""What the records of a run are called, and which of them are asked for by name."""

from collections.abc import Collection

from classicnets.errors import UsageError, near

RECIPE = "recipe.yaml"
METRICS = "metrics.csv"
STEPS = "steps.csv"
GRADIENTS = "gradients.csv"
STARTS = "starts.json"
EVENTS = "tensorboard"
UNREADABLE = "unreadable.jsonl"

RECORDS = frozenset({STEPS, GRADIENTS, STARTS, EVENTS, UNREADABLE})
"""What may lie in the folder of a run before its first epoch has ended."""

ON_REQUEST = ("tensorboard", "gradients")
"""What a run records on request: event files for TensorBoard; the norm of each row's gradient."""


def check_record(asked: Collection[str]) -> None:
    """Make sure that all of ``asked`` are among `ON_REQUEST`.

    Raises:
        UsageError: one is not.
    """
    for name in asked:
        if name not in ON_REQUEST:
            raise UsageError(f"--record {name}: there is no such record{near(name, ON_REQUEST)}")
