"""Where networks are cut, and what the stages then cost."""

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classicnets.errors import UsageError
from classicnets.inspection.inspection import inspect
from classicnets.networks import build
from classicnets.training.devices.cuts import (
    balanced_cuts,
    bubble,
    microbatches_held,
    partition,
    row_costs,
    stages,
)
from classicnets.training.devices.stages import idle, staged


@given(costs=st.lists(st.integers(0, 50), min_size=1, max_size=8), data=st.data())
def test_no_other_cuts_have_a_smaller_largest_part(costs: list[int], data: st.DataObject) -> None:
    count = data.draw(st.integers(1, len(costs)))

    def largest(places: tuple[int, ...]) -> int:
        return max(sum(costs[start:end]) for start, end in pairwise((0, *places, len(costs))))

    best = min(largest(places) for places in combinations(range(1, len(costs)), count - 1))
    found = tuple(partition(costs, count))
    assert len(found) == count - 1
    assert sorted(set(found)) == list(found)
    assert largest(found) == best


class TestBalance:
    def test_of_vgg11_by_macs(self) -> None:
        network = build("vgg11")
        cuts = balanced_cuts(network, 2)
        first, last = stages(network, cuts)
        assert cuts == ("conv3_2",)
        assert first.macs == 3_786_080_256
        assert first.macs + last.macs == 7_609_090_048

    def test_by_memory_the_fully_connected_layers_weigh_too(self) -> None:
        network = build("vgg11")
        by_macs, by_memory = (stages(network, balanced_cuts(network, 3, by=by, batch=8)) for by in ("macs", "memory"))
        assert max(stage.held(8) for stage in by_memory) < max(stage.held(8) for stage in by_macs)
        # fc6 alone has 102,764,544 parameters, each with a gradient and a velocity.
        assert max(stage.held(8) for stage in by_memory) >= 12 * 102_764_544

    @pytest.mark.parametrize("name", ["vgg11", "googlenet", "resnet18"])
    def test_the_stages_are_the_whole_network(self, name: str) -> None:
        network = build(name)
        found, whole = stages(network, balanced_cuts(network, 4)), inspect(network, batch=2)
        assert tuple(row for stage in found for row in stage.rows) == network.rows
        assert sum(stage.parameters for stage in found) == whole.parameters
        assert sum(stage.macs for stage in found) == whole.macs
        assert sum(stage.kept for stage in found) == pytest.approx(whole.training_memory.activations / 2, rel=0.01)

    def test_more_stages_than_rows_are_refused(self) -> None:
        with pytest.raises(UsageError, match=r"^lenet5 has 7 rows, which cannot make 8 stages$"):
            balanced_cuts(build("lenet5"), 8)


@pytest.mark.parametrize(
    ("cuts", "message"),
    [
        (["conv3_9"], r"^vgg11 has no row 'conv3_9'; did you mean conv3_2"),
        (["pool5", "pool3"], r"^cuts must follow the rows of vgg11: 'pool3' does not come after 'pool5'$"),
        (["pool3", "pool3"], r"'pool3' does not come after 'pool3'$"),
        (["fc8"], r"^nothing is left after 'fc8', the last row of vgg11: cut before it$"),
    ],
)
def test_wrong_cuts_are_refused(cuts: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        stages(build("vgg11"), cuts)


class TestSchedules:
    def test_the_bubble_of_gpipe(self) -> None:
        assert bubble(1, 8) == 0
        assert bubble(4, 1) == 3 / 4
        assert bubble(4, 8) == 3 / 11
        assert bubble(2, 32) == 1 / 33

    @given(count=st.integers(1, 6), parts=st.integers(1, 12))
    def test_equal_stages_wait_for_the_bubble(self, count: int, parts: int) -> None:
        assert idle([7] * count, parts) == pytest.approx(bubble(count, parts))

    @given(times=st.lists(st.integers(1, 9), min_size=1, max_size=5), parts=st.integers(1, 6))
    def test_waiting_equals_a_simulation(self, times: list[int], parts: int) -> None:
        """A stage begins a micro-batch when it is free and the stage before has finished it."""
        finished = [0] * parts
        for time in times:
            free = 0
            for part in range(parts):
                free = finished[part] = max(free, finished[part]) + time
        assert idle(times, parts) == pytest.approx(1 - parts * sum(times) / (len(times) * finished[-1]))

    def test_1f1b_holds_no_more_micro_batches_than_stages_lie_ahead(self) -> None:
        assert [microbatches_held(stage, 4, 8, "1f1b") for stage in range(4)] == [4, 3, 2, 1]
        assert [microbatches_held(stage, 4, 8, "gpipe") for stage in range(4)] == [8] * 4
        assert microbatches_held(0, 4, 2, "1f1b") == 2


def test_figures_of_a_pipeline() -> None:
    network = build("vgg16")
    found = staged(network, cuts=["pool3", "pool5"], batch=128, microbatches=8)
    first, second, third = found.stages
    assert (first.rows, first.border, first.sent) == (("conv1_1", "pool3"), (256, 28, 28), 4 * 128 * 256 * 28 * 28)
    assert (second.border, second.sent) == ((512, 7, 7), 4 * 128 * 512 * 7 * 7)
    assert (third.rows, third.border, third.sent, third.parameters) == (("fc6", "fc8"), (), 0, 123_642_856)
    costs = {cost.row: cost for cost in row_costs(network)}
    kept = sum(costs[row].kept for row in network.rows[: network.rows.index("pool3") + 1])
    assert first.held_gpipe == 12 * first.parameters + 128 * kept
    assert first.held_1f1b == 12 * first.parameters + 3 * 16 * kept
    assert found.to_dict()["cuts"] == ["pool3", "pool5"]
    assert found.bubble == 2 / 10
    with pytest.raises(UsageError, match=r"^128 images cannot be divided into 7 micro-batches of the same size$"):
        staged(network, microbatches=7)
