"""The networks, one file a paper family."""

import importlib
import inspect
from collections.abc import Callable
from typing import Any

import torch

from classicnets import catalog
from classicnets.errors import UsageError, near
from classicnets.networks.chain import Chain, Design


def build(name: str, /, *, num_classes: int | None = None, in_channels: int | None = None, **options: Any) -> Chain:
    """The network of that name without weights: its parameters are on the meta device.

    Raises:
        UsageError: no such network or option, or a value that the network does not take.
    """
    entry = catalog.find(name)
    module, function = entry.builder.split(":")
    design_of: Callable[..., Design] = getattr(importlib.import_module(module), function)
    allowed = [option for option in inspect.signature(design_of).parameters if option not in entry.options]
    for option in options:
        if option not in allowed:
            known = near(option, allowed) if allowed else "; it takes none beyond num_classes and in_channels"
            raise UsageError(f"{name} has no option {option!r}{known}")
    return Chain(
        design_of(**entry.options, **options),
        name=name,
        options=options,
        num_classes=num_classes,
        in_channels=in_channels,
    )


def create(name: str, /, *, num_classes: int | None = None, in_channels: int | None = None, **options: Any) -> Chain:
    """The network of that name with fresh weights by its paper's rule, on torch's default device.

    Under ``torch.device("meta")`` it stays without weights. See `build` for what is raised.
    """
    network = build(name, num_classes=num_classes, in_channels=in_channels, **options)
    device = torch.get_default_device()
    if device.type == "meta":
        return network
    return network.to_empty(device=device).reset()
