"""What each of two processes does with its tower, beside what it does alone with the whole network."""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F

from classicnets.networks import create
from classicnets.networks.chain import Chain
from classicnets.training.devices.towers import join, split
from classicnets.training.devices.wire import ProcessWire, Way
from tests.training.devices.small_alexnet import CLASSES, batch, small_alexnet


class Compared(NamedTuple):
    """How far a tower's pass is from the whole network's, each relative to the largest number."""

    loss: float
    logits: float
    gradients: dict[str, float]
    weights: dict[str, float]
    smallest_gradient: float
    sent: dict[Way, int]


def compare_small(*, dtype: torch.dtype, training: bool, last: bool, freeze: str | None, **options: Any) -> Compared:
    """The small AlexNet both ways."""
    network = small_alexnet(**options).freeze(freeze).to(dtype).train(training)
    images, labels = batch()
    images = images.to(dtype)
    if last:
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        images = images.contiguous(memory_format=torch.channels_last)
    return compare(network, images, labels)


def compare_alexnet() -> Compared:
    """The paper's network, on images so small that fc6 reads one pixel a map; conv1 made livelier."""
    torch.manual_seed(3)
    network = create("alexnet", num_classes=CLASSES, input_size=67).double().train()
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() > 1:
                parameter.mul_((2 / parameter[0].numel()) ** 0.5 / 0.01)
    return compare(network, *batch(2, side=67))


def compare(network: Chain, images: torch.Tensor, labels: torch.Tensor) -> Compared:
    """One pass of the whole, one of this process's half."""
    torch.manual_seed(11)
    logits = network(images)
    loss = F.cross_entropy(logits, labels)
    loss.backward()  # type: ignore[no-untyped-call]
    gradients = {name: p.grad for name, p in network.named_parameters() if p.grad is not None}
    weights = network.state_dict()

    tower = split(network, wire := ProcessWire())
    torch.manual_seed(11)
    found = tower(images)
    found_loss = F.cross_entropy(found, labels)
    found_loss.backward()  # type: ignore[no-untyped-call]
    sent = dict(wire.sent)
    found_gradients, found_weights = join(tower, gradients=True), join(tower)
    assert list(found_gradients) == list(gradients)
    assert list(found_weights) == list(weights)
    return Compared(
        loss=abs(found_loss.item() / loss.item() - 1),
        logits=distance(found, logits),
        gradients={name: distance(found_gradients[name], gradient) for name, gradient in gradients.items()},
        weights={name: distance(found_weights[name], weight) for name, weight in weights.items()},
        smallest_gradient=min(gradient.abs().max().item() for gradient in gradients.values()),
        sent=sent,
    )


def distance(found: torch.Tensor, wanted: torch.Tensor) -> float:
    """The largest difference, relative to the largest number."""
    assert found.shape == wanted.shape
    return ((found - wanted).abs().max() / wanted.abs().max().clamp_min(1e-30)).item()
