"""Squeeze-and-Excitation beside equations 2, 3 and 4 of Hu, Shen, Sun (CVPR 2018)."""

import pytest
import torch

from classicnets.layers.squeeze_excitation import SqueezeExcitation


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", [(5, 7), (1, 1)])
def test_each_map_is_weighed_by_what_all_maps_say(bias: bool, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    layer = SqueezeExcitation(8, 2, bias=bias)
    images = torch.randn(3, 8, *size)
    before = images.clone()
    found = layer(images)
    for image, weighed in zip(images, found, strict=True):
        means = torch.stack([image[channel].mean() for channel in range(8)])
        hidden = layer.reduce.weight @ means
        hidden = (hidden + layer.reduce.bias if bias else hidden).clamp(min=0)
        answer = layer.expand.weight @ hidden
        weights = 1 / (1 + (-(answer + layer.expand.bias if bias else answer)).exp())
        torch.testing.assert_close(weighed, image * weights.view(8, 1, 1))
    assert torch.equal(images, before)


@pytest.mark.parametrize(("bias", "parameters"), [(True, 2 * 8 * 2 + 8 + 2), (False, 2 * 8 * 2)])
def test_the_two_layers_have_biases_or_not(bias: bool, parameters: int) -> None:
    layer = SqueezeExcitation(8, 2, bias=bias)
    assert sum(parameter.numel() for parameter in layer.parameters()) == parameters


def test_every_parameter_learns() -> None:
    torch.manual_seed(0)
    layer = SqueezeExcitation(8, 4)
    torch.autograd.backward(layer(torch.randn(4, 8, 3, 3)).square().sum())
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name
