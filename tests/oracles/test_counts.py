"""What other counters print, run here, against our rules for them."""

import logging
from collections.abc import Callable

import pytest
import torch
import torchinfo
import torchvision.models
from ptflops import get_model_complexity_info
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from classicnets.inspection.counting.conventions import CONVENTIONS, by_convention
from classicnets.inspection.tracing.recording import trace
from classicnets.networks import build

Size = tuple[int, int, int]

OURS = (
    *(
        "lenet5",
        "lenet5_dense",
        "alexnet",
        "alexnet_owt",
        "zfnet",
        "vgg11_lrn",
        "vgg16_bn",
        "googlenet",
        "bn_inception",
    ),
    *("inception_v3", "inception_resnet_v1", "resnet18", "resnet50", "resnet20_cifar", "preact_resnet20_cifar"),
    *("resnext29_8x64d_cifar", "wide_resnet28_10_cifar"),
)
THEIRS = ("alexnet", "vgg11", "googlenet", "resnet18", "squeezenet1_1", "densenet121", "mobilenet_v2", "mnasnet0_5")


def network_and_size(name: str) -> tuple[nn.Module, Size]:
    """Without weights, in evaluation mode; ``torchvision:NAME`` is theirs."""
    library, _, model = name.rpartition(":")
    if not library:
        network = build(name).eval()
        return network, network.input_shape
    options = {"init_weights": False} if model == "googlenet" else {}
    with torch.device("meta"):
        return torchvision.models.get_model(model, weights=None, **options).eval(), (3, 224, 224)


def on_processor(network: nn.Module) -> nn.Module:
    """With memory, whatever is in it."""
    return network.to_empty(device="cpu")


def by_torch(network: nn.Module, size: Size) -> int:
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, *size, device="meta"))
    return int(counter.get_total_flops())


def by_torchinfo(network: nn.Module, size: Size) -> int:
    images = torch.zeros(1, *size, device="meta")
    found = torchinfo.summary(network, input_data=images, verbose=0, device="meta", mode="eval")
    return int(found.total_mult_adds)


def by_fvcore(network: nn.Module, size: Size) -> int:
    from fvcore.nn import FlopCountAnalysis  # its import alone warns

    found = FlopCountAnalysis(on_processor(network), torch.zeros(1, *size))
    return int(found.unsupported_ops_warnings(False).uncalled_modules_warnings(False).total())


def by_thop(network: nn.Module, size: Size) -> int:
    from thop import profile  # its import alone warns, too

    operations, _ = profile(network, (torch.zeros(1, *size, device="meta"),), verbose=False)
    return int(operations)


def by_ptflops(network: nn.Module, size: Size) -> int:
    return _by_ptflops(on_processor(network), size, "pytorch")


def by_ptflops_aten(network: nn.Module, size: Size) -> int:
    return _by_ptflops(network, size, "aten")


def _by_ptflops(network: nn.Module, size: Size, backend: str) -> int:
    found, _ = get_model_complexity_info(
        network, size, as_strings=False, print_per_layer_stat=False, backend=backend, verbose=False
    )
    return int(found)


TOOLS: dict[str, Callable[[nn.Module, Size], int]] = {
    "torch": by_torch,
    "torchinfo": by_torchinfo,
    "fvcore": by_fvcore,
    "thop": by_thop,
    "ptflops": by_ptflops,
    "ptflops aten": by_ptflops_aten,
}


def test_every_convention_but_our_own_is_judged() -> None:
    assert {"macs", *TOOLS} == {convention.name for convention in CONVENTIONS}


# fvcore runs on torch.jit, which is deprecated and warns of every branch in Python; thop imports distutils.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("name", [*OURS, *(f"torchvision:{name}" for name in THEIRS)])
@torch.no_grad()
def test_each_tool_prints_what_its_rule_says(name: str) -> None:
    logging.getLogger("fvcore").setLevel(logging.ERROR)
    network, size = network_and_size(name)
    ours = by_convention(trace(network, torch.zeros(1, *size, device="meta")))
    theirs = {tool: count(network_and_size(name)[0], size) for tool, count in TOOLS.items()}
    assert {tool: ours[tool] for tool in TOOLS} == theirs
