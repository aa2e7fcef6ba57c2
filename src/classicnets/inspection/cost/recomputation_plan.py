"""The best rows to recompute: by dynamic programming over the rows, from the image to the logits.

Every division of the rows into segments that are recomputed and rows that keep everything is a candidate, and the
prices of `recomputation` decide. What is found is an optimum by these prices, not an approximation to one, but for what
`WAYS` says of networks of hundreds of rows under wide budgets.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from classicnets.errors import UsageError
from classicnets.inspection.cost.recomputation import (
    Recomputation,
    StepCosts,
    border,
    keeping,
    kept_before,
    priced,
)
from classicnets.inspection.units import size

WAYS = 400
"""How many ways to a place are told apart. Ways that fit barely are few; with hundreds of rows and a wide budget there
are thousands, and then those that hold the same to 1/399 of the range count as one: what is run again may exceed the
least by as much, the budget is kept all the same."""

Numbers = npt.NDArray[np.int64]


def plan_recomputation(costs: StepCosts, *, budget: int | None = None) -> Recomputation:
    """Choose what to recompute.

    Args:
        costs: of a step.
        budget: bytes that a step may hold, the optimizer's state included, images and weights apart; None asks for the
            smallest peak there is.

    Returns:
        Of all plans within the budget one that recomputes the fewest operations; of those with the smallest peak, if
        there is no budget, likewise.

    Raises:
        UsageError: no plan keeps to the budget.
    """
    kept = priced(costs, ())
    if budget is not None and kept.peak <= budget:
        return kept
    steps = _steps(costs)
    least = _smallest_peak(costs, steps, kept.peak)
    if budget is not None and budget < least:
        raise UsageError(
            f"{costs.name} holds at least {size(least)} in a step, whichever rows are recomputed, and {size(budget)}"
            " are left for it; take a smaller batch"
        )
    return priced(costs, _fewest_operations(costs, steps, (least if budget is None else budget) - costs.state))


class _Steps(NamedTuple):
    """The last steps on the way to a place, an element each: units from ``begin`` on that are kept or run again.

    The first is the unit before the place, kept; then come segments, from the shortest to the longest. ``needs`` is the
    most that they have alive beside what is held from before; ``holds`` is what they leave held; ``work`` is what they
    run again.
    """

    begin: Numbers
    needs: Numbers
    holds: Numbers
    work: Numbers


def _steps(costs: StepCosts) -> list[_Steps]:
    """Those to each place, which is the number of units before it; to the first there are none."""
    units, held_before = costs.units, kept_before(costs)
    before = np.array(held_before)
    forward, backward, work = (np.array([getattr(unit, what) for unit in units]) for what in _PRICES)
    extra = np.array([border(costs, begin) for begin in range(len(units))])
    found = [_Steps(_NONE, _NONE, _NONE, _NONE)]
    for end, unit in enumerate(units, 1):
        begin = np.arange(end)[::-1]
        most_forward, most_backward = (np.maximum.accumulate(most[:end][::-1]) for most in (forward, backward))
        needs = np.maximum(most_forward + unit.arriving, most_backward) - before[begin] + extra[begin]
        found.append(
            _Steps(
                np.insert(begin, 0, end - 1),
                np.insert(needs, 0, keeping(costs, held_before, end - 1)),
                np.insert(extra[begin] + unit.carried, 0, unit.kept),
                np.insert(np.cumsum(work[:end][::-1]), 0, 0),
            )
        )
    return found


def _smallest_peak(costs: StepCosts, steps: Sequence[_Steps], enough: int) -> int:
    """By halving: the less is held at a place the better for what follows, so one number a place tells what fits."""
    too_little, enough = costs.update - 1, enough - costs.state
    while enough - too_little > 1:
        middle = (too_little + enough) // 2
        too_little, enough = (too_little, middle) if _fits(steps, middle) else (middle, enough)
    return enough + costs.state


def _fits(steps: Sequence[_Steps], most: int) -> bool:
    never = most + 1
    held = np.zeros(len(steps), dtype=np.int64)
    for place, ending in enumerate(steps[1:], 1):
        there = held[ending.begin]
        held[place] = np.min((there + ending.holds)[there + ending.needs <= most], initial=never)
    return bool(held[-1] < never)


class _Ways(NamedTuple):
    """The ways to a place that no other one beats in both, the least held first: arrays, an element a way.

    ``held`` is what a way holds there, ``work`` what it has run again; its last step is number ``step`` of those to the
    place, taken from the way ``before`` of the place where that step begins.
    """

    held: Numbers
    work: Numbers
    step: Numbers
    before: Numbers


def _fewest_operations(costs: StepCosts, steps: Sequence[_Steps], most: int) -> list[tuple[str, str]]:
    at_most = _still_fitting(steps, most)
    ways = [_Ways(*[np.zeros(1, dtype=np.int64)] * 4)]
    for place in range(1, len(steps)):
        ways.append(_unbeaten(_onward(ways, steps[place], most, at_most[place])))
    place, way, segments = len(costs.units), len(ways[-1].work) - 1, []
    while place:
        number, way = int(ways[place].step[way]), int(ways[place].before[way])
        begin = int(steps[place].begin[number])
        if number > 0:
            segments.append((costs.units[begin].rows[0], costs.units[place - 1].rows[-1]))
        place = begin
    return segments[::-1]


def _still_fitting(steps: Sequence[_Steps], most: int) -> Numbers:
    """The most that may be held at each place for some way on from there to fit; ways with more are given up."""
    found = np.full(len(steps), -1)
    found[-1] = most
    for place in reversed(range(1, len(steps))):
        ending = steps[place]
        np.maximum.at(found, ending.begin, np.minimum(most - ending.needs, found[place] - ending.holds))
    return found


def _onward(ways: Sequence[_Ways], ending: _Steps, most: int, at_most: int) -> list[_Ways]:
    """The ways that a place's last steps continue; those that hold too much to take a step, or after it, fall away."""
    limits = np.minimum(most - ending.needs, at_most - ending.holds)
    found = []
    for number, (begin, limit) in enumerate(zip(ending.begin.tolist(), limits.tolist(), strict=True)):
        held = ways[begin].held
        fitting = int(held.searchsorted(limit, side="right")) if len(held) and held[0] <= limit else 0
        if fitting:
            work = ways[begin].work[:fitting] + ending.work[number]
            found.append(
                _Ways(held[:fitting] + ending.holds[number], work, np.full(fitting, number), np.arange(fitting))
            )
    return found


def _unbeaten(found: Sequence[_Ways]) -> _Ways:
    if not found:
        return _Ways(_NONE, _NONE, _NONE, _NONE)
    held, work, step, before = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((work, held))
    least = np.minimum.accumulate(work[order])
    better = _at_most_so_many(held, order[np.flatnonzero(np.diff(least, prepend=np.iinfo(np.int64).max))])
    return _Ways(held[better], work[better], step[better], before[better])


def _at_most_so_many(held: Numbers, ways: Numbers) -> Numbers:
    """Of too many ways the one with the least, and of those that hold nearly the same the one that runs least again."""
    if len(ways) <= WAYS:
        return ways
    span = held[ways[-1]] - held[ways[0]] + 1
    groups = (held[ways] - held[ways[0]]) * (WAYS - 1) // span
    last = np.flatnonzero(np.diff(groups, append=WAYS))
    kept: Numbers = ways[np.union1d(last, [0])]
    return kept


_PRICES = ("forward", "backward", "work")
_NONE: Numbers = np.zeros(0, dtype=np.int64)
