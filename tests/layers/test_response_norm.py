"""Local response normalisation beside the formula of Krizhevsky, Sutskever, Hinton (NIPS 2012, section 3.3)."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from classicnets.layers.response_norm import ResponseNorm


def by_hand(activations: np.ndarray, n: int, alpha: float, beta: float, k: float) -> np.ndarray:
    """The printed formula, read term by term."""
    channels = activations.shape[1]
    normalised = np.empty_like(activations)
    for i in range(channels):
        nearby = range(max(0, i - n // 2), min(channels - 1, i + n // 2) + 1)
        total = sum(activations[:, j] ** 2 for j in nearby)
        normalised[:, i] = activations[:, i] / (k + alpha * total) ** beta
    return normalised


@pytest.mark.parametrize("channels", [1, 2, 5, 12])
@pytest.mark.parametrize("size", [1, 3, 5, 7])
@pytest.mark.parametrize(("k", "alpha", "beta"), [(2.0, 1e-4, 0.75), (1.0, 0.3, 0.5)])
def test_it_is_the_printed_formula(channels: int, size: int, k: float, alpha: float, beta: float) -> None:
    activations = 50 * torch.randn(2, channels, 3, 4, generator=torch.manual_seed(0), dtype=torch.float64)
    expected = by_hand(activations.numpy(), size, alpha, beta, k)
    np.testing.assert_allclose(ResponseNorm(size, alpha, beta, k)(activations).numpy(), expected, rtol=1e-12)
    divided = ResponseNorm(size, alpha * size, beta, k, divide_alpha=True)
    np.testing.assert_allclose(divided(activations).numpy(), expected, rtol=1e-12)


def test_the_papers_figures_are_the_defaults() -> None:
    layer = ResponseNorm()
    assert (layer.size, layer.alpha, layer.beta, layer.k, layer.divide_alpha) == (5, 1e-4, 0.75, 2.0, False)
    assert str(layer) == "ResponseNorm(5, alpha=0.0001, beta=0.75, k=2.0)"
    assert str(ResponseNorm(k=1.0, divide_alpha=True)) == "ResponseNorm(5, alpha=0.0001/5, beta=0.75, k=1.0)"


def test_torch_divides_alpha() -> None:
    activations = 100 * torch.randn(2, 96, 5, 5, generator=torch.manual_seed(0))
    torch.testing.assert_close(ResponseNorm()(activations), F.local_response_norm(activations, 5, 5e-4, 0.75, 2.0))
    torch.testing.assert_close(
        ResponseNorm(k=1.0, divide_alpha=True)(activations), F.local_response_norm(activations, 5, 1e-4, 0.75, 1.0)
    )


def test_the_memory_format_stays_and_does_not_matter() -> None:
    activations = 30 * torch.randn(2, 16, 6, 7, generator=torch.manual_seed(0))
    last = activations.to(memory_format=torch.channels_last)
    found = ResponseNorm()(last)
    assert found.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found.contiguous(), ResponseNorm()(activations), rtol=1e-6, atol=0)


@pytest.mark.parametrize(("dtype", "rounding"), [(torch.float16, 2**-11), (torch.bfloat16, 2**-8)])
def test_in_half_precision_only_the_answer_is_rounded(dtype: torch.dtype, rounding: float) -> None:
    # The squares of these lie far beyond 65,504, the largest number of float16.
    activations = (1000 * torch.randn(2, 32, 5, 5, generator=torch.manual_seed(0))).to(dtype)
    found = ResponseNorm()(activations)
    assert found.dtype == dtype
    torch.testing.assert_close(found.double(), ResponseNorm()(activations.double()), rtol=1.01 * rounding, atol=2**-24)


def test_gradients_are_right_also_where_all_is_dark() -> None:
    activations = (30 * torch.randn(1, 7, 2, 2, generator=torch.manual_seed(0), dtype=torch.float64)).relu()
    layer = ResponseNorm(alpha=1e-2)
    assert torch.autograd.gradcheck(layer, (activations.requires_grad_(),))
    dark = torch.zeros(1, 7, 2, 2, requires_grad=True)
    layer(dark).sum().backward()
    assert dark.grad is not None
    torch.testing.assert_close(dark.grad, torch.full_like(dark, 2.0**-0.75))
    assert not layer(dark).any()


def test_no_sum_crosses_from_one_group_into_the_next() -> None:
    maps = 40 * torch.randn(2, 12, 3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    alone = ResponseNorm()
    found = ResponseNorm(groups=2)(maps)
    assert torch.equal(found, torch.cat([alone(half) for half in maps.chunk(2, dim=1)], dim=1))
    across = alone(maps)
    # Two maps on either side of the cut see over it.
    assert [torch.equal(found[:, place], across[:, place]) for place in range(12)] == [True] * 4 + [False] * 4 + [
        True
    ] * 4
