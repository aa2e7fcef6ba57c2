"""Top-1 and top-5 error: exact counts, and how far they can be trusted."""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import nn

from classicnets.data.batches import Batches
from classicnets.errors import UsageError

_TOP = 5
Z_95 = 1.959963984540054  # the normal quantile that leaves 2.5% on either side


def interval(errors: int, images: int) -> tuple[float, float]:
    """The 95% interval of an error rate, in percent: Wilson's score interval (JASA 22, 1927).

    Args:
        errors: 0 to ``images``.
        images: 1 or more.
    """
    share = errors / images
    spread = Z_95**2 / images
    centre = (share + spread / 2) / (1 + spread)
    half = Z_95 * math.sqrt(share * (1 - share) / images + spread / (4 * images)) / (1 + spread)
    # The rate itself lies within; by rounding, a rate of 0 or 1 could come to lie outside.
    return 100 * min(share, max(0.0, centre - half)), 100 * max(share, min(1.0, centre + half))


class Outcome(NamedTuple):
    """What became of some images: the columns of an `Evaluation`."""

    labels: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]
    probability: npt.NDArray[np.float32]
    in_top5: npt.NDArray[np.bool_]
    losses: npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What a network said of each of some images, each image counted once.

    Attributes:
        classes: the names of the classes.
        labels: the right class of each image.
        predicted: the class with the largest logit; of equal ones the first.
        probability: the softmax probability of the predicted class.
        in_top5: whether the right class is among the five largest logits, ties decided likewise. With five classes
            or fewer it always is.
        losses: the cross-entropy of each image.
    """

    classes: tuple[str, ...]
    labels: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]
    probability: npt.NDArray[np.float32]
    in_top5: npt.NDArray[np.bool_]
    losses: npt.NDArray[np.float32]

    @property
    def loss(self) -> float:
        """Mean cross-entropy."""
        return float(self.losses.mean(dtype=np.float64))

    @property
    def images(self) -> int:
        """How many images were counted."""
        return len(self.labels)

    @property
    def top1_errors(self) -> int:
        """Images whose class is not the predicted one."""
        return int(np.count_nonzero(self.predicted != self.labels))

    @property
    def top5_errors(self) -> int:
        """Images whose class is not among the five likeliest."""
        return int(np.count_nonzero(~self.in_top5))

    @property
    def top1_error(self) -> float:
        """Percent."""
        return 100 * self.top1_errors / self.images

    @property
    def top5_error(self) -> float:
        """Percent."""
        return 100 * self.top5_errors / self.images

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% interval of the top-1 error, percent."""
        return interval(self.top1_errors, self.images)

    @property
    def confusion(self) -> npt.NDArray[np.int64]:
        """Counts, (classes, classes): rows are the right class, columns the predicted one."""
        counts = np.zeros((len(self.classes), len(self.classes)), dtype=np.int64)
        np.add.at(counts, (self.labels, self.predicted), 1)
        return counts

    def per_class(self) -> list[dict[str, Any]]:
        """For each class that has images: its name, images, errors, top-1 error in percent and the 95% interval."""
        confusion = self.confusion
        return [
            {
                "class": name,
                "images": int(row.sum()),
                "errors": int(row.sum() - row[index]),
                "top1_error": 100 * float(row.sum() - row[index]) / int(row.sum()),
                "interval": list(interval(int(row.sum() - row[index]), int(row.sum()))),
            }
            for index, (name, row) in enumerate(zip(self.classes, confusion, strict=True))
            if row.sum()
        ]


def evaluate_network(
    network: nn.Module,
    batches: Batches,
    classes: tuple[str, ...],
    *,
    progress: Callable[[int], None] = lambda images: None,
) -> Evaluation:
    """Run every image of ``batches`` through ``network`` in evaluation mode, in float32; its mode is put back.

    Args:
        network: (N, C, H, W) -> (N, len(classes)) logits.
        batches: goes through each image once.
        classes: the names of the classes.
        progress: told the number of images after each batch.

    Raises:
        UsageError: the network's output is not a number.
    """
    weight = next(network.parameters())
    device, kind = weight.device, weight.dtype
    outcomes = []
    with evaluating(network), torch.inference_mode(), torch.autocast(device.type, enabled=False):
        for batch in batches:
            logits = network(batch.images.to(device, kind)).float().cpu()
            must_be_numbers(logits)
            outcomes.append(outcome(logits, batch.labels))
            progress(len(batch.labels))
    return gathered(outcomes, classes)


def outcome(logits: torch.Tensor, labels: torch.Tensor) -> Outcome:
    """What becomes of some images.

    Args:
        logits: (images, classes), or logarithms of probabilities.
        labels: int64, (images,): the right classes.
    """
    predicted = logits.argmax(dim=1)
    probability = logits.softmax(dim=1).gather(1, predicted[:, None])[:, 0]
    right = logits.gather(1, labels[:, None])
    comes_first = torch.arange(logits.shape[1]) < labels[:, None]
    rank = ((logits > right) | ((logits == right) & comes_first)).sum(dim=1)
    losses = F.cross_entropy(logits, labels, reduction="none")
    return Outcome(
        labels.numpy(),
        predicted.numpy(),
        probability.float().numpy(),
        (rank < _TOP).numpy(),
        losses.float().numpy(),
    )


def gathered(outcomes: Iterable[Outcome], classes: tuple[str, ...]) -> Evaluation:
    """All outcomes as one; there may be none."""
    none = outcome(torch.zeros(0, 1), torch.zeros(0, dtype=torch.int64))
    columns = (np.concatenate(column) for column in zip(none, *outcomes, strict=True))
    return Evaluation(classes=classes, **Outcome(*columns)._asdict())


def must_be_numbers(logits: torch.Tensor) -> None:
    """Make sure that every logit is a number: where one is not, no class is the likeliest.

    Raises:
        UsageError: one is not.
    """
    if torch.isnan(logits).any():
        raise UsageError(
            "the network's output is not a number: its weights are damaged, or come from training that diverged"
        )


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluation mode while the block runs; afterwards each module is in the mode that it was in."""
    before = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, was_training in before:
            module.training = was_training
