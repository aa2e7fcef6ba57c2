"""A network as one piece, whose weights may lie spread over processes."""

from collections.abc import Mapping
from typing import Any

from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.tensor import DTensor

from classicnets.networks import build
from classicnets.networks.chain import Chain


def whole_network(network: Chain) -> Chain:
    """``network`` itself, or where its weights are spread over the processes a network with all of them.

    Every process must ask at the same time; only the first is given the weights of a spread one.
    """
    if not any(isinstance(weight, DTensor) for weight in network.parameters()):
        return network
    weights = get_model_state_dict(network, options=StateDictOptions(full_state_dict=True, cpu_offload=True))
    if not weights:
        return network
    channels = network.input_shape[0]
    options: Mapping[str, Any] = network.options
    made = build(network.name, num_classes=network.num_classes, in_channels=channels, **options)
    made.load_state_dict(weights, assign=True)
    return made
