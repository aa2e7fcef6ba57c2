"""Live memory of eager inference beside a real run."""

import pytest
import torch
from torch import nn

from classicnets.inspection.memory.live import live, live_peak
from classicnets.inspection.tracing.recording import trace
from classicnets.inspection.tracing.trace import Trace
from classicnets.networks import build
from tests.inspection.measuring import Measured, real, state

# Name: the side of the image, in pixels.
SIDES = dict(
    **dict.fromkeys(["lenet5", "plain20_cifar", "resnet20_cifar", "preact_resnet164_cifar"], 32),
    **dict.fromkeys(["stochastic_depth_resnet110_cifar", "wide_resnet16_4_cifar"], 32),
    **dict.fromkeys(["vgg11_lrn", "googlenet", "bn_inception", "resnet50", "resnext50_32x4d", "se_resnet50"], 64),
    **dict.fromkeys(["inception_v3", "inception_v4", "inception_resnet_v1"], 96),
    alexnet=227,
    resnet18=224,
)


def traced(name: str, batch: int = 1) -> Trace:
    network = build(name)
    return trace(network, torch.empty(batch, *network.input_shape, device="meta"))


@pytest.mark.parametrize(
    ("name", "batch"), [*((name, 1) for name in SIDES), ("lenet5", 2), ("googlenet", 2), ("resnet20_cifar", 2)]
)
def test_live_memory_is_what_a_real_run_holds_at_every_operation(name: str, batch: int) -> None:
    network = real(name, **({"input_size": 64} if name == "vgg11_lrn" else {})).eval()
    images = torch.zeros(batch, network.input_shape[0], SIDES[name], SIDES[name])
    with torch.no_grad(), Measured([images, *state(network)]) as measured:
        network(images)
    found = trace(network, images.to("meta"))
    assert live(found) == measured.course
    assert live_peak(found) == measured.peak


def test_resnet18_holds_two_maps_of_64x112x112() -> None:
    assert live_peak(traced("resnet18")) == 2 * 64 * 112 * 112 * 4 == 6_422_528


def test_vgg16_holds_two_maps_of_64x224x224() -> None:
    assert live_peak(traced("vgg16")) == 2 * 64 * 224 * 224 * 4


@pytest.mark.parametrize("name", ["alexnet", "googlenet", "resnet50", "preact_resnet50", "se_resnet50"])
def test_memory_grows_with_the_batch(name: str) -> None:
    assert live(traced(name, batch=8)) == [8 * alive for alive in live(traced(name))]


def test_a_view_takes_nothing_and_half_precision_half() -> None:
    class Views(nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return inputs.half().flatten(1)[:, ::2].t() * 2

    found = trace(Views(), torch.empty(1, 4, 8, 8, device="meta"))
    made = 4 * 8 * 8 * 2
    assert live_peak(found) == made + made // 2


def test_the_input_and_the_weights_are_apart_as_is_what_a_module_keeps_besides() -> None:
    class Keeps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kept = torch.ones(1000)
            self.weight = nn.Parameter(torch.ones(1000))

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return inputs * self.weight.sum() + self.kept.to(inputs.device)[:10]

    module = Keeps()
    with torch.no_grad(), Measured([images := torch.ones(10), module.weight, module.kept]) as measured:
        module(images)
    assert live(trace(module, images)) == measured.course == [4, 44, 40, 80]
