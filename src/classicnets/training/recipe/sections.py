"""The sections of a recipe that decide what is made small, by which steps, at which rate."""

import itertools
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from classicnets.data.settings import Settings

Decay = Annotated[float, Field(ge=0, lt=1)]
Place = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]

_LARGEST_STEP = 1e38  # float32 ends at 3.4e38


class Loss(Settings):
    """What is made small.

    Attributes:
        name: ``cross_entropy``; or LeNet-5's own: ``maximum_a_posteriori`` (equation 9), ``minimum_distance`` (8).
        label_smoothing: the share of the target spread evenly over all classes; cross-entropy only (Inception-v3,
            section 7: 0.1).
        rubbish: the constant j of ``maximum_a_posteriori``.
        aux_weight: what the loss of each auxiliary head is multiplied by before it is added in training (GoogLeNet,
            section 5: 0.3); 0 leaves the heads out. Losses that are shown are the main head's alone.
    """

    name: Literal["cross_entropy", "maximum_a_posteriori", "minimum_distance"] = "cross_entropy"
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    rubbish: float = Field(default=0.1, gt=0)
    aux_weight: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.label_smoothing and self.name != "cross_entropy":
            raise ValueError(f"label_smoothing is of cross_entropy, {self.name} has none")
        return self


class Optimizer(Settings):
    """How a step is taken.

    Attributes:
        name: ``sgd``: stochastic gradient descent with momentum. ``adamw``. ``rmsprop``: TensorFlow's, with which the
            later Inceptions were trained. ``levenberg_marquardt``: LeNet-5's stochastic diagonal one.
        lr: the learning rate at its highest.
        momentum: of sgd and rmsprop.
        nesterov: whether sgd looks ahead.
        velocity: ``plain``: the rate scales sgd's velocity as it moves the weights, as in PyTorch. ``scaled``: it
            scales each gradient as it enters the velocity, as AlexNet's paper (section 5) prints it and Caffe does.
            The two differ for some steps after the rate has changed.
        bias_rate: how many times the rate biases take (Caffe's releases: 2).
        betas: of adamw.
        rho: of rmsprop: the share of the mean square that stays at each step.
        epsilon: of adamw, added to the root; of rmsprop, added under the root.
        damping: of levenberg_marquardt: mu, which keeps the rate of a weight bounded where the loss is flat.
        samples: of levenberg_marquardt: images on which second derivatives are estimated before each epoch.
        weight_decay: of the weights of convolutions and fully connected layers.
        decay_all: decay biases and the scales and shifts of batch normalisation too, as the papers of the time did.
    """

    name: Literal["sgd", "adamw", "rmsprop", "levenberg_marquardt"] = "sgd"
    lr: float = Field(default=0.1, gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    nesterov: bool = False
    velocity: Literal["plain", "scaled"] = "plain"
    bias_rate: float = Field(default=1.0, gt=0)
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    rho: Decay = 0.9
    epsilon: float = Field(default=1e-8, gt=0)
    damping: float = Field(default=0.02, gt=0)
    samples: int = Field(default=500, gt=0)
    weight_decay: float = Field(default=0.0, ge=0)
    decay_all: bool = False

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.name == "sgd" and self.nesterov and self.momentum == 0:
            raise ValueError("nesterov looks ahead along the momentum, which is 0")
        if self.nesterov and self.velocity == "scaled":
            raise ValueError("nesterov is of the plain velocity; leave one of the two out")
        if self.name == "levenberg_marquardt" and self.weight_decay:
            raise ValueError("levenberg_marquardt has no weight_decay")
        divided_by = 1 - self.betas[0] if self.name == "adamw" else 1.0  # in its first step
        if self.lr * max(1.0, self.weight_decay) / divided_by > _LARGEST_STEP:
            raise ValueError(f"with an lr of {self.lr:g} a step is beyond what float32 can hold; take a smaller lr")
        return self


class Schedule(Settings):
    """How the learning rate moves, as a share of the optimizer's ``lr``, over the whole run.

    Places in the run are counted in any unit: ``length`` says how many of them the whole run has. 1 makes them shares
    of the run, 90 epochs of a recipe for 90, 64000 steps of one for so many. A run of another length moves them in
    proportion, so that a paper's schedule shortened by ``--epochs`` ends at the paper's last rate.

    Attributes:
        name: ``constant``; ``step``: times ``factor`` at each milestone; ``cosine``: down to ``final`` along a half
            cosine; ``one_cycle``: up in a straight line until ``rise``, then as cosine; ``exponential``: times
            ``factor`` every ``every``; ``table``: the shares of ``table``, one after the other; ``plateau``: times
            ``factor`` when the test error has not fallen for ``patience``, ``falls`` times at most.
        length: of the run.
        warmup: until where the rate first climbs from ``warmup_from``; not for ``one_cycle``.
        warmup_from: where it climbs from.
        warmup_shape: ``line``: it climbs in a straight line; ``flat``: it stays at ``warmup_from`` (ResNet, section
            4.2: a tenth of the rate for 110 layers).
        milestones: see ``step``; None stands for a half and three quarters of the run.
        factor: see ``step``, ``exponential`` and ``plateau``.
        every: see ``exponential``.
        staircase: whether ``exponential`` falls at once instead of a little at each step.
        table: see ``table``: how long, and which share.
        patience: see ``plateau``; at least one epoch. The error is measured at the end of each.
        falls: see ``plateau``.
        rise: see ``one_cycle``; None stands for 0.3 of the run.
        final: where ``cosine`` and ``one_cycle`` end.
    """

    name: Literal["constant", "step", "cosine", "one_cycle", "exponential", "table", "plateau"] = "cosine"
    length: float = Field(default=1.0, gt=0)
    warmup: float = Field(default=0.0, ge=0)
    warmup_from: float = Field(default=0.0, ge=0, le=1)
    warmup_shape: Literal["line", "flat"] = "line"
    milestones: tuple[Place, ...] | None = None
    factor: float = Field(default=0.1, gt=0, le=1)
    every: float | None = Field(default=None, gt=0)
    staircase: bool = True
    table: tuple[tuple[Positive, Annotated[float, Field(ge=0, le=1)]], ...] = ()
    patience: float | None = Field(default=None, gt=0)
    falls: int = Field(default=3, ge=0)
    rise: float | None = Field(default=None, gt=0)
    final: float = Field(default=0.0, ge=0, le=1)

    @property
    def drops(self) -> tuple[float, ...]:
        """Where ``step`` falls."""
        return (0.5 * self.length, 0.75 * self.length) if self.milestones is None else self.milestones

    @property
    def tops(self) -> float:
        """Where ``one_cycle`` is at its highest."""
        return 0.3 * self.length if self.rise is None else self.rise

    @property
    def ends(self) -> tuple[float, ...]:
        """Where each line of ``table`` ends."""
        return tuple(itertools.accumulate(span for span, _ in self.table))

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.name == "one_cycle" and self.warmup > 0:
            raise ValueError("one_cycle climbs until rise; warmup is for the other schedules")
        for field, needed_by in (("every", "exponential"), ("patience", "plateau"), ("table", "table")):
            if self.name == needed_by and not getattr(self, field):
                raise ValueError(f"{needed_by} needs {field}")
        for field, place in (("warmup", self.warmup), ("rise", self.tops)):
            if place >= self.length:
                raise ValueError(f"{field} is {place:g}, but the run ends at {self.length:g} (length)")
        if any(drop > self.length for drop in self.drops):
            raise ValueError(f"milestones go up to {max(self.drops):g}, but the run ends at {self.length:g} (length)")
        if self.table and abs(self.ends[-1] - self.length) > 1e-6 * self.length:
            raise ValueError(
                f"the lines of table last {self.ends[-1]:g} together, but the run {self.length:g} (length)"
            )
        return self
