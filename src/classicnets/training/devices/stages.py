"""What a pipeline costs: what each stage holds and computes, what crosses between them, how long devices wait."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from classicnets.errors import UsageError
from classicnets.inspection.modes import Optimizer
from classicnets.inspection.terminal import table
from classicnets.inspection.units import count, shape, short, size
from classicnets.networks.chain import Chain
from classicnets.training.devices.cuts import (
    Balance,
    Stage,
    balanced_cuts,
    bubble,
    microbatches_held,
    row_costs,
    stages,
)

if TYPE_CHECKING:
    from rich.console import RenderableType


class StageLoad(NamedTuple):
    """What one device of a pipeline has to carry in a training step.

    Attributes:
        stage: from 0.
        rows: the first and the last.
        parameters: trainable numbers.
        macs: of a forward pass for one image.
        border: shape of what goes to the next stage, for one image; () for the last.
        sent: bytes that go there for the batch; as many come back as gradients.
        held_gpipe: bytes of weights, gradients, momentum and the activations of the whole batch.
        held_1f1b: the same with the activations of the micro-batches that are under way at once.
    """

    stage: int
    rows: tuple[str, str]
    parameters: int
    macs: int
    border: tuple[int, ...]
    sent: int
    held_gpipe: int
    held_1f1b: int


@dataclass(frozen=True, kw_only=True)
class Staged:
    """A network cut into a pipeline, in figures.

    Attributes:
        network: its name.
        batch: images a step.
        microbatches: parts of it.
        cuts: the rows that end a stage, the last stage's left out.
        stages: in order.
        bubble: the share of a step in which a device waits, were all stages equally slow.
        idle: the same where a stage takes as long as its multiply-accumulates say, the mean of all devices.
    """

    network: str
    batch: int
    microbatches: int
    cuts: tuple[str, ...]
    stages: tuple[StageLoad, ...]
    bubble: float
    idle: float

    def to_dict(self) -> dict[str, Any]:
        """All figures in lists and dictionaries."""
        return {
            "network": self.network,
            "batch": self.batch,
            "microbatches": self.microbatches,
            "cuts": list(self.cuts),
            "bubble": self.bubble,
            "idle": self.idle,
            "stages": [stage._asdict() for stage in self.stages],
        }

    def remarks(self) -> list[str]:
        """What the table does not say."""
        return [
            f"{self.batch} images in {self.microbatches} micro-batches: a device waits {self.bubble:.1%} of a step if"
            f" all stages take equally long, {self.idle:.1%} by these MACs",
            "memory in training: weights, gradients, momentum, activations kept for the backward; float32",
        ]

    def __rich__(self) -> "RenderableType":
        figures = ("parameters", "MACs, one image", "sends", "a step, each way", "gpipe holds", "1f1b holds")
        made = table("stage", "rows", *figures, numbers=figures)
        for stage in self.stages:
            first, last = stage.rows
            made.add_row(
                str(stage.stage),
                first if first == last else f"{first} to {last}",
                count(stage.parameters),
                short(stage.macs),
                shape(stage.border),
                size(stage.sent) if stage.sent else "",
                size(stage.held_gpipe),
                size(stage.held_1f1b),
            )
        return made


def staged(
    network: Chain,
    number: int = 2,
    *,
    cuts: Sequence[str] | None = None,
    balance: Balance = "macs",
    batch: int = 128,
    microbatches: int = 8,
    optimizer: Optimizer = "momentum",
) -> Staged:
    """Figures of a pipeline in float32, auxiliary heads left out.

    Args:
        network: with or without weights.
        number: of stages, where cuts are to be found.
        cuts: the rows that end a stage, the last stage's left out.
        balance: what the stages shall have alike, where cuts are to be found.
        batch: images a step.
        microbatches: parts of it.
        optimizer: whose state a device holds.

    Raises:
        UsageError: the cuts are not rows in order, there are too many stages, or the batch cannot be divided so.
    """
    if microbatches < 1 or batch % microbatches:
        raise UsageError(f"{batch} images cannot be divided into {microbatches} micro-batches of the same size")
    if cuts is None:
        cuts = balanced_cuts(network, number, by=balance, batch=batch, optimizer=optimizer)
    found = stages(network, cuts, costs=row_costs(network))
    part = batch // microbatches

    def load(place: int, stage: Stage) -> StageLoad:
        at_once = microbatches_held(place, len(found), microbatches, "1f1b")
        return StageLoad(
            stage=place,
            rows=(stage.rows[0], stage.rows[-1]),
            parameters=stage.parameters,
            macs=stage.macs,
            border=network.sites[stage.rows[-1]].shape if place < len(found) - 1 else (),
            sent=batch * stage.border,
            held_gpipe=stage.held(batch, optimizer=optimizer),
            held_1f1b=stage.held(part * at_once, optimizer=optimizer),
        )

    return Staged(
        network=network.name,
        batch=batch,
        microbatches=microbatches,
        cuts=tuple(network.find_row(cut) for cut in cuts),
        stages=tuple(load(place, stage) for place, stage in enumerate(found)),
        bubble=bubble(len(found), microbatches),
        idle=idle([stage.macs for stage in found], microbatches),
    )


def idle(times: Sequence[int], microbatches: int) -> float:
    """The share of a step that devices wait, on the mean, where stages take these times a micro-batch.

    The slowest stage works on one micro-batch after the other; before its first and after its last the others pass one
    through. With equal times that is `bubble`.
    """
    whole = sum(times) + (microbatches - 1) * max(times)
    return 1 - microbatches * sum(times) / (len(times) * whole)
