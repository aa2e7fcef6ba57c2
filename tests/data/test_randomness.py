"""Random numbers that depend on (seed, epoch, index, purpose) and on nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classicnets.data.randomness import integers, order, uniform

seeds = st.integers(0, 2**63 - 1)
epochs = st.integers(0, 1000)


@given(seeds, epochs, st.lists(st.integers(0, 2**40), min_size=1, max_size=50))
def test_a_number_depends_on_its_own_index_only(seed: int, epoch: int, indices: list[int]) -> None:
    together = uniform(seed, epoch, np.array(indices), "flip")
    alone = [uniform(seed, epoch, np.array([index]), "flip")[0] for index in indices]
    assert together.tolist() == alone
    assert ((together >= 0) & (together < 1)).all()


@given(seeds, epochs, st.integers(1, 1000))
def test_integers_stay_below_their_bound(seed: int, epoch: int, below: int) -> None:
    drawn = integers(seed, epoch, np.arange(100), "crop_x", below=below)
    assert drawn.min() >= 0
    assert drawn.max() < below


def test_integers_are_evenly_spread() -> None:
    counts = np.bincount(integers(3, 1, np.arange(90_000), "crop_y", below=9), minlength=9)
    assert np.abs(counts - 10_000).max() < 400  # four standard deviations


@pytest.mark.parametrize("other", [(1, 0, "a"), (0, 1, "a"), (0, 0, "b")], ids=["seed", "epoch", "purpose"])
def test_seed_epoch_and_purpose_each_matter(other: tuple[int, int, str]) -> None:
    indices = np.arange(20_000)
    one, another = uniform(0, 0, indices, "a"), uniform(other[0], other[1], indices, other[2])
    assert abs(np.corrcoef(one, another)[0, 1]) < 0.03


def test_seed_and_epoch_are_not_interchangeable() -> None:
    indices = np.arange(100)
    assert not np.array_equal(uniform(1, 2, indices, "a"), uniform(2, 1, indices, "a"))


@given(seeds, epochs, st.integers(0, 500))
def test_an_order_visits_everything_once(seed: int, epoch: int, count: int) -> None:
    visited = order(seed, epoch, count)
    assert sorted(visited.tolist()) == list(range(count))
    assert visited.tolist() == order(seed, epoch, count).tolist()


def test_epochs_have_orders_of_their_own() -> None:
    assert not np.array_equal(order(0, 0, 1000), order(0, 1, 1000))
    assert not np.array_equal(order(0, 0, 1000), order(1, 0, 1000))
