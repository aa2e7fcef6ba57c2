"""The plan of what to recompute against every plan that there is."""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classicnets.errors import UsageError
from classicnets.inspection.cost import recomputation_plan
from classicnets.inspection.cost.recomputation import StepCosts, Unit, priced
from classicnets.inspection.cost.recomputation_plan import plan_recomputation

Segments = tuple[tuple[str, str], ...]


@st.composite
def steps(draw: st.DrawFn) -> StepCosts:
    """Up to six units whose prices hang together as those of a trace do."""
    units = []
    before = 0
    for number in range(draw(st.integers(1, 6))):
        output, inner = draw(st.integers(1, 9)), draw(st.integers(0, 20))
        is_kept = draw(st.booleans())
        kept = inner + (output if is_kept else 0)
        units.append(
            Unit(
                rows=(f"row{number}",),
                kept=kept,
                border=0 if is_kept else output,
                carried=output if is_kept else 0,
                forward=before + kept + draw(st.integers(0, 9)),
                backward=before + kept + draw(st.integers(0, 15)),
                arriving=draw(st.integers(0, 9)),
                work=draw(st.integers(0, 9)),
                macs=0,
            )
        )
        before += kept
    return StepCosts(name="made up", units=tuple(units), state=draw(st.integers(0, 5)), update=1, macs=1)


def every_plan(rows: Sequence[str], begin: int = 0) -> Iterator[Segments]:
    if begin == len(rows):
        yield ()
        return
    for rest in every_plan(rows, begin + 1):
        yield rest
    for end in range(begin, len(rows)):
        for rest in every_plan(rows, end + 1):
            yield ((rows[begin], rows[end]), *rest)


def work(costs: StepCosts, segments: Segments) -> int:
    numbers = {unit.rows[0]: number for number, unit in enumerate(costs.units)}
    spans = [costs.units[numbers[first] : numbers[last] + 1] for first, last in segments]
    return sum(unit.work for span in spans for unit in span)


@given(steps(), st.integers(0, 100))
@settings(max_examples=150, deadline=None)
def test_no_plan_is_better(costs: StepCosts, percent: int) -> None:
    plans = [(priced(costs, plan).peak, work(costs, plan)) for plan in every_plan([u.rows[0] for u in costs.units])]
    least = min(peak for peak, _ in plans)
    found = plan_recomputation(costs)
    assert (found.peak, work(costs, found.segments)) == (least, min(each for peak, each in plans if peak == least))
    budget = least + (found.kept_peak - least) * percent // 100
    found = plan_recomputation(costs, budget=budget)
    assert found.peak <= budget
    assert work(costs, found.segments) == min(each for peak, each in plans if peak <= budget)
    with pytest.raises(UsageError, match="take a smaller batch"):
        plan_recomputation(costs, budget=least - 1)


def test_too_many_ways_are_thinned_within_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    units = [Unit((f"row{n}",), 5 + n % 7, 0, 2 + n % 3, 8 * n + 20, 8 * n + 25, 3, 10 + n % 11, 1) for n in range(40)]
    costs = StepCosts(name="made up", units=tuple(units), state=0, update=1, macs=1)
    budget = priced(costs, ()).peak // 2
    exact = work(costs, plan_recomputation(costs, budget=budget).segments)
    monkeypatch.setattr(recomputation_plan, "WAYS", 20)
    thinned = plan_recomputation(costs, budget=budget)
    assert thinned.peak <= budget
    assert exact <= work(costs, thinned.segments) <= 1.1 * exact
