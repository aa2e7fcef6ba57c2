"""What a bundle says of images that nobody has labelled."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch

from classicnets.data.batches import normalise
from classicnets.data.decode import UnreadableImage, decode, decode_bytes
from classicnets.data.folder import SUFFIXES, scan
from classicnets.data.pixels import preprocess
from classicnets.errors import UsageError
from classicnets.evaluation.counting import must_be_numbers
from classicnets.weights.bundle import Bundle

STANDARD_INPUT = "-"
_AT_ONCE = 32


@dataclass(frozen=True, kw_only=True)
class Guess:
    """One class with its probability (0 to 1)."""

    name: str
    index: int
    probability: float


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What was said of one image.

    Attributes:
        path: the image's; ``-`` is standard input.
        guesses: the likeliest classes, likeliest first; empty for an unreadable image.
        error: why an image could not be read, else None.
    """

    path: str
    guesses: tuple[Guess, ...] = ()
    error: str | None = None


def find_images(given: Iterable[str]) -> list[str]:
    """The images that a user names: files as they are, folders as the images below them, ``-`` as standard input.

    Hidden files, and what does not end like an image, count only where they are named themselves.

    Raises:
        UsageError: a path does not exist or is neither, a folder has no images, or ``-`` is named twice.
    """
    found: list[str] = []
    for name in given:
        path = Path(name)
        if name == STANDARD_INPUT and name in found:
            raise UsageError("- is given twice, but standard input holds one image only")
        if name == STANDARD_INPUT or path.is_file() or path.is_fifo():
            found.append(name)
        elif path.is_dir() and name:
            below = [str(file) for file in scan(path)]
            if not below:
                raise UsageError(f"{path} has no images; looked for {', '.join(SUFFIXES)}")
            found.extend(below)
        else:
            what = "is neither a file nor a folder" if name and path.exists() else "does not exist"
            raise UsageError(f"{name or 'an image with an empty name'} {what}")
    return found


def predict(bundle: Bundle, images: Iterable[str], *, top: int = 5) -> Iterator[Prediction]:
    """The likeliest classes of each image, in the order given; an unreadable image does not stop the others.

    Args:
        bundle: the network with its classes and preprocessing.
        images: paths of files, or ``-`` for an image on standard input.
        top: how many classes at the most.

    Raises:
        UsageError: the network's output is not a number.
    """
    waiting = iter(images)
    while paths := tuple(islice(waiting, _AT_ONCE)):
        opened = [_open(bundle, path) for path in paths]
        pixels = [image for image in opened if isinstance(image, torch.Tensor)]
        guesses = iter(_guess(bundle, torch.stack(pixels), top) if pixels else ())
        for path, image in zip(paths, opened, strict=True):
            if isinstance(image, torch.Tensor):
                yield Prediction(path=path, guesses=next(guesses))
            else:
                yield Prediction(path=path, error=image)


def _open(bundle: Bundle, path: str) -> torch.Tensor | str:
    """The image as the network sees it, or why it cannot be read."""
    channels = bundle.preprocessing.channels
    try:
        if path == STANDARD_INPUT:
            data = sys.stdin.buffer.read() if sys.stdin else b""  # None where it was closed
            pixels = decode_bytes(data, name="standard input", channels=channels)
        else:
            pixels = decode(Path(path), channels=channels)
    except UnreadableImage as error:
        return str(error)
    return preprocess(pixels, bundle.preprocessing)


def _guess(bundle: Bundle, pixels: torch.Tensor, top: int) -> list[tuple[Guess, ...]]:
    with torch.inference_mode():
        logits = bundle.network(normalise(pixels, bundle.preprocessing)).float()
    must_be_numbers(logits)
    probabilities = logits.softmax(dim=1)
    best = probabilities.topk(min(top, len(bundle.classes)), dim=1)
    return [
        tuple(
            Guess(name=bundle.classes[index], index=index, probability=probability)
            for probability, index in zip(row_values, row_indices, strict=True)
        )
        for row_values, row_indices in zip(best.values.tolist(), best.indices.tolist(), strict=True)
    ]
