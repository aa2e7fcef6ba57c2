"""Protocols carried out: errors, and what they cost."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from classicnets.data.batches import Batches
from classicnets.data.images import Images
from classicnets.data.pipeline import batches
from classicnets.evaluation.counting import Evaluation, Outcome, evaluate_network, gathered, outcome
from classicnets.evaluation.protocols.cost import Forms, Kind
from classicnets.evaluation.protocols.looking import Looking, logits_of
from classicnets.evaluation.protocols.plan import Plan
from classicnets.evaluation.protocols.protocol import Protocol
from classicnets.evaluation.protocols.sums import Answer, logarithm
from classicnets.weights.bundle import Bundle

_CENTERS_AT_ONCE = 256
_ANSWERS_AT_ONCE = 1024  # of an ensemble, when its probabilities become outcomes

Told = Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class Tested:
    """What a protocol found.

    Attributes:
        protocol: its name.
        evaluation: what became of each image.
        views: views of an image, as the protocol states them.
        macs: multiply-accumulates an image, of all networks; the mean over the images, whose shapes may differ. Views
            of an image that are equal pass once.
        images_per_second: with reading and preparing them.
    """

    protocol: str
    evaluation: Evaluation
    views: int
    macs: int
    images_per_second: float


class Member:
    """One network to be tested, alone or with others.

    Args:
        bundle: the network with its preprocessing.
        at_once: views that pass together; None for as many as fit in a gibibyte of activations, and 256 of the
            protocol ``center``. The result does not depend on it.
        workers: processes that read image files.

    Attributes:
        ran: how many views of each kind have passed since `answers` or `evaluation` was last called.
    """

    def __init__(self, bundle: Bundle, *, at_once: int | None = None, workers: int | None = None) -> None:
        self.bundle = bundle
        self.network = Forms(bundle.network)
        self.ran: Counter[Kind] = Counter()
        self._at_once = at_once
        self._workers = workers

    def check(self, protocol: Protocol) -> None:
        """Make sure that the network can be tested so.

        Raises:
            UsageError: it cannot run as one convolution, or not on images of such sizes.
        """
        plan = Plan(protocol=protocol, preprocessing=self.bundle.preprocessing)
        plan.check()
        for look, boxes in plan.boxes.items():
            if look.crops == "dense":
                self.network.cost(Kind(True, min(boxes)))

    def answers(self, images: Images, protocol: Protocol) -> Iterator[Answer]:
        """What is said of each image, in any order.

        Raises:
            UnreadableImage: an image is none.
            UsageError: the network's output is not a number.
        """
        if not protocol.looks:
            yield from self._answers_to_centers(images)
            return
        looking = Looking(
            self.network,
            Plan(protocol=protocol, preprocessing=self.bundle.preprocessing),
            classes=len(self.bundle.classes),
            at_once=self._at_once,
        )
        self.ran = looking.ran
        yield from looking.answers(images, workers=self._workers)

    def center(self, images: Images, progress: Told) -> Evaluation:
        """The evaluation by the protocol ``center``."""
        self.ran = self._kind_of_center(images)
        return evaluate_network(self.bundle.network, self._centers(images), self.bundle.classes, progress=progress)

    def _answers_to_centers(self, images: Images) -> Iterator[Answer]:
        self.ran = self._kind_of_center(images)
        for batch in self._centers(images):
            logits = logits_of(self.bundle.network, batch.images)
            yield Answer(batch.indices.numpy(), logits.log_softmax(dim=1))

    def _centers(self, images: Images) -> Batches:
        size = self._at_once or _CENTERS_AT_ONCE
        return batches(images, self.bundle.preprocessing, batch_size=size, workers=self._workers)

    def _kind_of_center(self, images: Images) -> Counter[Kind]:
        return Counter({Kind(False, self.bundle.preprocessing.size): len(images)})


def run(
    members: Sequence[Member],
    images: Images,
    protocol: Protocol,
    *,
    progress: Told = lambda images: None,
) -> Tested:
    """Test a network, or several whose probabilities are averaged, by a protocol.

    Args:
        members: one or more, of the same classes; each prepares the images in its own way.
        images: one or more.
        protocol: what to look at; `Member.check` tells whether a network can be.
        progress: told how many images a network is done with.

    Raises:
        UnreadableImage: an image is none.
        UsageError: a network's output is not a number.
    """
    started = time.perf_counter()
    if len(members) == 1 and not protocol.looks:
        evaluation = members[0].center(images, progress)
    else:
        evaluation = _evaluation(_averaged(members, images, protocol, progress), images, members[0].bundle.classes)
    seconds = time.perf_counter() - started
    return Tested(
        protocol=protocol.name,
        evaluation=evaluation,
        views=protocol.views,
        macs=round(sum(member.network.macs(member.ran) for member in members) / len(images)),
        images_per_second=len(images) / seconds,
    )


def _averaged(members: Sequence[Member], images: Images, protocol: Protocol, progress: Told) -> Iterator[Answer]:
    """What all members say together: the mean of their softmax (AlexNet's paper, section 6, and those after it)."""
    if len(members) == 1:
        yield from _told(members[0].answers(images, protocol), progress)
        return
    total = torch.zeros(len(images), len(members[0].bundle.classes), dtype=torch.float64)
    for member in members:
        for answer in _told(member.answers(images, protocol), progress):
            total[torch.from_numpy(answer.indices)] += answer.logits.exp()
    everywhere = np.arange(len(images))
    for start in range(0, len(images), _ANSWERS_AT_ONCE):
        part = slice(start, start + _ANSWERS_AT_ONCE)
        yield Answer(everywhere[part], logarithm(total[part] / len(members)))


def _told(answers: Iterable[Answer], progress: Told) -> Iterator[Answer]:
    for answer in answers:
        yield answer
        progress(len(answer.indices))


def _evaluation(answers: Iterable[Answer], images: Images, classes: tuple[str, ...]) -> Evaluation:
    """The outcomes in the order of the images."""
    indices, outcomes = [], []
    for answer in answers:
        indices.append(answer.indices)
        outcomes.append(outcome(answer.logits, torch.from_numpy(images.labels[answer.indices])))
    order = np.argsort(np.concatenate(indices))
    assert np.array_equal(np.concatenate(indices)[order], np.arange(len(images))), "each image is answered for once"
    return gathered([Outcome(*(np.concatenate(column)[order] for column in zip(*outcomes, strict=True)))], classes)
