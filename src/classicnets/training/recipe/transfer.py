"""The section of a recipe that says whose weights training begins with."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from classicnets.data.settings import Settings

_FILE_MARKS = ("@", ":")  # what stands before a file in references such as torchvision:resnet18@FILE and keras:FILE


class Transfer(Settings):
    """What a network begins with instead of first weights, and how it goes on from there.

    Attributes:
        weights: what `classicnets.load` takes: a bundle's folder, ``torchvision:resnet18``, ``keras:FILE``.
        sha256: of these weights, as `classicnets.training.transfer.source` counts it; filled in when a run begins.
            Where a recipe states it, other weights are refused.
        head: ``auto`` keeps the head where the classes of the weights are those of the data, in the same order, and
            makes it anew where they are not; ``keep`` and ``fresh`` do as they say. So with the auxiliary heads.
        freeze_upto: the rows up to this one stay as they are: no gradient, and evaluation mode.
        row_rate: by what factor the learning rate falls from each row with parameters to the one before it, from the
            head towards the image.
        head_rate: how many times the recipe's learning rate the heads take.
        batch_norm: whether rows that learn normalise by the statistics of the weights (``frozen``) or by those of each
            batch, and keep the new ones (``learn``). Scales and shifts learn in either case, and so do the statistics
            of auxiliary heads. ``learn`` keeps more accuracy: a ResNet-20 that had learnt five classes of CIFAR-10
            learnt the others from 300 images in 8 epochs to 23.2% test error in batches of 16, where frozen
            statistics left 32.0% (means of three seeds); in batches of 32 it was 25.3% against 33.5% (two seeds).
    """

    weights: str = Field(min_length=1)
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    head: Literal["auto", "keep", "fresh"] = "auto"
    freeze_upto: str | None = None
    row_rate: float = Field(default=1.0, gt=0, le=1)
    head_rate: float = Field(default=1.0, gt=0)
    batch_norm: Literal["frozen", "learn"] = "learn"

    @field_validator("weights")
    @classmethod
    def _anywhere(cls, weights: str) -> str:
        return absolute_reference(weights)


def absolute_reference(reference: str) -> str:
    """A reference with the path in it, if there is one, made absolute, so that it means the same anywhere."""
    for mark in ("", *_FILE_MARKS):
        before, found, path = reference.partition(mark) if mark else ("", "", reference)
        place = Path(path).expanduser()
        if path and place.exists():
            return f"{before}{found}{place.absolute()}"
    return reference
