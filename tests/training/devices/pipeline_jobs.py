"""What each process does with its stage, beside what it does alone with the whole network."""

import copy
from typing import Any, NamedTuple

import pytest
import torch
import torch.nn.functional as F

from classicnets.errors import UsageError
from classicnets.networks import create
from classicnets.networks.chain import Chain
from classicnets.training.devices.pipeline import pipeline
from tests.training.devices.tower_jobs import distance

IMAGES = 4


class Compared(NamedTuple):
    """How far a pipeline's step is from one process's; loss and logits of the last stage alone."""

    rows: tuple[str, ...]
    loss: float | None
    logits: float | None
    evaluated: float | None
    gradients: dict[str, float]
    statistics: dict[str, float]


def network(name: str, **options: Any) -> Chain:
    torch.manual_seed(3)
    return create(name, num_classes=7, **options).double().train()


def compare(
    name: str,
    *,
    aux_weight: float = 0.0,
    microbatches: int = 2,
    one_by_one: bool = False,
    freeze: str | None = None,
    cuts: list[str] | None = None,
    schedule: str = "1f1b",
    **options: Any,
) -> Compared:
    """A step of the whole network, in one pass or in micro-batches ``one_by_one``, and one of this process's stage."""
    before = network(name, **options).freeze(freeze)
    alone = copy.deepcopy(before)
    generator = torch.Generator().manual_seed(5)
    images = torch.randn(IMAGES, *alone.input_shape, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 7, (IMAGES,), generator=generator)

    torch.manual_seed(11)
    logits, losses = [], []
    for part, answers in zip(*(of.chunk(microbatches if one_by_one else 1) for of in (images, labels)), strict=True):
        found, said = alone.forward_with_aux(part) if aux_weight else (alone(part), {})
        loss = F.cross_entropy(found, answers)
        loss = loss + aux_weight * sum((F.cross_entropy(each, answers) for each in said.values()), torch.tensor(0.0))
        (loss * len(part) / IMAGES).backward()  # type: ignore[no-untyped-call]
        logits.append(found.detach())
        losses.append(loss.item())

    piped = pipeline(
        before,
        batch=IMAGES,
        loss=F.cross_entropy,
        cuts=cuts,
        microbatches=microbatches,
        schedule=schedule,
        aux_weight=aux_weight,
    )
    torch.manual_seed(11)
    result = piped.step(images, labels)
    evaluated = piped.evaluate(images)
    gradients = {path: p.grad for path, p in piped.stage.named_parameters() if p.grad is not None}
    buffers = {path: buffer for path, buffer in piped.stage.named_buffers() if buffer.dtype.is_floating_point}
    theirs = dict(alone.named_parameters())
    assert all((theirs[path].grad is None) == (path not in gradients) for path, _ in piped.stage.named_parameters())
    statistics = dict(alone.named_buffers())
    return Compared(
        rows=piped.stage.rows,
        loss=abs(result.loss.item() / (sum(losses) / len(losses)) - 1) if result else None,
        logits=distance(result.logits, torch.cat(logits)) if result else None,
        evaluated=None if evaluated is None else distance(evaluated, alone.eval()(images).detach()),
        gradients={path: distance(gradient, given(theirs[path].grad)) for path, gradient in gradients.items()},
        statistics={path: distance(buffer, statistics[path]) for path, buffer in buffers.items()},
    )


def given(gradient: torch.Tensor | None) -> torch.Tensor:
    assert gradient is not None
    return gradient


def join_after_steps() -> float:
    """How far gradients of two steps of LeNet-5, joined, are from those of one process; weights must be the same."""
    alone = network("lenet5")
    generator = torch.Generator().manual_seed(5)
    piped = pipeline(copy.deepcopy(alone), batch=IMAGES, loss=F.cross_entropy, microbatches=2, balance="memory")
    for _ in range(2):
        images = torch.randn(IMAGES, *alone.input_shape, generator=generator, dtype=torch.float64)
        labels = torch.randint(0, 7, (IMAGES,), generator=generator)
        F.cross_entropy(alone(images), labels).backward()  # type: ignore[no-untyped-call]
        piped.step(images, labels)
    weights, gradients = piped.join(), piped.join(gradients=True)
    assert weights.keys() == alone.state_dict().keys()
    assert all(torch.equal(weights[name], tensor) for name, tensor in alone.state_dict().items())
    return max(distance(gradients[name], given(p.grad)) for name, p in alone.named_parameters())


def refuse() -> list[str]:
    """What is said of pipelines that cannot be."""
    lenet5 = network("lenet5")
    wrong: list[dict[str, Any]] = [
        {"cuts": ["C1", "C3"]},
        {"cuts": ["C3"], "batch": 10, "microbatches": 4},
        {"cuts": ["C3"], "microbatches": 1},
        {"cuts": ["C3"], "schedule": "zero"},
    ]
    told = []
    for given_so in wrong:
        with pytest.raises(UsageError) as caught:
            pipeline(lenet5, **{"batch": 8} | given_so, loss=F.cross_entropy)
        told.append(str(caught.value))
    piped = pipeline(lenet5, batch=8, loss=F.cross_entropy, cuts=["C3"])
    with pytest.raises(UsageError) as caught:
        piped.step(torch.zeros(5, 1, 32, 32), torch.zeros(5, dtype=torch.int64))
    return [*told, str(caught.value)]
