"""The state of a network of torchvision or timm, taken in and given out: names and shapes, no files."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import nn

from classicnets import catalog
from classicnets.data.transforms import Preprocessing
from classicnets.errors import UsageError, near
from classicnets.networks import build
from classicnets.networks.chain import Chain
from classicnets.weights.imagenet import class_names
from classicnets.weights.imported import Imported
from classicnets.weights.shapes import is_in, must_fit, parts_without_tensors
from classicnets.weights.sources import Model, Source
from classicnets.weights.timm import TIMM
from classicnets.weights.torchvision import TORCHVISION

SOURCES: Mapping[str, Source] = {source.name: source for source in (TORCHVISION, TIMM)}
"""The libraries whose state dicts are understood."""

_COUNTER = ".num_batches_tracked"  # of batch normalisation; files from before 2018 have none


def import_state(reference: str, state: Mapping[str, torch.Tensor]) -> Imported:
    """Another library's state dict in this one's terms; its tensors are the given ones, or views of them.

    Args:
        reference: the library and its network, ``torchvision:resnet50``; ``torchvision:resnet50.IMAGENET1K_V2`` says
            whose preprocessing goes with the tensors.
        state: what ``state_dict()`` gives there. The head may be for any number of classes, the first convolution for
            any number of channels. Auxiliary heads, or the head, may be missing as a whole.

    Raises:
        UsageError: no such library or network, or a tensor is missing, unknown or of another shape; one line names
            the tensor, what was expected and what was found.
    """
    source, model, release = find_model(reference)
    return import_as(model, state, where=reference, preprocessing=model.prepares(release, source=source.name))


def import_as(model: Model, state: Mapping[str, torch.Tensor], *, where: str, preprocessing: Preprocessing) -> Imported:
    """As `import_state`, of a network that is known; ``where`` is what messages call the state."""
    asked = _ask(model, state)
    must_fit(where, asked.expected, asked.given, network=model.name)
    classes = asked.network.num_classes
    return Imported(
        source=where,
        network=model.network,
        options=model.options,
        num_classes=classes,
        in_channels=asked.network.input_shape[0],
        tensors={
            ours: model.names.shaped_as_ours(ours, asked.given[theirs])
            for ours, theirs in asked.names.items()
            if theirs in asked.expected
        },
        preprocessing=preprocessing,
        classes=class_names() if classes == len(class_names()) else tuple(map(str, range(classes))),
    )


def could_be(model: Model, state: Mapping[str, torch.Tensor]) -> bool:
    """Whether `import_as` would take the state for that network."""
    if not all(model.names.knows(name) for name in state):
        return False
    asked = _ask(model, state)
    shapes = [{name: tensor.shape for name, tensor in tensors.items()} for tensors in (asked.expected, asked.given)]
    return shapes[0] == shapes[1]


def export_state(source: str, network: Chain) -> dict[str, torch.Tensor]:
    """The state of ``network`` as ``load_state_dict`` of the other library's network takes it.

    Args:
        source: ``torchvision`` or ``timm``; ``timm:NAME`` where several networks there are this one.
        network: for any classes and channels.

    Raises:
        UsageError: the library has no such network, or not with these options, or not for this size of images; one
            line says what differs.
    """
    model = model_for(source, network)
    state = {
        name: tensor for name, tensor in network.state_dict().items() if model.has_aux or not name.startswith("aux.")
    }
    names = model.names.pairs(state)
    return {names[name]: model.names.shaped_as_theirs(name, tensor) for name, tensor in state.items()}


def find_model(reference: str) -> tuple[Source, Model, str | None]:
    """The library, its network, and the name of its weights where ``library:network.weights`` says it.

    Raises:
        UsageError: no such library or network.
    """
    library, _, rest = reference.partition(":")
    if library not in SOURCES:
        raise UsageError(f"{reference!r} names no library: write torchvision:NETWORK or timm:NETWORK")
    name, dot, release = rest.partition(".")
    return SOURCES[library], SOURCES[library].model(name), release if dot else None


def model_for(source: str, network: Chain) -> Model:
    """The other library's network that computes what ``network`` computes in evaluation.

    Args:
        source: as of `export_state`.
        network: for any classes and channels.

    Raises:
        UsageError: there is none; one line says what differs from the nearest.
    """
    library, _, name = source.partition(":")
    if library not in SOURCES:
        raise UsageError(f"weights are saved for {' or '.join(SOURCES)}, not for {library!r}")
    models = [SOURCES[library].model(name)] if name else list(SOURCES[library].models.values())
    builder = catalog.find(network.name).builder
    alike = [model for model in models if catalog.find(model.network).builder == builder]
    if not alike:
        known = near(network.name, dict.fromkeys(model.network for model in models))
        raise UsageError(f"{source} has no {network.name}{known}")
    told = {model.name: _differences(model, network) for model in alike}
    nearest = min(alike, key=lambda model: len(told[model.name]))
    if told[nearest.name]:
        raise UsageError(f"{library}'s {nearest.name} is not this {network.name}: {told[nearest.name][0]}")
    return nearest


def _differences(model: Model, network: Chain) -> list[str]:
    """Where ``network`` does something else than the other library's; training apart."""
    channels, *_ = network.input_shape
    theirs = _layers(
        build(model.network, num_classes=network.num_classes, in_channels=channels, **model.options), model
    )
    ours = _layers(network, model)
    return [
        f"{name} is {ours.get(name, 'missing')} here and {theirs.get(name, 'missing')} there"
        for name in dict.fromkeys((*ours, *theirs))
        if ours.get(name) != theirs.get(name)
    ]


