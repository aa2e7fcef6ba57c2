"""Memory of training beside a real step."""

from collections.abc import Callable, Iterable

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from classicnets.errors import UsageError
from classicnets.inspection.memory.training import TrainingMemory, training_peak
from classicnets.inspection.modes import Optimizer, Precision
from classicnets.inspection.tracing.recording import trace
from classicnets.networks import build
from tests.inspection.measuring import Measured, real, state

OPTIMIZERS: dict[Optimizer, Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]] = {
    "sgd": lambda weights: torch.optim.SGD(weights, lr=0.0),
    "momentum": lambda weights: torch.optim.SGD(weights, lr=0.0, momentum=0.9),
    "rmsprop": lambda weights: torch.optim.RMSprop(weights, lr=0.0),
    "adam": lambda weights: torch.optim.Adam(weights, lr=0.0),
    "adamw": lambda weights: torch.optim.AdamW(weights, lr=0.0),
}
# Name: the side of the image, in pixels.
SIDES = dict(
    **dict.fromkeys(
        ["lenet5", "resnet20_cifar", "plain56_cifar", "preact_resnet56_cifar", "wide_resnet16_4_cifar"], 32
    ),
    **dict.fromkeys(["vgg11_bn", "googlenet", "bn_inception", "resnet18", "resnext50_32x4d", "se_resnet50"], 64),
    inception_v3=96,
)


def measured(network: nn.Module, images: torch.Tensor, optimizer: Optimizer, precision: Precision) -> int:
    """The most bytes alive in the second step, input and weights apart."""
    network.train()
    if precision == "bfloat16":
        network, images = network.bfloat16(), images.bfloat16()
    labels = torch.zeros(len(images), dtype=torch.long)
    updates = OPTIMIZERS[optimizer]([weight for weight in network.parameters() if weight.requires_grad])

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "mixed"):
            loss = F.cross_entropy(network(images), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        updates.step()
        updates.zero_grad()

    step()
    kept = [tensor for states in updates.state.values() for tensor in states.values() if torch.is_tensor(tensor)]
    with Measured([images, labels, *state(network), *kept]) as watched:
        step()
    peak: int = watched.peak
    return peak + sum(tensor.untyped_storage().nbytes() for tensor in kept)


def estimated(
    network: nn.Module, images: torch.Tensor, optimizer: Optimizer = "momentum", precision: Precision = "float32"
) -> TrainingMemory:
    return training_peak(trace(network, images.to("meta"), training=True, precision=precision), optimizer=optimizer)


@pytest.mark.parametrize("name", SIDES)
def test_the_peak_is_that_of_a_real_step(name: str) -> None:
    network = real(name, **({"input_size": 64} if name == "vgg11_bn" else {}))
    images = torch.zeros(2, network.input_shape[0], SIDES[name], SIDES[name])
    found = estimated(network, images)
    assert found.peak == pytest.approx(measured(network, images, "momentum", "float32"), rel=0.005)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", ["lenet5", "resnet20_cifar"])
def test_the_peak_under_each_optimizer(name: str, optimizer: Optimizer) -> None:
    network = real(name)
    images = torch.zeros(2, *network.input_shape)
    found = estimated(network, images, optimizer)
    assert found.peak == pytest.approx(measured(network, images, optimizer, "float32"), rel=0.005)


@pytest.mark.parametrize("precision", ["bfloat16", "mixed"])
@pytest.mark.parametrize("name", ["lenet5", "resnet20_cifar"])
def test_the_peak_in_each_precision(name: str, precision: Precision) -> None:
    network = real(name)
    images = torch.zeros(4, network.input_shape[0], SIDES[name], SIDES[name])
    found = estimated(network, images, precision=precision)
    assert found.peak == pytest.approx(measured(network, images, "momentum", precision), rel=0.005)


def test_the_parts_by_hand() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 1, bias=False), nn.ReLU(), nn.Conv2d(8, 4, 1, bias=False))
    found = estimated(network, torch.empty(2, 3, 10, 10), "adam")
    weights = (8 * 3 + 4 * 8) * 4
    # The backward needs what the ReLU gave, and nothing else; the output and its sum are there too.
    kept = 2 * 8 * 100 * 4 + 2 * 4 * 100 * 4 + 4
    assert found._replace(peak=0) == TrainingMemory(
        peak=0, activations=kept, gradients=weights, optimizer_state=2 * weights
    )


def test_what_is_frozen_has_no_gradients_no_state_and_keeps_nothing() -> None:
    network = real("resnet20_cifar")
    images = torch.zeros(2, *network.input_shape)
    free = estimated(network, images)
    network.freeze(upto="conv3_x")
    frozen = estimated(network, images)
    learning = sum(weight.nbytes for weight in network.parameters() if weight.requires_grad)
    assert frozen.gradients == frozen.optimizer_state == learning < free.gradients
    assert frozen.activations < free.activations / 4
    assert frozen.peak == pytest.approx(measured(network, images, "momentum", "float32"), rel=0.005)


def test_half_the_bytes_in_bfloat16_and_weights_as_before_in_mixed_precision() -> None:
    network = build("resnet20_cifar")
    images = torch.empty(8, *network.input_shape)
    full, half, mixed = (estimated(network, images, precision=p) for p in ("float32", "bfloat16", "mixed"))
    assert half.optimizer_state * 2 == half.gradients * 2 == full.gradients == mixed.gradients == mixed.optimizer_state
    assert full.activations / 2 < mixed.activations < 0.6 * full.activations
    assert half.activations == pytest.approx(full.activations / 2, rel=0.01)


def test_stochastic_depth_is_counted_with_every_block() -> None:
    network = build("stochastic_depth_resnet110_cifar")
    found = estimated(network, torch.empty(1, *network.input_shape))
    assert found.gradients == 4 * sum(weight.numel() for weight in network.parameters())


def test_an_unknown_optimizer_and_a_trace_without_backward_are_refused() -> None:
    network = build("lenet5")
    images = torch.empty(1, *network.input_shape)
    with pytest.raises(UsageError, match="optimizer must be sgd, momentum, rmsprop, adam or adamw, not 'lion'"):
        training_peak(trace(network, images, training=True), optimizer="lion")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="training=True"):
        training_peak(trace(network, images))
    with pytest.raises(UsageError, match="precision must be float32, bfloat16 or mixed"):
        trace(network, images, precision="float16")  # type: ignore[arg-type]
