"""The networks, one file a paper family."""

import importlib
import inspect
from collections.abc import Callable
from typing import Any

import torch

from classicnets import catalog
from classicnets.errors import UsageError, near
from classicnets.layers.storage import allocate
from classicnets.networks.chain import Chain, Design, FirstWeights


def build(
    name: str,
    /,
    *,
    num_classes: int | None = None,
    in_channels: int | None = None,
    input_size: int | tuple[int, int] | None = None,
    first_weights: FirstWeights = "paper",
    **options: Any,
) -> Chain:
    """The network of that name without weights: its parameters are on the meta device.

    Args:
        name: as in the catalog.
        num_classes: classes, if not the paper's.
        in_channels: channels of the images, if not the paper's.
        input_size: side or (height, width) of the images in pixels, if not the paper's. It matters to networks whose
            fully connected layers read every pixel of a map; the others take any size later too.
        first_weights: the rule that weights begin by.
        options: the network's own.

    Raises:
        UsageError: no such network or option, or a value that the network does not take.
    """
    entry = catalog.find(name)
    design_of = _design_function(entry)
    allowed = options_of(name)
    for option in options:
        if option not in allowed:
            known = near(option, allowed) if allowed else "; it takes none of its own"
            raise UsageError(f"{name} has no option {option!r}{known}")
    return Chain(
        design_of(**entry.options, **options),
        name=name,
        options=options,
        num_classes=num_classes,
        in_channels=in_channels,
        input_size=input_size,
        first_weights=first_weights,
    )


def options_of(name: str) -> list[str]:
    """The options that a network takes beyond those that every network takes.

    Raises:
        UsageError: no such network.
    """
    entry = catalog.find(name)
    return [option for option in inspect.signature(_design_function(entry)).parameters if option not in entry.options]


def create(name: str, /, **arguments: Any) -> Chain:
    """The network of that name with fresh weights, on torch's default device; takes and raises what `build` does.

    Under ``torch.device("meta")`` it stays without weights.
    """
    network = build(name, **arguments)
    device = torch.get_default_device()
    if device.type == "meta":
        return network
    allocate(network, device)
    return network.reset()


def _design_function(entry: catalog.Entry) -> Callable[..., Design]:
    module, function = entry.builder.split(":")
    found: Callable[..., Design] = getattr(importlib.import_module(module), function)
    return found
