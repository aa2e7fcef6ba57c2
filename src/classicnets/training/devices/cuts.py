"""Where a network is cut into the stages of a pipeline, and what each stage then has to carry."""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Literal, NamedTuple, get_args

from classicnets.errors import UsageError, check_choice
from classicnets.inspection.inspection import Inspection
from classicnets.inspection.memory.training import STATE
from classicnets.inspection.modes import Optimizer
from classicnets.inspection.tracing.rows import places_by_row
from classicnets.networks.chain import Chain

Balance = Literal["macs", "memory"]
"""What the stages shall have as little of as can be, the one with the most of it."""

Schedule = Literal["gpipe", "1f1b"]
"""All forwards before all backwards, or one forward after one backward as soon as that is possible."""

_BYTES = 4  # of a float32


class RowCost(NamedTuple):
    """What a row costs in training.

    Attributes:
        row: its name.
        parameters: trainable numbers.
        macs: of a forward pass for one image.
        kept: bytes that its forward leaves for the backward, for one image.
        border: bytes that leave it, for one image.
    """

    row: str
    parameters: int
    macs: int
    kept: int
    border: int


class Stage(NamedTuple):
    """Rows that follow one another on one device.

    Attributes:
        rows: their names.
        parameters: trainable numbers.
        macs: of a forward pass for one image.
        kept: bytes that the forward leaves for the backward, for one image.
        border: bytes that go on to the next stage, for one image; as many come back as gradients. 0 for the last.
    """

    rows: tuple[str, ...]
    parameters: int
    macs: int
    kept: int
    border: int

    def held(self, images: int, *, optimizer: Optimizer = "momentum") -> int:
        """Bytes in training: weights, gradients, the optimizer's state, and what the forwards of ``images`` leave."""
        return _BYTES * (2 + STATE[optimizer]) * self.parameters + images * self.kept


def row_costs(network: Chain, *, batch: int = 2) -> tuple[RowCost, ...]:
    """What each row costs, auxiliary heads left out.

    Args:
        network: with or without weights.
        batch: images that the trace runs on; what is kept is their mean, rounded down.
    """
    found = Inspection(network, network.input_shape, batch=batch)
    trace = found.training_trace
    first = next(place for place, operation in enumerate(trace.operations) if operation.backward)
    homes = {place: row for row, places in places_by_row(trace, network.rows).items() for place in places}
    kept = dict.fromkeys(network.rows, 0)
    for storage in trace.storages:
        lives_on = storage.died is None or storage.died >= first
        if storage.held == "activation" and storage.born < first and lives_on and storage.born in homes:
            kept[homes[storage.born]] += storage.size
    return tuple(
        RowCost(row.name, row.parameters, row.macs, kept[row.name] // batch, row.activation_bytes) for row in found.rows
    )


def stages(network: Chain, cuts: Sequence[str], *, costs: Sequence[RowCost] | None = None) -> tuple[Stage, ...]:
    """The network cut after each of these rows.

    Raises:
        UsageError: a row is unknown, or the rows do not stand in the network's order, or a cut is after the last.
    """
    costs = costs or row_costs(network)
    places = [0, *(place + 1 for place in cut_places(network, cuts)), len(network.rows)]
    return tuple(_stage(costs[start:end], last=end == len(costs)) for start, end in pairwise(places))


def balanced_cuts(
    network: Chain, count: int, *, by: Balance = "macs", batch: int = 32, optimizer: Optimizer = "momentum"
) -> tuple[str, ...]:
    """The rows to cut after so that, of ``count`` stages, the one that carries most carries as little as can be.

    Args:
        network: with or without weights.
        count: of stages.
        by: multiply-accumulates, or what a stage holds in training: weights, gradients, the optimizer's state and the
            activations of a batch.
        batch: images whose activations are held.
        optimizer: whose state is.

    Raises:
        UsageError: the network has fewer rows than that.
    """
    check_choice("balance", by, get_args(Balance))
    rows = network.rows
    if not 1 <= count <= len(rows):
        raise UsageError(f"{network.name} has {len(rows)} rows, which cannot make {count} stages")
    costs = row_costs(network)
    each = [
        cost.macs if by == "macs" else _stage([cost], last=False).held(batch, optimizer=optimizer) for cost in costs
    ]
    return tuple(rows[place - 1] for place in partition(each, count))


def cut_places(network: Chain, cuts: Sequence[str]) -> list[int]:
    """The places of the rows that end a stage, the last stage's left out.

    Raises:
        UsageError: a row is unknown, or the rows do not stand in the network's order, or a cut is after the last.
    """
    places = [network.rows.index(network.find_row(cut)) for cut in cuts]
    for (before, one), (after, other) in pairwise(zip(cuts, places, strict=True)):
        if other <= one:
            raise UsageError(f"cuts must follow the rows of {network.name}: {after!r} does not come after {before!r}")
    if places and places[-1] == len(network.rows) - 1:
        raise UsageError(f"nothing is left after {cuts[-1]!r}, the last row of {network.name}: cut before it")
    return places


def bubble(stages: int, microbatches: int) -> float:
    """The share of a step's time in which a device waits, all stages taking equally long.

    (stages - 1) / (micro-batches + stages - 1), for both schedules: the pipeline has to fill and to drain (Huang et
    al., "GPipe", NeurIPS 2019, section 2.3).
    """
    return (stages - 1) / (microbatches + stages - 1)


def microbatches_held(stage: int, stages: int, microbatches: int, schedule: Schedule) -> int:
    """Of how many micro-batches a stage holds the activations at once.

    gpipe holds all of them; with 1f1b stage s, counted from 0, runs no more than ``stages`` - s ahead of its backward.
    """
    return microbatches if schedule == "gpipe" else min(microbatches, stages - stage)


def _stage(costs: Sequence[RowCost], *, last: bool) -> Stage:
    names, parameters, macs, kept, borders = zip(*costs, strict=True)
    return Stage(names, sum(parameters), sum(macs), sum(kept), 0 if last else borders[-1])


def partition(costs: Sequence[int], count: int) -> list[int]:
    """Where to cut a line of costs into ``count`` parts, none empty, so that the largest sum is as small as can be."""
    sums = [0, *accumulate(costs)]
    ends = range(len(costs) + 1)
    largest = [float(sums[end]) for end in ends]
    froms: list[list[int]] = []
    for part in range(1, count):
        best = [float("inf")] * len(sums)
        chosen = [0] * len(sums)
        for end in ends:
            for start in range(part, end):
                worst = max(largest[start], sums[end] - sums[start])
                if worst < best[end]:
                    best[end], chosen[end] = worst, start
        largest = best
        froms.append(chosen)
    places = [len(costs)]
    for chosen in reversed(froms):
        places.append(chosen[places[-1]])
    return places[:0:-1]
