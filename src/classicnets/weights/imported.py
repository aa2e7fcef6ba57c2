"""What every reader of other libraries' weights hands on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from classicnets.data.transforms import Preprocessing


@dataclass(frozen=True, kw_only=True)
class Imported:
    """Another library's weights in this one's terms: enough to make the network and to use it.

    Attributes:
        source: where they come from, for messages ("torchvision:resnet50", a file's name).
        network: which network of the catalog they are for.
        options: of that network.
        num_classes: of the head.
        in_channels: of the first row.
        tensors: under this library's names; those of the network's state, all of them but for auxiliary heads and the
            head (the last row), each of which may be missing as a whole: fresh weights take its place.
        preprocessing: how an image becomes the input that these weights expect.
        classes: the names of the classes, in the order of the logits.
        remarks: what a user should hear, one line each; of missing heads the loader tells itself.
    """

    source: str
    network: str
    options: Mapping[str, Any] = field(default_factory=dict)
    num_classes: int
    in_channels: int = 3
    tensors: Mapping[str, torch.Tensor]
    preprocessing: Preprocessing
    classes: tuple[str, ...]
    remarks: tuple[str, ...] = ()
