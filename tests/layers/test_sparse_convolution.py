"""A convolution with missing connections beside the same one with zeros."""

import torch
import torch.nn.functional as F

from classicnets.layers.sparse_convolution import SparseConvolution

TABLE = ((0, 2), (1,), (0, 1, 2), (2, 0))


def made() -> SparseConvolution:
    layer = SparseConvolution(3, TABLE, 5)
    generator = torch.manual_seed(0)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator))
        layer.bias.copy_(torch.randn(layer.bias.shape, generator=generator))
    return layer


def dense(layer: SparseConvolution) -> torch.Tensor:
    """The kernels put in their places one by one."""
    weight = torch.zeros(len(TABLE), 3, 5, 5)
    kernels = iter(layer.weight.detach())
    for above, reads in enumerate(TABLE):
        for below in reads:
            weight[above, below] = next(kernels)
    return weight


def test_it_equals_a_dense_convolution_with_zeros() -> None:
    layer = made()
    images = torch.randn(2, 3, 9, 7)
    assert torch.equal(layer.dense_weight(), dense(layer))
    torch.testing.assert_close(layer(images), F.conv2d(images, dense(layer), layer.bias))


def test_only_kernels_that_exist_are_parameters_and_get_gradients() -> None:
    layer = made()
    images = torch.randn(2, 3, 9, 7)
    torch.autograd.backward(layer(images).square().sum())
    full = dense(layer).requires_grad_()
    torch.autograd.backward(F.conv2d(images, full, layer.bias.detach()).square().sum())
    assert layer.weight.grad is not None
    assert full.grad is not None
    existing = torch.stack([full.grad[above, below] for above, reads in enumerate(TABLE) for below in reads])
    torch.testing.assert_close(layer.weight.grad, existing)
    assert layer.weight.numel() == 8 * 25
    assert layer.fan_in == (50, 25, 75, 50)


def test_missing_connections_stay_missing_after_steps() -> None:
    layer = made()
    optimiser = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    for _ in range(2):
        torch.autograd.backward(layer(torch.randn(2, 3, 9, 7)).mean())
        optimiser.step()
    assert (layer.dense_weight()[1, [0, 2]] == 0).all()
    assert (layer.dense_weight()[1, 1] != 0).all()
