"""Initial weights as the papers state them: one function a rule, applied to each module that has weights of its own."""

from collections.abc import Callable

import torch
from torch import nn

from classicnets.layers.radial_basis import RadialBasis
from classicnets.layers.sparse_convolution import SparseConvolution
from classicnets.layers.subsampling import Subsampling

Initialise = Callable[[nn.Module], None]


def initialise(network: nn.Module, rule: Initialise) -> None:
    """Give every parameter and buffer of ``network`` its first value by ``rule``, drawing from torch's generator."""
    with torch.no_grad():
        for module in network.modules():
            if _has_own_tensors(module):
                rule(module)


def he(module: nn.Module) -> None:
    """Normal with variance 2 / fan-in, biases zero (He et al., ICCV 2015, equation 10)."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    else:
        _reset(module)


def uniform_by_fan_in(module: nn.Module) -> None:
    """Uniform between -2.4 / F and 2.4 / F, F being the inputs of the unit (LeCun et al. 1998, appendix A)."""
    if isinstance(module, SparseConvolution):
        kernels = torch.split(module.weight, [len(row) for row in module.table])
        for own, bias, fan_in in zip(kernels, module.bias, module.fan_in, strict=True):
            nn.init.uniform_(own, -2.4 / fan_in, 2.4 / fan_in)
            nn.init.uniform_(bias, -2.4 / fan_in, 2.4 / fan_in)
    elif isinstance(module, Subsampling):
        nn.init.uniform_(module.coefficient, -2.4 / module.fan_in, 2.4 / module.fan_in)
        nn.init.uniform_(module.bias, -2.4 / module.fan_in, 2.4 / module.fan_in)
    elif isinstance(module, nn.Conv2d | nn.Linear):
        bound = 2.4 / module.weight[0].numel()
        nn.init.uniform_(module.weight, -bound, bound)
        if module.bias is not None:
            nn.init.uniform_(module.bias, -bound, bound)
    else:
        _reset(module)


def _reset(module: nn.Module) -> None:
    if not isinstance(module, nn.BatchNorm2d | RadialBasis):
        raise TypeError(f"no rule says how {type(module).__name__} is initialised")
    module.reset_parameters()


def _has_own_tensors(module: nn.Module) -> bool:
    return any(True for _ in module.parameters(recurse=False)) or any(True for _ in module.buffers(recurse=False))
