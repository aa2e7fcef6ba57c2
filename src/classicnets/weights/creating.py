"""Networks by their names, with fresh weights or with those that a reference names."""

from pathlib import Path
from typing import Any

import torch

from classicnets import catalog
from classicnets.errors import UsageError
from classicnets.networks import build
from classicnets.networks import create as create_fresh
from classicnets.networks.chain import Chain, FirstWeights
from classicnets.weights.adapting import renew_heads, take_weights
from classicnets.weights.loading import open_weights, tell
from classicnets.weights.references import find_published


def create(
    name: str,
    /,
    *,
    num_classes: int | None = None,
    in_channels: int | None = None,
    input_size: int | tuple[int, int] | None = None,
    first_weights: FirstWeights = "paper",
    weights: str | Path | None = None,
    **options: Any,
) -> Chain:
    """The network of that name, in training mode, on torch's default device; it has no weights on the meta device.

    Args:
        name: as in the catalog.
        num_classes: classes, if not the paper's, or those of the weights: for another number the heads begin anew.
        in_channels: channels of the images, likewise; see `classicnets.load`.
        input_size: side or (height, width) of the images in pixels, if not the paper's. It matters to networks whose
            fully connected layers read every pixel of a map; the others take any size later too.
        first_weights: the rule that fresh weights begin by: the ``paper``'s, or the ``modern`` one.
        weights: None for fresh ones, or a reference such as ``torchvision:resnet50``; see `classicnets.load`.
        options: the network's own.

    Raises:
        UsageError: no such network or option, a value that the network does not take, or weights of another network.
    """
    if weights is None:
        return create_fresh(
            name,
            num_classes=num_classes,
            in_channels=in_channels,
            input_size=input_size,
            first_weights=first_weights,
            **options,
        )
    if published := find_published(weights):
        must_be_for(name, published.model.network, weights)  # before anything is fetched
    bundle, remarks = open_weights(weights)
    given = bundle.network
    must_be_for(name, given.name, weights)
    for option, value in given.options.items():
        if options.get(option, value) != value:
            raise UsageError(f"{weights} needs {option}={value!r}, not {options[option]!r}")
    channels, height, width = given.input_shape
    network = build(
        name,
        num_classes=given.num_classes,
        in_channels=channels if in_channels is None else in_channels,
        input_size=(height, width) if input_size is None else input_size,
        first_weights=first_weights,
        **(given.options | options),
    )
    remarks += take_weights(network, given, source=str(weights))
    tell(remarks + renew_heads(network, num_classes))
    return network.to(torch.get_default_device())


def must_be_for(name: str, given: str, weights: str | Path) -> None:
    """Make sure that weights of the network ``given`` are for the one asked for, perhaps under another name.

    Raises:
        UsageError: they are not, or the catalog does not know the one asked for.
    """
    asked, has = catalog.find(name), catalog.find(given)
    if (asked.builder, asked.options) != (has.builder, has.options):
        raise UsageError(f"{weights} holds weights of {given}, not of {name}: ask for {given}")
