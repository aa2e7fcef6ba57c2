"""The squashing function of LeNet-5."""

import math

import pytest
import torch

from classicnets.layers.activations import ScaledTanh


def test_plus_and_minus_one_stay() -> None:
    squashed = ScaledTanh()(torch.tensor([1.0, -1.0, 0.0]))
    torch.testing.assert_close(squashed, torch.tensor([1.0, -1.0, 0.0]), rtol=0, atol=1e-4)


@pytest.mark.parametrize("value", [-3.0, -0.7, 0.2, 5.0])
def test_it_is_the_printed_formula(value: float) -> None:
    squashed = ScaledTanh()(torch.tensor(value, dtype=torch.float64)).item()
    assert squashed == pytest.approx(1.7159 * math.tanh(2 * value / 3), rel=1e-12)
