"""How a batch is shared out: every image once, in order, and weighted so that the mean is the batch's."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from classicnets.data.sharing import Piece, Share, piece_of
from classicnets.layers.stochastic_depth import StochasticResidual
from classicnets.training.scale.draws import see_piece, share_draws
from classicnets.training.stream import Stream
from tests.training.small_runs import tiny_batches


def pieces(images: int, ranks: int, number_of: int) -> list[Piece]:
    return [
        piece_of(images, Share(rank, ranks, number_of), number) for number in range(number_of) for rank in range(ranks)
    ]


@given(images=st.integers(1, 300), ranks=st.integers(1, 9), number_of=st.integers(1, 5))
def test_the_counted_pieces_are_the_batch_in_its_order(images: int, ranks: int, number_of: int) -> None:
    counted = [piece for piece in pieces(images, ranks, number_of) if piece.counts]
    assert [image for piece in counted for image in range(piece.start, piece.end)] == list(range(images))


@given(images=st.integers(1, 300), ranks=st.integers(1, 9), number_of=st.integers(1, 5), seed=st.integers(0, 9))
def test_the_mean_of_the_weighted_means_is_the_batch_s(images: int, ranks: int, number_of: int, seed: int) -> None:
    losses = np.random.default_rng(seed).random(images)
    weighted = [piece.weight * losses[piece.start : piece.end].mean() for piece in pieces(images, ranks, number_of)]
    assert np.mean(weighted) == pytest.approx(losses.mean(), rel=1e-12)


@given(images=st.integers(1, 300), ranks=st.integers(1, 9), number_of=st.integers(1, 5))
def test_neighbours_stay_together_and_nobody_has_much_more(images: int, ranks: int, number_of: int) -> None:
    made = pieces(images, ranks, number_of)
    assert all(piece.start % 2 == 0 for piece in made)
    lengths = [piece.end - piece.start for piece in made]
    assert min(lengths) >= 1
    assert max(lengths) - min(lengths) <= 2


def test_a_process_goes_through_its_pieces_of_each_batch() -> None:
    whole = [batch.indices.tolist() for batch in tiny_batches(23, batch_size=10)]
    taken = []
    for rank in range(2):
        batches = tiny_batches(23, batch_size=10)
        batches.share = Share(rank, 2, 2)
        assert len(batches) == 6
        taken.append([batch.indices.tolist() for batch in batches])
    for step, batch in enumerate(whole):
        assert taken[0][2 * step] + taken[1][2 * step] + taken[0][2 * step + 1] + taken[1][2 * step + 1] == batch or (
            len(batch) < 8 and taken[0][2 * step] == batch  # three images do not go round four pieces
        )


def test_pieces_have_the_pixels_that_the_whole_has() -> None:
    whole = next(iter(tiny_batches(16, batch_size=16)))
    batches = tiny_batches(16, batch_size=16)
    batches.share = Share(1, 2, 1)
    (half,) = list(batches)
    assert torch.equal(half.images, whole.images[8:])
    assert torch.equal(half.labels, whole.labels[8:])


def test_a_stream_of_pieces_goes_on_from_any_of_them() -> None:
    def stream() -> Stream:
        batches = tiny_batches(9, batch_size=4)
        batches.share = Share(1, 2, 2)
        return Stream(batches, 3)

    whole = list(stream())
    assert len(whole) == len(stream()) == 3 * 3 * 2
    assert stream().steps == 9
    for taken in range(len(whole)):
        rest = stream()
        rest.load_state_dict({"taken": taken})
        assert [batch.indices.tolist() for batch in rest] == [batch.indices.tolist() for batch in whole[taken:]]


@pytest.mark.parametrize("shape", [(12, 7), (12, 3, 4, 5)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_dropout_of_the_parts_is_that_of_the_whole(shape: tuple[int, ...], layout: torch.memory_format) -> None:
    images = torch.rand(shape)
    if len(shape) == 4:
        images = images.contiguous(memory_format=layout)
    torch.manual_seed(5)
    whole = nn.Dropout(0.4)(images)
    network = nn.Sequential(nn.Dropout(0.4))
    share_draws(network)
    parts = []
    for number in range(3):
        piece = piece_of(12, Share(number, 3), 0)
        see_piece(network, piece)
        torch.manual_seed(5)
        parts.append(network(images[piece.start : piece.end]))
    assert torch.equal(torch.cat(parts), whole)
    assert not torch.equal(whole, images)


def test_stochastic_depth_of_the_parts_is_that_of_the_whole() -> None:
    block = StochasticResidual(nn.Conv2d(2, 2, 1), nn.Identity(), survival=0.5, drop="sample")
    images = torch.rand(8, 2, 3, 3)
    torch.manual_seed(3)
    whole = block(images)
    parts = []
    for rank in range(2):
        piece = piece_of(8, Share(rank, 2), 0)
        see_piece(block, piece)
        torch.manual_seed(3)
        parts.append(block(images[piece.start : piece.end]))
    torch.testing.assert_close(torch.cat(parts), whole, rtol=0, atol=1e-6)
