"""How much memory training takes."""

from typing import NamedTuple, get_args

from classicnets.errors import UsageError, check_choice
from classicnets.inspection.memory.live import live_peak
from classicnets.inspection.modes import Optimizer
from classicnets.inspection.tracing.trace import Storage, Trace

STATE: dict[Optimizer, int] = {"sgd": 0, "momentum": 1, "rmsprop": 1, "adam": 2, "adamw": 2}
"""How many numbers an optimizer keeps for each parameter that learns: no momentum in plain sgd and rmsprop."""


_COPIES: dict[Optimizer, int] = {"sgd": 0, "momentum": 0, "rmsprop": 1, "adam": 2, "adamw": 2}
"""How many tensors like a weight an optimizer makes while it changes that weight."""


class TrainingMemory(NamedTuple):
    """What one training step holds in bytes, images and weights apart.

    Attributes:
        peak: the most at any moment of forward, backward and the optimizer's step, its state included.
        activations: what the forward leaves for the backward.
        gradients: of the weights, all of them at the end of the backward.
        optimizer_state: there all the time, from the second step on.
    """

    peak: int
    activations: int
    gradients: int
    optimizer_state: int


def training_peak(trace: Trace, *, optimizer: Optimizer = "momentum") -> TrainingMemory:
    """What a step of training holds.

    Every step begins without gradients, as `torch.optim.Optimizer.zero_grad` leaves it. The optimizer changes one
    weight after the other, as torch's do by default on a processor; the fused forms make no copies meanwhile, the
    foreach forms copies of all weights at once. Weight decay, left out here, copies the gradient. Frozen parameters
    have neither gradients nor state. What a library takes for itself within an operation is not counted.

    Args:
        trace: of a training step, in the precision that is asked about.
        optimizer: "momentum" is SGD with momentum, as most of the papers train.

    Raises:
        UsageError: there is no such optimizer, or the trace has no backward pass.
    """
    check_choice("optimizer", optimizer, get_args(Optimizer))
    if not trace.training:
        raise UsageError("this trace is of a forward alone: training memory needs one taken with training=True")
    first = next(place for place, operation in enumerate(trace.operations) if operation.backward)
    gradients = [storage.size for storage in trace.storages if storage.held == "gradient"]
    state = STATE[optimizer] * sum(gradients)
    step = sum(gradients) + _COPIES[optimizer] * max(gradients, default=0)
    return TrainingMemory(
        peak=max(live_peak(trace), step) + state,
        activations=sum(storage.size for storage in trace.storages if _is_kept(storage, first)),
        gradients=sum(gradients),
        optimizer_state=state,
    )


def _is_kept(storage: Storage, first: int) -> bool:
    """Whether the forward made it and the backward, from its first operation on, finds it."""
    alive = storage.died is None or storage.died >= first
    return storage.held == "activation" and storage.born < first and alive
