"""A network as one large convolution, for images larger than those it was made for."""

import torch
from torch import nn

from classicnets import catalog
from classicnets.errors import UsageError
from classicnets.networks import build, options_of
from classicnets.networks.chain import Chain


def fully_convolutional(network: Chain) -> Chain:
    """The same network as convolutions from end to end: for a larger image it gives the mean of a map of logits.

    The dense test of VGG's paper (Simonyan, Zisserman, ICLR 2015, section 3.2). Both networks hold the same weights
    in the same memory, so that a change to one is a change to the other, until one of them moves to another device or
    type. Gradients stay apart. Mode, frozen rows and type are those of ``network``.

    Args:
        network: one with fully connected layers that can be convolutions (``head`` is an option of AlexNet, ZFNet,
            VGG), or one that takes images of any size anyway, because it averages its last maps; that one is returned
            as it is.

    Raises:
        UsageError: the network reads maps of one size and has no convolutional head.
    """
    if _takes_any_size(network):
        return network
    if not _has_convolutional_head(network.name):
        raise UsageError(
            f"{network.name} has no convolutional head:"
            f" row {_first_vector(network)} reads every pixel of maps of one size"
        )
    twin = build(
        network.name,
        **{**network.options, "head": "convolutional"},
        num_classes=network.num_classes,
        in_channels=network.input_shape[0],
        input_size=network.input_shape[1:],
        first_weights=network.first_weights,
    )
    twin.load_state_dict(_same_memory(network, twin), assign=True)
    frozen = [row for row in network.rows if row in network.frozen]
    return twin.freeze(upto=frozen[-1] if frozen else None).train(network.training)


def _takes_any_size(network: Chain) -> bool:
    """Whether the row that turns maps into a vector averages them."""
    row = network.get_submodule(_first_vector(network))
    return any(isinstance(module, nn.AdaptiveAvgPool2d) for module in row.modules())


def _first_vector(network: Chain) -> str:
    return next(row for row in network.rows if network.sites[row].flat)


def _has_convolutional_head(name: str) -> bool:
    return name in catalog.list_networks() and "head" in options_of(name)  # else a chain of the user's own


def _same_memory(network: Chain, twin: Chain) -> dict[str, torch.Tensor]:
    """The tensors of a network under its twin's names: both list them in the same order, in shapes of equal size."""
    pairs = zip(twin.state_dict().items(), network.state_dict().values(), strict=True)
    return {name: tensor.view(wanted.shape) for (name, wanted), tensor in pairs}
