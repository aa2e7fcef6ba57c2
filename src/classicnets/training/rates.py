"""How the learning rate moves along a run."""

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence

from classicnets.training.recipe.sections import Schedule


def learning_rate_of(schedule: Schedule, steps: int) -> Callable[[int], float]:
    """The share of the optimizer's learning rate that each of ``steps`` steps takes, the first being step 0.

    What ``plateau`` takes off depends on errors that are yet to come: see `falls`.
    """

    def share(step: int) -> float:
        # Exact where a milestone falls on a step: 32,000 of 64,000 is no rounding error before or after itself.
        begun = step * schedule.length / steps
        # The middle of the step, so that neither end of a ramp is wasted on 0.
        done = min((step + 0.5) * schedule.length / steps, schedule.length)
        if done < schedule.warmup:
            if schedule.warmup_shape == "flat":
                return schedule.warmup_from
            return schedule.warmup_from + (1 - schedule.warmup_from) * done / schedule.warmup
        match schedule.name:
            case "step":
                return math.prod(schedule.factor for drop in schedule.drops if begun >= drop)
            case "exponential":
                assert schedule.every is not None, "the section makes sure"
                past = begun / schedule.every
                return float(schedule.factor ** (math.floor(past) if schedule.staircase else past))
            case "table":
                line = bisect_right(schedule.ends, begun)
                return schedule.table[min(line, len(schedule.table) - 1)][1]
            case "cosine":
                return _half_cosine((done - schedule.warmup) / (schedule.length - schedule.warmup), schedule.final)
            case "one_cycle":
                if done < schedule.tops:
                    return done / schedule.tops
                return _half_cosine((done - schedule.tops) / (schedule.length - schedule.tops), schedule.final)
            case "constant" | "plateau":
                return 1.0

    return share


def falls(schedule: Schedule, errors: Sequence[float], epochs: float) -> int:
    """How often ``plateau`` has lowered the rate after epochs that ended with these test errors.

    An epoch that is not better than every one before it is one of patience; when patience is at its end the rate
    falls, and patience begins anew.

    Args:
        schedule: of any name; the others never fall so.
        errors: one an epoch, in percent.
        epochs: that the run has, which patience is a share of.
    """
    if schedule.name != "plateau":
        return 0
    assert schedule.patience is not None, "the section makes sure"
    patience = max(1, round(schedule.patience * epochs / schedule.length))
    best, waited, fallen = math.inf, 0, 0
    for error in errors:
        waited = 0 if error < best else waited + 1
        best = min(best, error)
        if waited >= patience and fallen < schedule.falls:
            fallen, waited = fallen + 1, 0
    return fallen


def _half_cosine(done: float, final: float) -> float:
    return final + (1 - final) * (1 + math.cos(math.pi * done)) / 2
