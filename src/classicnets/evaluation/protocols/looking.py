"""Views on their way through a network: forwards of a fixed number of views, filled across images."""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from classicnets.data.batches import normalise
from classicnets.data.images import Images
from classicnets.evaluation.counting import evaluating, must_be_numbers
from classicnets.evaluation.protocols.cost import Forms, Kind
from classicnets.evaluation.protocols.plan import Plan, View
from classicnets.evaluation.protocols.preparing import prepared
from classicnets.evaluation.protocols.sums import Answer, Integers, Sums

_MOST_WAITING = 1 << 28  # bytes of views that wait for others of their size


class _Waiting(NamedTuple):
    """A view of each of some images, and where their sums are."""

    view: View
    places: Integers

    def split(self, count: int) -> "tuple[_Waiting, _Waiting]":
        first, rest = (
            self._replace(view=self.view._replace(pixels=self.view.pixels[part]), places=self.places[part])
            for part in (slice(count), slice(count, None))
        )
        return first, rest


class Queue:
    """Views of one kind that wait until a forward is full."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._waiting: deque[_Waiting] = deque()
        self._count = 0
        self.waiting_bytes = 0

    def put(self, view: View, places: Integers) -> None:
        """Have a view of each of some images wait."""
        self._waiting.append(_Waiting(view, places))
        self._count += len(places)
        self.waiting_bytes += view.pixels.numel()

    @property
    def is_full(self) -> bool:
        """Whether as much waits as one forward takes."""
        return self._count >= self._at_once

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._count

    def take(self) -> list[_Waiting]:
        """As much as one forward takes."""
        taken: list[_Waiting] = []
        room = self._at_once
        while room and self._waiting:
            first = self._waiting.popleft()
            if len(first.places) > room:
                first, rest = first.split(room)
                self._waiting.appendleft(rest)
            taken.append(first)
            room -= len(first.places)
            self._count -= len(first.places)
            self.waiting_bytes -= first.view.pixels.numel()
        return taken


class Looking:
    """A protocol at work on one network.

    Args:
        network: in any mode, on any device.
        plan: the protocol, and how images are prepared.
        classes: how many logits there are.
        at_once: views that pass together; None for as many as `Cost.at_once` says.

    Attributes:
        ran: how many views of each kind have passed.
    """

    def __init__(self, network: Forms, plan: Plan, *, classes: int, at_once: int | None = None) -> None:
        self._network = network
        self._plan = plan
        self._at_once = at_once
        self._sums = Sums(plan.protocol, classes)
        self._queues: dict[Kind, Queue] = {}
        self.ran: Counter[Kind] = Counter()

    def answers(self, images: Images, *, workers: int | None) -> Iterator[Answer]:
        """What is said of the images, each once, as soon as all of its views have been looked at.

        Raises:
            UnreadableImage: an image is none.
            UsageError: the network's output is not a number, or it does not take a size.
        """
        for some in prepared(images, self._plan, workers=workers):
            places = self._sums.begin(some.indices)
            for view in self._plan.views(some):
                kind = Kind(view.dense, (view.pixels.shape[1], view.pixels.shape[2]))
                if kind not in self._queues:
                    self._queues[kind] = Queue(self._at_once or self._network.cost(kind).at_once)
                self._queues[kind].put(view, places)
                while kind in self._queues and self._queues[kind].is_full:
                    yield from self._look(kind)
            yield from self._make_room(_MOST_WAITING)
        yield from self._make_room(0)

    def _make_room(self, most: int) -> Iterator[Answer]:
        """Run forwards that are not full while more than ``most`` bytes of views wait: the fullest ones first."""
        while sum(queue.waiting_bytes for queue in self._queues.values()) > most:
            yield from self._look(max(self._queues, key=lambda kind: self._queues[kind].waiting_bytes))

    def _look(self, kind: Kind) -> Iterator[Answer]:
        waiting = self._queues[kind].take()
        if self._queues[kind].is_empty:
            del self._queues[kind]
        counts = [len(places) for _, places in waiting]
        images = self._images([view for view, _ in waiting])
        self.ran[kind] += len(images)
        found = self._sums.add(
            np.concatenate([places for _, places in waiting]),
            np.repeat([view.look for view, _ in waiting], counts),
            np.repeat([view.weight for view, _ in waiting], counts),
            logits_of(self._network.form(dense=kind.dense), images),
        )
        if found is not None:
            yield found

    def _images(self, views: Sequence[View]) -> torch.Tensor:
        """The views as the network takes them. The mean image is subtracted first and mirrored with its image."""
        pixels = torch.cat([view.pixels for view in views])
        under = [view.mean.expand(len(view.pixels), -1, -1, -1) for view in views if view.mean is not None]
        images = normalise(pixels, self._plan.preprocessing, torch.cat(under) if under else None)
        mirrored = torch.tensor([view.mirrored for view in views])
        mirrored = mirrored.repeat_interleave(torch.tensor([len(view.pixels) for view in views]))
        images[mirrored] = images[mirrored].flip(3)
        return images


def logits_of(network: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """What a network says of images, (views, channels, height, width): float64, on the processor.

    Raises:
        UsageError: it is not a number.
    """
    weight = next(network.parameters())
    with evaluating(network), torch.inference_mode(), torch.autocast(weight.device.type, enabled=False):
        logits: torch.Tensor = network(images.to(weight.device, weight.dtype)).float().cpu()
    must_be_numbers(logits)
    return logits.double()
