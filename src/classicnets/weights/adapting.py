"""Networks with weights, changed for other classes and other images; each change is told in a line."""

from typing import Any

import torch

from classicnets.data.mean_image import MeanImage
from classicnets.data.transforms import Preprocessing
from classicnets.errors import UsageError
from classicnets.networks import build
from classicnets.networks.chain import Chain
from classicnets.weights.shapes import must_fit

COLOURS = 3
"""How many channels weights must be for to be adapted to another number."""

Remarks = tuple[str, ...]
"""What a user should hear, a line each."""


def adapted(network: Chain, *, num_classes: int | None, in_channels: int | None) -> tuple[Chain, Remarks]:
    """The network for these numbers of classes and channels, with the weights kept as far as they go.

    Args:
        network: has weights, and shares them with what is returned.
        num_classes: see `renew_heads`.
        in_channels: see `take_weights`; None for those of the network.

    Raises:
        UsageError: the weights cannot be adapted to so many channels, or a number is none.
    """
    channels, height, width = network.input_shape
    remarks: Remarks = ()
    if in_channels not in (None, channels):
        given, options = network, dict[str, Any](network.options)
        network = build(
            given.name,
            num_classes=given.num_classes,
            in_channels=in_channels,
            input_size=(height, width),
            **options,
        )
        remarks = take_weights(network, given, source=given.name)
        network.train(given.training)
    return network, remarks + renew_heads(network, num_classes)


def take_weights(network: Chain, given: Chain, *, source: str) -> Remarks:
    """Give ``network`` the weights of ``given``, which is like it but for the number of channels, and share them.

    For one channel the first convolution takes the sum of its weights over the colours, so that a grey image gives
    what its three equal colours would. Beyond three the further channels begin at zero, so that they change nothing
    before they are trained.

    Args:
        network: has no weights yet.
        given: has weights, for three channels where the numbers differ.
        source: where the weights come from, for messages.

    Raises:
        UsageError: the weights are for another number of channels than three, or two are wanted; or they do not fit.
    """
    has, wanted = given.input_shape[0], network.input_shape[0]
    if wanted != has and (has != COLOURS or wanted == 2):
        raise UsageError(
            f"in_channels={wanted}: the weights are for {has} channels; those for {COLOURS} can be adapted, to 1 or to"
            " more"
        )
    needed = network.state_dict()
    first = next(iter(needed))  # that of the first convolution, the only one that reads the image
    state = dict(given.state_dict())
    remarks: Remarks = ()
    if wanted < has:
        state[first] = state[first].sum(dim=1, keepdim=True)
        remarks = (f"{network.name} takes grey images: the weights of {network.rows[0]} are summed over the colours",)
    elif wanted > has:
        kernels, _, *size = state[first].shape
        state[first] = torch.cat([state[first], state[first].new_zeros(kernels, wanted - has, *size)], dim=1)
        remarks = (f"{network.name} takes {wanted} channels: {network.rows[0]} has weights of 0 for those after {has}",)
    must_fit(source, needed, state, network=f"this {network.name}")
    network.load_state_dict(state, assign=True)
    return remarks


def renew_heads(network: Chain, num_classes: int | None) -> Remarks:
    """Give the network fresh heads for another number of classes; None leaves all as it is.

    Raises:
        UsageError: it is no number of classes.
    """
    if num_classes is None or num_classes == network.num_classes:
        return ()
    network.replace_head(num_classes)
    heads = ", ".join((network.rows[-1], *(f"aux.{row}" for row in network.aux)))
    return (f"{network.name} is for {num_classes} classes: fresh weights in {heads}",)


def grey(preprocessing: Preprocessing) -> Preprocessing:
    """The preprocessing for one channel: with the means of the colours' figures, which may be one already."""
    mean, std = (sum(figures) / len(figures) for figures in (preprocessing.mean, preprocessing.std))
    changes: dict[str, object] = {"channels": 1, "channel_order": "rgb", "mean": (mean,), "std": (std,)}
    if isinstance(preprocessing.mean_image, MeanImage):
        changes["mean_image"] = preprocessing.mean_image.grey()
    return Preprocessing.model_validate(preprocessing.model_dump() | changes)
