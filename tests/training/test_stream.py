"""The run as one sequence of batches: the same from wherever it is taken up."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from classicnets.data.batches import Batch
from classicnets.data.sharing import Share
from classicnets.training.stream import Stream
from tests.training.small_runs import tiny_batches

EPOCHS = 3


def assert_same(one: list[Batch], other: list[Batch]) -> None:
    assert len(one) == len(other)
    for left, right in zip(one, other, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(left, right, strict=True))


def test_is_one_epoch_after_the_other() -> None:
    by_hand = []
    for epoch in range(EPOCHS):
        batches = tiny_batches()
        batches.epoch = epoch
        by_hand += list(batches)
    stream = Stream(tiny_batches(), EPOCHS)
    assert len(stream) == len(by_hand) == EPOCHS * 3
    assert_same(list(stream), by_hand)
    assert_same(list(stream), by_hand)  # and once more: going through it leaves no trace


def test_epochs_differ_in_order_and_in_crops() -> None:
    batches = list(Stream(tiny_batches(batch_size=7), 2))
    orders = [batch.indices.tolist() for batch in batches]
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(7))
    first, second = (batch.images[batch.indices.argsort()] for batch in batches)
    assert not torch.equal(first, second)


@settings(deadline=None)
@given(images=st.integers(1, 9), batch_size=st.integers(1, 10), epochs=st.integers(1, 4), share=st.floats(0, 1))
def test_goes_on_from_any_batch(images: int, batch_size: int, epochs: int, share: float) -> None:
    whole = list(Stream(tiny_batches(images, batch_size=batch_size), epochs))
    taken = round(share * len(whole))
    rest = Stream(tiny_batches(images, batch_size=batch_size), epochs)
    rest.load_state_dict({"taken": taken})
    assert_same(list(rest), whole[taken:])


def test_fetching_ahead_does_not_count_as_taken() -> None:
    stream = Stream(tiny_batches(), EPOCHS)
    ahead = iter(stream)
    for _ in range(5):
        next(ahead)
    assert stream.state_dict() == {"taken": 0}
    stream.taken = 4
    other = Stream(tiny_batches(), EPOCHS)
    other.load_state_dict(stream.state_dict())
    assert other.state_dict() == {"taken": 4}
    whole = list(Stream(tiny_batches(), EPOCHS))
    assert_same(list(other), whole[4:])


def test_a_batch_stays_as_it_was_while_others_follow() -> None:
    held, copies = [], []
    for batch in Stream(tiny_batches(), EPOCHS):
        held.append(batch)
        copies.append(Batch(*(tensor.clone() for tensor in batch)))
    assert_same(held, copies)


@pytest.mark.parametrize("seed", [1, 2])
def test_another_seed_is_another_order(seed: int) -> None:
    one, other = ([batch.indices.tolist() for batch in Stream(tiny_batches(seed=s), EPOCHS)] for s in (0, seed))
    assert one != other


def test_tells_where_the_run_stands_after_each_piece() -> None:
    batches = tiny_batches()  # three steps an epoch
    batches.share = Share(pieces=2)
    stream = Stream(batches, None, steps=4)
    places = [stream.after(number) for number in range(len(stream))]
    assert places == [None, (1, 1, False), None, (2, 1, False), None, (3, 1, True), None, (4, 2, True)]
