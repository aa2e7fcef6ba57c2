"""Networks with weights, by reference: what `classicnets.load` does.

A reference is one of

- ``runs/first/bundle``: the folder of a bundle;
- ``torchvision:resnet50``, ``timm:inception_v4``: weights that the library publishes, fetched on first use. Which ones
  stands behind a dot (``torchvision:resnet50.IMAGENET1K_V2``, ``timm:resnet50.tv_in1k``); without, these are
  torchvision's IMAGENET1K_V1, whose recipe is nearest to the papers', and those that timm itself prefers;
- ``torchvision:resnet50@FILE``, ``timm:resnet50d@FILE``: a file of weights for that network;
- ``FILE.pth``, ``FILE.safetensors``: the same, where the names and shapes of the tensors say which network it is;
- ``keras:FILE``, ``onnx:FILE``: weights that Keras saved, an ONNX graph.

What a user should hear of weights, such as that a head is fresh, is logged as a warning of the logger
``classicnets``, which Python shows on standard error unless told otherwise.
"""

import logging
from pathlib import Path

from classicnets.errors import UsageError
from classicnets.networks import build
from classicnets.networks.chain import Chain
from classicnets.weights.adapting import COLOURS, Remarks, adapted, grey
from classicnets.weights.bundle import Bundle
from classicnets.weights.fetching import Progress
from classicnets.weights.imported import Imported
from classicnets.weights.references import read_reference
from classicnets.weights.shapes import is_in, must_fit, parts_without_tensors

_LOG = logging.getLogger("classicnets")


def load(reference: str | Path, *, num_classes: int | None = None, in_channels: int | None = None) -> Chain:
    """A network with weights, in evaluation mode.

    Args:
        reference: a bundle's folder, a file, or another library's weights; see `classicnets.weights.loading`.
        num_classes: another number of classes than the weights are for: the head, and auxiliary heads, begin anew.
        in_channels: another number of channels than 3: of the first convolution's weights, one channel takes the
            sum; further channels begin at zero.

    Raises:
        UsageError: there is no such thing, it cannot be fetched or read, or its tensors are not the network's; one
            line says what is wrong.
    """
    bundle, remarks = open_weights(reference)
    network, more = adapted(bundle.network, num_classes=num_classes, in_channels=in_channels)
    tell(remarks + more)
    return network


def load_bundle(
    reference: str | Path,
    *,
    num_classes: int | None = None,
    in_channels: int | None = None,
    progress: Progress = lambda received: None,
) -> Bundle:
    """The same with all that images need: the names of the classes, and the preprocessing.

    Args:
        reference: as of `load`.
        num_classes: as of `load`; the new classes are called by their numbers.
        in_channels: 1 or 3; the preprocessing follows.
        progress: called with the number of bytes of the weights that have been fetched.

    Raises:
        UsageError: as of `load`.
    """
    if in_channels not in (None, 1, COLOURS):
        raise UsageError(f"in_channels must be 1 or {COLOURS} where images are read, not {in_channels!r}")
    bundle, remarks = open_weights(reference, progress=progress)
    network, more = adapted(bundle.network, num_classes=num_classes, in_channels=in_channels)
    tell(remarks + more)
    kept = network.num_classes == len(bundle.classes)
    return Bundle(
        network=network,
        classes=bundle.classes if kept else tuple(map(str, range(network.num_classes))),
        preprocessing=grey(bundle.preprocessing) if network.input_shape[0] == 1 else bundle.preprocessing,
        training=bundle.training,
    )


def open_weights(reference: str | Path, *, progress: Progress = lambda received: None) -> tuple[Bundle, Remarks]:
    """What a reference names as a bundle, and what is to be said of it."""
    found = read_reference(reference, progress=progress)
    if isinstance(found, Bundle):
        return found, ()
    network, remarks = _network_of(found)
    bundle = Bundle(
        network=network,
        classes=found.classes,
        preprocessing=found.preprocessing,
        training={"weights": found.source},
    )
    return bundle, found.remarks + remarks


def tell(remarks: Remarks) -> None:
    """Log each remark."""
    for remark in remarks:
        _LOG.warning("%s", remark)


def _network_of(imported: Imported) -> tuple[Chain, Remarks]:
    """The network of other libraries' weights, whose tensors are the imported ones as far as they go, and remarks."""
    network = build(
        imported.network,
        num_classes=imported.num_classes,
        in_channels=imported.in_channels,
        **imported.options,
    )
    needed = network.state_dict()
    absent = parts_without_tensors(network, imported.tensors)
    expected = {name: tensor for name, tensor in needed.items() if not is_in(name, absent)}
    must_fit(imported.source, expected, imported.tensors, network=network.name)
    tensors = {name: tensor.to(needed[name].dtype) for name, tensor in imported.tensors.items()}
    network.load_state_dict(tensors, assign=True, strict=not absent)
    if absent:
        network.replace_head(network.num_classes)  # all heads, so those that are there come back
        heads = (network.rows[-1], "aux")
        network.load_state_dict(
            {name: tensor for name, tensor in tensors.items() if is_in(name, heads)}, assign=True, strict=False
        )
    return network.eval(), tuple(f"{imported.source} has no weights for {part}: they are fresh" for part in absent)
