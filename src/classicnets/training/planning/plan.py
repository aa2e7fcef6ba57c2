"""What training takes on several devices: hours, memory, exchange and reading, from the trace and a rate."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch

from classicnets.errors import UsageError
from classicnets.inspection.cost.recomputation import StepCosts, step_costs
from classicnets.inspection.counting.macs import macs
from classicnets.inspection.memory.live import live
from classicnets.inspection.memory.training import training_peak
from classicnets.inspection.tracing.trace import Trace
from classicnets.networks.chain import Chain
from classicnets.training.planning.rate import Rate, measured_rate
from classicnets.training.recipe.recipe import Recipe
from classicnets.training.recompute import beside, choose, numbers_kept, precision_of, training_trace
from classicnets.training.scale.strategy import StrategyName

IMAGE_BYTES = 147_897_477_120 / 1_281_167
"""Of a JPEG of ImageNet 2012: its archive of training images by their number."""

IN_MEMORY = 64
"""Images of at most so many pixels a side are held in memory, as the small data sets are."""

_SPARED = 2e9  # bytes


class Job(NamedTuple):
    """What is to be trained, and where.

    Attributes:
        network: without weights.
        recipe: batch, length, optimizer, precision, what is recomputed.
        side: height and width of the images.
        data_size: images in the training set.
        devices: that train together.
        strategy: by which they do.
        link: bytes a second that a device sends, and receives, while all do.
    """

    network: Chain
    recipe: Recipe
    side: tuple[int, int]
    data_size: int
    devices: int
    strategy: StrategyName
    link: float

    @property
    def batch(self) -> int:
        """Images that a device takes at once."""
        return -(-self.recipe.batch_size // (self.devices * self.recipe.accumulate))

    @property
    def images(self) -> tuple[int, int, int, int]:
        """The shape of these."""
        return (self.batch, self.network.input_shape[0], *self.side)

    @property
    def steps(self) -> int:
        """Of the whole run."""
        recipe = self.recipe
        of_epochs = (recipe.epochs or 0) * -(-self.data_size // recipe.batch_size)
        return min(steps for steps in (recipe.steps, of_epochs) if steps)


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Bytes of one device, at most.

    Attributes:
        weights: and buffers.
        average: their moving average, where the recipe keeps one.
        images: of a batch.
        optimizer_state: numbers that the optimizer keeps.
        step: the most that a step holds beside all these: activations, gradients, what operations need meanwhile.
        total: all of it.
    """

    weights: int
    average: int
    images: int
    optimizer_state: int
    step: int
    total: int


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """What a device sends in a step, and receives.

    Attributes:
        gradients: bytes of all gradients.
        sent: bytes.
        seconds: on the link.
    """

    gradients: int
    sent: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What training takes.

    Attributes:
        steps: of the whole run.
        images: that pass in the whole run.
        batch: images that a device takes at once.
        macs: multiply-accumulates of a device in a step, forward and backward, what is recomputed included.
        recomputed: the share of them that is recomputed.
        memory: of a device.
        exchange: between devices.
        step_seconds: of a step, where the exchange hides behind the backward pass as far as it can, and where nothing
            of it does.
        efficiency: images a second by those of as many devices that exchange nothing, the least and the most.
        hours: of the whole run, the least and the most, tests apart.
        images_per_second: of all devices together, the most: what has to be read and decoded.
    """

    steps: int
    images: int
    batch: int
    macs: int
    recomputed: float
    memory: Memory
    exchange: Exchange
    step_seconds: tuple[float, float]
    efficiency: tuple[float, float]
    hours: tuple[float, float]
    images_per_second: float


class Step(NamedTuple):
    """A device's step as traced; ``costs`` are those of its rows."""

    trace: Trace
    costs: StepCosts


def traced(job: Job) -> Step:
    """One step of one device.

    Raises:
        UsageError: fewer images in a batch than devices to share it.
    """
    recipe = job.recipe
    if job.devices * recipe.accumulate > recipe.batch_size:
        raise UsageError(
            f"a batch of {recipe.batch_size} images is too small for {job.devices} devices"
            f" with {recipe.accumulate} pieces each; give a larger --batch"
        )
    found = training_trace(job.network, job.images, aux=recipe.loss.aux_weight > 0, precision=precision_of(recipe))
    return Step(found, step_costs(found, optimizer=numbers_kept(recipe.optimizer)))


