"""Trainable subsampling beside a loop written by hand."""

import numpy as np
import pytest
import torch

from classicnets.layers.subsampling import Subsampling


@pytest.mark.parametrize(("height", "width", "size"), [(6, 8, 2), (7, 5, 2), (9, 9, 3)])
def test_it_is_sum_times_coefficient_plus_bias(height: int, width: int, size: int) -> None:
    generator = torch.manual_seed(0)
    layer = Subsampling(3, size)
    with torch.no_grad():
        layer.coefficient.copy_(torch.randn(3, generator=generator))
        layer.bias.copy_(torch.randn(3, generator=generator))
    images = torch.randn(2, 3, height, width, generator=generator)
    coefficient, bias = layer.coefficient.detach().numpy(), layer.bias.detach().numpy()

    expected = np.empty((2, 3, height // size, width // size))
    for image, channel, y, x in np.ndindex(*expected.shape):
        block = images[image, channel, y * size : (y + 1) * size, x * size : (x + 1) * size].double().numpy()
        expected[image, channel, y, x] = block.sum() * coefficient[channel] + bias[channel]

    np.testing.assert_allclose(layer(images).detach().numpy(), expected, rtol=1e-4, atol=1e-5)


def test_it_has_one_pair_of_weights_a_map() -> None:
    layer = Subsampling(6)
    assert sum(parameter.numel() for parameter in layer.parameters()) == 12
    assert layer.fan_in == 4
