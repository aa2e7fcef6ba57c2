"""Memory for modules made on the meta device."""

import subprocess
import sys

import torch
from torch import nn

from classicnets.layers.storage import allocate


def test_every_tensor_gets_memory_and_stays_what_it_was() -> None:
    with torch.device("meta"):
        module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Sequential(nn.Linear(4, 2)))
    module[0].requires_grad_(False)
    before = {name: (tensor.shape, tensor.dtype) for name, tensor in module.state_dict().items()}
    allocate(module, torch.device("cpu"))
    assert {name: (tensor.shape, tensor.dtype) for name, tensor in module.state_dict().items()} == before
    assert all(tensor.device.type == "cpu" for tensor in module.state_dict().values())
    assert all(isinstance(parameter, nn.Parameter) for parameter in module.parameters())
    assert [parameter.requires_grad for parameter in module.parameters()] == [False] * 2 + [True] * 4
    assert len({tensor.data_ptr() for tensor in module.state_dict().values()}) == len(before)


def test_making_a_network_imports_no_symbols() -> None:
    code = "import sys, classicnets as cn; cn.create('lenet5').replace_head(3); print('sympy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