def plan(job: Job, step: Step, rate: Rate) -> Plan:
    """Plan a job.

    Args:
        job: to be done.
        step: of the job, `traced`.
        rate: images a second that one device learns from.

    Raises:
        UsageError: the rows to recompute are not the network's, or the memory they shall fit in is too small.
    """
    recipe = job.recipe
    chosen = choose(job.network, step.costs, recipe.recompute, beside=beside(job.network, job.images))
    exchange = _exchange(job, training_peak(step.trace).gradients)
    forward = sum(macs(operation, step.trace.module) for operation in step.trace.forward)
    multiplied = step.costs.macs + chosen.macs
    alone = job.batch * recipe.accumulate / rate.images_per_second
    if chosen.macs and not rate.recomputes:
        alone *= multiplied / step.costs.macs
    # An exchange of gradients can only run while a backward pass, the last one of a step, still makes others.
    backward = alone / recipe.accumulate * (multiplied - forward) / multiplied
    least, most = alone + max(0.0, exchange.seconds - backward), alone + exchange.seconds
    return Plan(
        steps=job.steps,
        images=job.steps * recipe.batch_size,
        batch=job.batch,
        macs=multiplied * recipe.accumulate,
        recomputed=chosen.macs / multiplied,
        memory=_memory(job, step, chosen.peak),
        exchange=exchange,
        step_seconds=(least, most),
        efficiency=(alone / most, alone / least),
        hours=(job.steps * least / 3600, job.steps * most / 3600),
        images_per_second=recipe.batch_size / least,
    )


def measured(job: Job, step: Step, *, seconds: float, tell: Callable[[str], None]) -> Rate:
    """The rate of this machine, by training steps of the job; the network gets weights.

    A processor is spared more images at once than 2 GB can hold: they would be no faster.

    Args:
        job: to be done.
        step: of the job, `traced`.
        seconds: to spend at least.
        tell: is told what is done.

    Raises:
        UsageError: see `choose` and `measured_rate`.
    """
    chosen = choose(job.network, step.costs, job.recipe.recompute, beside=beside(job.network, job.images))
    job.network.recompute(chosen.segments)
    images = job.batch
    while not torch.cuda.is_available() and images > 1 and chosen.peak * images > _SPARED * job.batch:
        images //= 2
    return measured_rate(job.network, job.recipe, (images, *job.images[1:]), seconds=seconds, tell=tell)


def assumptions(job: Job, rate: Rate, decoded: Rate | None) -> Iterator[str]:
    """What the figures of a plan take for granted, a line each."""
    yield f"one device learns from {rate.images_per_second:,.0f} images/s: {rate.source}"
    if rate.batch is not None and rate.batch != job.batch:
        yield f"at {rate.batch} images at once; the plan takes {job.batch} to be as fast an image"
    if job.devices > 1:
        sent = (
            "gradients are summed in a ring" if job.strategy == "ddp" else "weights are gathered twice, gradients once"
        )
        yield f"{sent}, at {job.link / 1e9:g} GB/s each way for every device; other exchange is not counted"
        yield "the best case hides the exchange behind the backward pass, the worst hides nothing"
    yield "memory is what PyTorch's tensors take; workspaces and fragments of the allocator come on top"
    if decoded is not None:
        yield f"one core decodes {decoded.images_per_second:,.0f} images/s: {decoded.source}"
        yield f"an image has {IMAGE_BYTES / 1000:.0f} kB, as ImageNet's have"
    else:
        yield f"images of at most {IN_MEMORY} pixels are held in memory: nothing is decoded"
    yield "tests, checkpoints and the start are not counted"


def _exchange(job: Job, gradients: int) -> Exchange:
    """A ring hands each byte on to all others but one; a gathering or a scattering is half a sum."""
    shares = 2 if job.strategy == "ddp" else 3
    sent = shares * (job.devices - 1) * gradients // job.devices
    return Exchange(gradients=gradients, sent=sent, seconds=sent / job.link)


def _memory(job: Job, step: Step, peak: int) -> Memory:
    parts = training_peak(step.trace, optimizer=numbers_kept(job.recipe.optimizer))
    weights = sum(tensor.nbytes for tensor in (*job.network.parameters(), *job.network.buffers()))
    average = 0 if job.recipe.average is None else weights
    images = beside(job.network, job.images) - weights
    state, within = parts.optimizer_state, peak - parts.optimizer_state
    # Steps of optimizers go over all weights at once: where they decay, that is a copy of the gradients.
    within = max(within, parts.gradients * (2 if job.recipe.optimizer.weight_decay else 1))
    if job.strategy == "fsdp" and job.devices > 1:
        rows = [sum(weight.nbytes for weight in row.parameters()) for _, row in job.network.row_modules()]
        gathered = 2 * max(rows) + max(rows)  # a row that runs, the next that is fetched, the first one's gradients
        activations = max(live(step.trace, {"activation"})) if job.recipe.recompute == "none" else within
        within = activations + gathered + parts.gradients // job.devices
        weights, average, state = (part // job.devices for part in (weights, average, state))
    return Memory(
        weights=weights,
        average=average,
        images=images,
        optimizer_state=state,
        step=within,
        total=weights + average + images + state + within,
    )
