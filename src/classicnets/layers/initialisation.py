"""Initial weights as the papers state them: one function a rule, applied to each module that has weights of its own."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import nn

from classicnets.layers import filling
from classicnets.layers.radial_basis import RadialBasis
from classicnets.layers.residual import Residual
from classicnets.layers.sparse_convolution import SparseConvolution
from classicnets.layers.subsampling import Subsampling

Initialise = Callable[[str, nn.Module], None]
"""Told a module's path in its network ("conv1.convolution") and the module itself, it fills the module's tensors."""


def initialise(network: nn.Module, rule: Initialise, *, path: str = "") -> None:
    """Give every parameter and buffer of ``network`` its first value by ``rule``, drawing from torch's generator.

    Args:
        network: a network, or the part of one that stands at ``path``.
        rule: called once for each module that has tensors of its own.
        path: put before the names of the modules.
    """
    with torch.no_grad():
        for name, module in network.named_modules(prefix=path):
            if _has_own_tensors(module):
                rule(name, module)


def he(path: str, module: nn.Module) -> None:
    """Normal with variance 2 / fan-in, biases zero (He et al., ICCV 2015, equation 10)."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        fan_in = module.weight[0].numel()
        normal(module, math.sqrt(2 / fan_in))
    else:
        reset(path, module)


def modern(path: str, module: nn.Module) -> None:
    """What has become usual since: convolutions by He's rule over the fan-out, fully connected layers N(0, 0.01^2).

    The last normalisation of a residual branch starts at zero, so that every block starts as its shortcut
    (`start_as_shortcuts`, which needs the whole network).
    """
    if isinstance(module, nn.Conv2d):
        fan_out = module.out_channels // module.groups * module.weight[0, 0].numel()
        normal(module, math.sqrt(2 / fan_out))
    elif isinstance(module, nn.Linear):
        normal(module, 0.01)
    elif isinstance(module, SparseConvolution | Subsampling):
        uniform_by_fan_in(path, module)
    else:
        reset(path, module)


def start_as_shortcuts(network: nn.Module) -> None:
    """Zero the scale of each residual branch's last normalisation, where one ends the branch (Goyal et al. 2017)."""
    with torch.no_grad():
        for module in network.modules():
            last = list(module.branch.modules())[-1] if isinstance(module, Residual) else None
            if isinstance(last, nn.BatchNorm2d):
                nn.init.zeros_(last.weight)


def uniform_by_fan_in(path: str, module: nn.Module) -> None:
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
        filling.uniform_(module.weight, bound)
        if module.bias is not None:
            nn.init.uniform_(module.bias, -bound, bound)
    else:
        reset(path, module)


def truncated_normal(deviation: float, exceptions: Mapping[str, float] = MappingProxyType({})) -> Initialise:
    """A rule: N(0, deviation^2) without what lies beyond two deviations, biases zero; TensorFlow's truncated normal.

    The weights' own standard deviation is 0.88 of ``deviation``.

    Args:
        deviation: of the normal distribution that is cut.
        exceptions: another deviation for the layers at these paths ("aux.mixed_6e.fc").
    """

    def rule(path: str, module: nn.Module) -> None:
        if isinstance(module, nn.Conv2d | nn.Linear):
            filling.truncated_normal_(module.weight, exceptions.get(path, deviation))
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        else:
            reset(path, module)

    return rule


def normal(module: nn.Conv2d | nn.Linear, deviation: float, *, bias: float = 0.0) -> None:
    """Weights from N(0, deviation^2), and every bias the same number."""
    filling.normal_(module.weight, deviation)
    if module.bias is not None:
        nn.init.constant_(module.bias, bias)


def reset(path: str, module: nn.Module) -> None:
    """The first values of a module that has them by definition: normalisation starts as the identity."""
    if not isinstance(module, nn.BatchNorm2d | RadialBasis):
        raise TypeError(f"no rule says how {path}, a {type(module).__name__}, is initialised")
    module.reset_parameters()


def _has_own_tensors(module: nn.Module) -> bool:
    return any(True for _ in module.parameters(recurse=False)) or any(True for _ in module.buffers(recurse=False))