def _layers(network: Chain, model: Model) -> dict[str, str]:
    """The modules without parts, each with all its settings, that evaluation or the auxiliary heads pass through."""
    return {
        name: repr(module)
        for name, module in network.named_modules()
        if not (any(True for _ in module.children()) or isinstance(module, nn.Dropout | nn.Identity))
        and (model.has_aux or not name.startswith("aux"))
    }


class _Asked(NamedTuple):
    """What is asked of a state.

    Attributes:
        network: with as many classes and channels as the state has.
        names: this library's, each with the other's.
        expected: shapes under the other's names, without the heads that the state does not have at all.
        given: the state, with the counters of batch normalisation where it has none.
    """

    network: Chain
    names: Mapping[str, str]
    expected: Mapping[str, torch.Tensor]
    given: Mapping[str, torch.Tensor]


def _ask(model: Model, state: Mapping[str, torch.Tensor]) -> _Asked:
    network = build(model.network, **model.options)
    names = model.names.pairs(network.state_dict())
    classes = _extent(state, names[f"{network.rows[-1]}.weight"], 0, network.num_classes)
    channels = _extent(state, next(iter(names.values())), 1, network.input_shape[0])
    if (classes, channels) != (network.num_classes, network.input_shape[0]):
        network = build(model.network, num_classes=classes, in_channels=channels, **model.options)
    absent = parts_without_tensors(network, [ours for ours, theirs in names.items() if theirs in state])
    needed = {ours: tensor for ours, tensor in network.state_dict().items() if not is_in(ours, absent)}
    counters = {
        names[ours]: torch.zeros((), dtype=tensor.dtype, device="cpu")
        for ours, tensor in needed.items()
        if ours.endswith(_COUNTER)
    }
    expected = {names[ours]: model.names.shaped_as_theirs(ours, tensor) for ours, tensor in needed.items()}
    return _Asked(network, names, expected, counters | dict(state))


def _extent(state: Mapping[str, torch.Tensor], name: str, dimension: int, otherwise: int) -> int:
    """The extent of a tensor of the state, where it is there and has that many dimensions."""
    tensor = state.get(name)
    found = tensor is not None and tensor.dim() > dimension and tensor.shape[dimension] > 0
    return tensor.shape[dimension] if tensor is not None and found else otherwise
