"""The weights that training begins with: opened, identified, and asked what they decide of a recipe."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from classicnets.data.mean_image import MeanImage
from classicnets.data.transforms import Preprocessing
from classicnets.errors import UsageError
from classicnets.networks.chain import Chain
from classicnets.training.recipe.reading import merge
from classicnets.training.recipe.transfer import Transfer, absolute_reference
from classicnets.weights.adapting import grey
from classicnets.weights.bundle import Bundle
from classicnets.weights.creating import must_be_for
from classicnets.weights.fetching import Progress
from classicnets.weights.loading import open_weights, tell


@dataclass(frozen=True, kw_only=True)
class Source:
    """Weights to begin with.

    Attributes:
        reference: what named them.
        bundle: the network, its classes and how its images are prepared.
        sha256: see `digest`.
    """

    reference: str
    bundle: Bundle
    sha256: str


def open_source(reference: str, *, progress: Progress = lambda received: None) -> Source:
    """The weights that ``reference`` names.

    Heads that a foreign file lacks begin at random; their numbers are always the same, so that the digest is.

    Args:
        reference: see `classicnets.weights.loading`.
        progress: called with the number of bytes that have been fetched.

    Raises:
        UsageError: there is no such thing, or it cannot be fetched or read.
    """
    reference = absolute_reference(reference)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        bundle, remarks = open_weights(reference, progress=progress)
    tell(remarks)
    return Source(reference=reference, bundle=bundle, sha256=digest(bundle.network))


def digest(network: Chain) -> str:
    """SHA-256, in hexadecimal, of a network's tensors with their names, types and shapes.

    It does not depend on the kind of file they came in.
    """
    counted = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        counted.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        counted.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return counted.hexdigest()


def begin_with(
    fields: Mapping[str, Any], *, progress: Progress = lambda received: None
) -> tuple[dict[str, Any], Source | None]:
    """The fields of a recipe with what its weights decide filled in, and the weights; None where it names none.

    Args:
        fields: of the recipe, which may leave the network out.
        progress: see `open_source`.

    Raises:
        UsageError: the weights cannot be had, or the recipe wants another network or other weights.
    """
    transfer, options = fields.get("transfer"), fields.get("options") or {}
    if not isinstance(transfer, Mapping) or not isinstance(options, Mapping):
        return dict(fields), None  # if there is a mistake in it, reading the recipe tells
    if not isinstance(transfer.get("weights"), str):
        return dict(fields), None
    source = open_source(transfer["weights"], progress=progress)
    return with_source(fields, source), source


def reopen(transfer: Transfer | None, *, progress: Progress = lambda received: None) -> Source | None:
    """The weights of a recipe that is complete; None where it begins with none.

    Raises:
        UsageError: they are gone, or others have taken their place.
    """
    if transfer is None:
        return None
    source = open_source(transfer.weights, progress=progress)
    _must_be_the_same(source, transfer.sha256)
    return source


def with_source(fields: Mapping[str, Any], source: Source) -> dict[str, Any]:
    """The fields of a recipe with what the weights decide filled in where they leave it open.

    That is the network, its options and channels, the size of its images, and how these are prepared.

    Raises:
        UsageError: the recipe wants another network, other options or other weights.
    """
    given = source.bundle.network
    network = str(fields.get("network") or given.name)
    must_be_for(network, given.name, source.reference)
    options: dict[str, Any] = {"input_size": list(given.input_shape[1:]), **given.options}
    asked = fields.get("options") or {}
    for option, value in given.options.items():
        if asked.get(option, value) != value:
            raise UsageError(f"{source.reference} needs {option}={value!r}, not {asked[option]!r}")
    _must_be_the_same(source, fields["transfer"].get("sha256"))
    options |= asked
    channels = fields.get("in_channels") or given.input_shape[0]
    prepared = _prepared(source.bundle, asked.get("input_size"), channels)
    stated = {} if fields.get("preprocessing") is None else {"preprocessing": fields["preprocessing"]}
    return {
        **fields,
        "network": network,
        "options": options,
        "in_channels": channels,
        **merge({"preprocessing": prepared.model_dump(mode="json")}, stated),
        "transfer": {**fields["transfer"], "sha256": source.sha256},
    }


def _must_be_the_same(source: Source, expected: object) -> None:
    if expected not in (None, source.sha256):
        raise UsageError(
            f"{source.reference} holds other weights than those that the recipe was written for (sha256"
            f" {source.sha256[:12]}..., not {str(expected)[:12]}...); to begin with these, leave transfer.sha256 out"
        )


def _prepared(bundle: Bundle, size: object, channels: int) -> Preprocessing:
    """How images are prepared for the same weights in a network of that input size (None for the same) and channels."""
    preprocessing = bundle.preprocessing
    changes: dict[str, Any] = {}
    height, width = size if isinstance(size, list | tuple) and len(size) == 2 else (size, size)
    others = (height, width) != bundle.network.input_shape[1:]
    if others and isinstance(height, int) and isinstance(width, int) and min(height, width) > 0:
        changes["size"] = (height, width)  # what is no size, the network refuses
        if preprocessing.resize is not None:
            changes["resize"] = round(preprocessing.resize * max(height, width) / max(preprocessing.size))
    mean = preprocessing.mean_image
    if isinstance(mean, MeanImage) and mean.shape[:2] != changes.get("size", preprocessing.size):
        # It would tie training to the crops that it was made for: the means of the channels take its place.
        changes |= {"mean": mean.array.mean(axis=(0, 1), dtype="float64").tolist(), "mean_image": None}
    prepared = Preprocessing.model_validate(preprocessing.model_dump() | changes)
    return grey(prepared) if channels == 1 else prepared
