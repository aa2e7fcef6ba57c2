"""Second derivatives of the loss by each parameter alone, as LeNet-5's paper estimates them (1998, appendix C).

The paper's own estimate goes back through the network like the gradient does, and drops three kinds of terms: those
with the second derivative of an activation function (Gauss-Newton: nothing is negative), those between different
units of a layer, and those between different places that share a weight. It is what the paper's learning rates were
chosen for, so it is what is computed here. The exact diagonal of the Gauss-Newton matrix takes a gradient for each
image and each of F6's 84 units; for LeNet-5's first weights and images of digits it is 12 times larger in C1, 4 times
in C3, and the same from C5 on.

    of an input of a layer:   h(x_i) = sum over the units k that read it of w_ki^2 h(a_k)
    of a sum:                 h(a_i) = f'(a_i)^2 h(x_i)
    of a weight:              h(w)   = sum over the places that share it of x^2 h(a)
    averaged over the images.

At the top stands the exact diagonal of the loss by what enters it; for LeNet-5, whose targets are fixed, that is by
what leaves F6.
"""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, jacrev, vmap

from classicnets.errors import UsageError
from classicnets.layers.activations import ScaledTanh
from classicnets.layers.radial_basis import RadialBasis
from classicnets.layers.sparse_convolution import SparseConvolution
from classicnets.layers.subsampling import Subsampling
from classicnets.networks.chain import Chain

Curvatures = dict[nn.Parameter, torch.Tensor]
"""Under each parameter the second derivatives by its elements, at least 0."""

LossOf = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""The mean loss of logits (N, classes) and labels (N,)."""

_ELEMENTWISE = (ScaledTanh, nn.Tanh, nn.ReLU, nn.Sigmoid)
_WEIGHTED = (nn.Conv2d, nn.Linear, SparseConvolution)
_UNTOUCHED = (nn.Identity, nn.Dropout)
_CHUNK = 100  # images at a time: bounds the memory


def curvatures(network: Chain, loss: LossOf, images: torch.Tensor, labels: torch.Tensor) -> Curvatures:
    """The estimate for every parameter that learns.

    Args:
        network: rows of convolutions, fully connected layers, subsampling, pooling means, squashing functions.
        loss: what is made small.
        images: as the network takes them, (N, C, H, W).
        labels: int64, (N,).

    Raises:
        UsageError: the network has a layer for which the paper has no rule.
    """
    leaves = list(_leaves(network))
    total: Curvatures = {}
    for at in range(0, len(images), _CHUNK):
        part = _summed(leaves, loss, images[at : at + _CHUNK], labels[at : at + _CHUNK])
        total = {parameter: total.get(parameter, 0) + summed for parameter, summed in part.items()}
    return {parameter: summed / len(images) for parameter, summed in total.items()}


def check_layers(network: Chain) -> None:
    """Raise a UsageError where the network has a layer for which the paper has no rule."""
    list(_leaves(network))


def _leaves(network: Chain) -> Iterator[nn.Module]:
    for row, module in network.row_modules():
        for leaf in module if isinstance(module, nn.Sequential) else (module,):
            known = (*_ELEMENTWISE, *_WEIGHTED, *_UNTOUCHED, nn.Flatten, Subsampling, RadialBasis)
            plain_mean = isinstance(leaf, nn.AvgPool2d) and not leaf.padding and not leaf.ceil_mode
            if not (isinstance(leaf, known) or plain_mean):
                raise UsageError(
                    f"optimizer levenberg_marquardt has no rule for {type(leaf).__name__} (row {row} of"
                    f" {network.name}): it is LeNet-5's; take sgd, adamw or rmsprop"
                )
            yield leaf


def _summed(leaves: list[nn.Module], loss: LossOf, images: torch.Tensor, labels: torch.Tensor) -> Curvatures:
    *body, last = leaves
    if not isinstance(last, RadialBasis):
        body, last = leaves, nn.Identity()
    arriving = [images]
    with torch.no_grad():
        for leaf in body:
            arriving.append(leaf(arriving[-1]))
    found: Curvatures = {}
    above = _of_the_top(last, loss, arriving.pop(), labels)
    for leaf, arrives in zip(reversed(body), reversed(arriving), strict=True):
        above = _through(leaf, arrives.detach(), above, found)
    return found


def _of_the_top(last: nn.Module, loss: LossOf, arrives: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The diagonal of the loss's second derivatives by what arrives at the top, (N, numbers), an image a row."""

    def of_one(numbers: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        return loss(last(numbers[None]), label[None])

    return vmap(lambda numbers, label: torch.diagonal(jacrev(jacrev(of_one))(numbers, label)))(arrives, labels).clamp_(
        min=0
    )


def _through(leaf: nn.Module, arrives: torch.Tensor, above: torch.Tensor, found: Curvatures) -> torch.Tensor:
    """Second derivatives by what arrives at ``leaf``, told those by what leaves it; its parameters' go to ``found``."""
    if isinstance(leaf, _UNTOUCHED):
        return above
    if isinstance(leaf, nn.Flatten):
        return above.view_as(arrives)
    if isinstance(leaf, _ELEMENTWISE):
        slope = _gradient(leaf, arrives, torch.ones_like(arrives))
        return slope.square() * above
    if isinstance(leaf, nn.AvgPool2d):
        return _gradient(leaf, arrives, above) / _area(leaf)
    if isinstance(leaf, Subsampling):
        # A coefficient multiplies one number, the sum of its block.
        sums = F.avg_pool2d(arrives, leaf.size, divisor_override=1)
        _keep(found, leaf.coefficient, (sums.square() * above).sum(dim=(0, 2, 3)))
        _keep(found, leaf.bias, above.sum(dim=(0, 2, 3)))
        by_sums = leaf.coefficient.detach().square()[:, None, None] * above
        return F.interpolate(by_sums, scale_factor=leaf.size, mode="nearest")
    assert isinstance(leaf, _WEIGHTED), "others were refused"
    # Of the same layer with every weight and every input squared, these are plain first derivatives.
    squares = {name: parameter.detach().square().requires_grad_() for name, parameter in leaf.named_parameters()}
    inputs = arrives.square().requires_grad_()
    leaves = functional_call(leaf, squares, (inputs,))
    by_inputs, *by_weights = torch.autograd.grad(leaves, (inputs, *squares.values()), above)
    for parameter, by_weight in zip(leaf.parameters(), by_weights, strict=True):
        _keep(found, parameter, by_weight)
    return by_inputs


def _keep(found: Curvatures, parameter: nn.Parameter, summed: torch.Tensor) -> None:
    if parameter.requires_grad:
        found[parameter] = summed


def _gradient(leaf: nn.Module, arrives: torch.Tensor, above: torch.Tensor) -> torch.Tensor:
    inputs = arrives.clone().requires_grad_()
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(leaf(inputs), inputs, above)
    return gradient


def _area(pool: nn.AvgPool2d) -> int:
    size = pool.kernel_size
    height, width = (size, size) if isinstance(size, int) else size
    return height * width
