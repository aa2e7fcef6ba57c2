"""Random numbers in large tensors: the distributions, and that neither threads nor memory decide them."""

import math
import multiprocessing
import os
from collections.abc import Callable, Iterator

import pytest
import torch

from classicnets.layers.filling import normal_, truncated_normal_, uniform_

Fill = Callable[[torch.Tensor, float], None]
FILLS: list[Fill] = [normal_, uniform_, truncated_normal_]
SIZES = [1000, 1_000_003]  # in one go, and in blocks of which the last is small


@pytest.fixture
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def filled(fill: Fill, size: int, seed: int = 0) -> torch.Tensor:
    torch.manual_seed(seed)
    tensor = torch.full((size,), math.nan)
    fill(tensor, 0.5)
    return tensor


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.usefixtures("_threads")
def test_the_seed_alone_decides_the_numbers(fill: Fill, size: int) -> None:
    found = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        found.append(filled(fill, size))
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])
    assert not torch.equal(found[0], filled(fill, size, seed=1))


@pytest.mark.parametrize("fill", FILLS)
def test_two_tensors_and_two_blocks_differ(fill: Fill) -> None:
    torch.manual_seed(0)
    first, second = torch.empty(1 << 20), torch.empty(1 << 20)
    fill(first, 0.5)
    fill(second, 0.5)
    blocks = torch.cat([first, second]).view(8, -1)
    assert (torch.corrcoef(blocks) - torch.eye(8)).abs().max() < 0.02


@pytest.mark.parametrize("size", SIZES)
def test_normal_has_the_deviation(size: int) -> None:
    found = filled(normal_, size)
    assert found.std().item() == pytest.approx(0.5, rel=4 / math.sqrt(2 * size))
    assert abs(found.mean().item()) < 4 * 0.5 / math.sqrt(size)


@pytest.mark.parametrize("size", SIZES)
def test_uniform_fills_the_interval_evenly(size: int) -> None:
    found = filled(uniform_, size)
    assert 0.49 < found.abs().max() <= 0.5
    counts = torch.histc(found, 10, -0.5, 0.5)
    assert (counts - size / 10).abs().max() < 5 * math.sqrt(size / 10)


@pytest.mark.parametrize("size", SIZES)
def test_truncated_normal_is_a_normal_without_its_tails(size: int) -> None:
    found = filled(truncated_normal_, size)
    assert 0.95 < found.abs().max() <= 1.0 + 1e-6
    edges = torch.linspace(-1, 1, 21)
    shares = torch.diff(torch.special.ndtr(edges / 0.5)) / math.erf(math.sqrt(2))
    counts = torch.histc(found, 20, -1, 1)
    assert ((counts - size * shares).abs() < 5 * (size * shares).sqrt()).all()


def test_weights_of_any_shape_are_filled_whole() -> None:
    weight = torch.nn.Parameter(torch.full((64, 32, 17, 17), math.nan))
    with torch.no_grad():
        normal_(weight, 0.1)
    assert weight.isfinite().all()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_a_forked_process_can_fill_too() -> None:
    expected = _last_numbers()
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(_last_numbers).get(timeout=60) == expected


def _last_numbers() -> list[float]:
    # Nothing here that starts PyTorch's own threads, which a forked process lacks as well.
    torch.manual_seed(0)
    tensor = torch.empty(1_000_003)
    normal_(tensor, 0.5)
    return tensor[-100:].tolist()
