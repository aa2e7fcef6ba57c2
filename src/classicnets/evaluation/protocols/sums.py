"""What was said of each image, added up until all of its views have been looked at."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from classicnets.evaluation.protocols.protocol import Look, Protocol

_TINY = torch.finfo(torch.float64).tiny

Integers = npt.NDArray[np.int64]


class Answer(NamedTuple):
    """What is said of some images when all is averaged.

    Attributes:
        indices: int64, (images,): their positions in the data set.
        logits: float64, (images, classes): logarithms of the probabilities.
    """

    indices: Integers
    logits: torch.Tensor


class Sums:
    """Sums over the views of the images that are being looked at; an image that is done with makes room for another.

    The sums are in float64, so that the order in which views come does not tell.
    """

    def __init__(self, protocol: Protocol, classes: int) -> None:
        self._looks = protocol.looks
        self._views = protocol.views
        self._sums = torch.zeros(0, len(self._looks), classes, dtype=torch.float64)
        self._left: Integers = np.zeros(0, dtype=np.int64)  # views that are still to come
        self._index: Integers = np.zeros(0, dtype=np.int64)
        self._free: list[int] = []

    def begin(self, indices: Integers) -> Integers:
        """Places for the sums of images; `add` takes them."""
        if len(self._free) < len(indices):
            self._grow(len(indices))
        places = np.array([self._free.pop() for _ in indices], dtype=np.int64)
        self._sums[torch.from_numpy(places)] = 0
        self._left[places] = self._views
        self._index[places] = indices
        return places

    def add(self, places: Integers, looks: Integers, weights: Integers, logits: torch.Tensor) -> Answer | None:
        """Take in what was said of some views, and tell what is said of the images that are done with by that.

        Args:
            places: (views,): of their images, from `begin`.
            looks: (views,): which looks they are of.
            weights: (views,): how many equal views each stands for.
            logits: float64, (views, classes).
        """
        of_scores = torch.from_numpy(np.array([look.average == "scores" for look in self._looks])[looks])
        said = torch.where(of_scores[:, None], logits, logits.softmax(dim=1)) * torch.from_numpy(weights)[:, None]
        flat = self._sums.view(-1, self._sums.shape[-1])
        flat.index_add_(0, torch.from_numpy(places * len(self._looks) + looks), said)
        np.subtract.at(self._left, places, weights)
        done = np.unique(places[self._left[places] == 0])
        if not len(done):
            return None
        self._free.extend(done.tolist())
        return Answer(self._index[done], average(self._sums[torch.from_numpy(done)], self._looks))

    def _grow(self, least: int) -> None:
        more = max(least, len(self._left))
        self._free.extend(range(len(self._left), len(self._left) + more))
        self._sums = torch.cat([self._sums, self._sums.new_zeros(more, *self._sums.shape[1:])])
        self._left = np.concatenate([self._left, np.zeros(more, dtype=np.int64)])
        self._index = np.concatenate([self._index, np.zeros(more, dtype=np.int64)])


def average(sums: torch.Tensor, looks: Sequence[Look]) -> torch.Tensor:
    """From the sums over the views of each look, (images, looks, classes), to logits, (images, classes)."""
    said = [
        (sums[:, number] / look.views).softmax(dim=1) if look.average == "scores" else sums[:, number] / look.views
        for number, look in enumerate(looks)
    ]
    return logarithm(torch.stack(said).mean(dim=0))


def logarithm(probabilities: torch.Tensor) -> torch.Tensor:
    """Of probabilities in float64; what has become 0 counts as the smallest number above it."""
    return probabilities.clamp_min(_TINY).log()
