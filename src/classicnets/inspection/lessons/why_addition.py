"""Why residual units add: the identity in the gradient (the pre-activation paper, sections 2 and 3)."""

import math
from typing import Any, NamedTuple

import torch
from torch import nn

from classicnets.inspection.inspection import Inspection
from classicnets.inspection.lessons.form import (
    Column,
    Lesson,
    LessonTable,
    Progress,
    counted,
    table,
    text,
    times,
)
from classicnets.inspection.lessons.gradients import IMAGES, SEED, Step, first_step
from classicnets.inspection.lessons.sources import claim, look_at, result
from classicnets.inspection.memory.live import live_peak
from classicnets.layers.gating import GatedResidual
from classicnets.layers.residual import Residual
from classicnets.networks.blocks import basic
from classicnets.networks.chain import Row
from classicnets.networks.rows import branches, identity, residual

_DEPTH = 110
_UNITS = (_DEPTH - 2) // 6  # a stage
_SHOWN = (1, 6, 12, _UNITS)  # of each stage
_NETWORKS = {
    "plain": f"plain{_DEPTH}_cifar",
    "residual": f"resnet{_DEPTH}_cifar",
    "pre-activation": f"preact_resnet{_DEPTH}_cifar",
}
_UNITS_JOINED = (1, 3, 9, 18)

# What is written of a shortcut, its options, and the name of its result in the paper, if it has one.
_IDENTITY = ("identity", "original (table 1)")
_OTHERS: tuple[tuple[str, dict[str, Any], str | None], ...] = (
    ("both ways x 0.5", {"shortcut": "constant_scaling"}, "constant scaling, shortcut 0.5, branch 0.5"),
    ("gate, bias 0", {"shortcut": "shortcut_only_gating", "gate_bias": 0}, "shortcut-only gating, initial bias 0"),
    ("gate, bias -6", {"shortcut": "shortcut_only_gating", "gate_bias": -6}, "shortcut-only gating, initial bias -6"),
    ("exclusive gate, -6", {"shortcut": "exclusive_gating", "gate_bias": -6}, "exclusive gating, initial bias -6"),
    ("1x1 convolution", {"shortcut": "conv1x1"}, "1x1 convolution on every shortcut"),
    ("dropout of 0.5", {"shortcut": "dropout"}, None),
)


class _Shortcut(NamedTuple):
    """A kind of shortcut in a real network.

    Attributes:
        name: what is written of it.
        factors: of each unit that keeps the shape, in order, what its shortcut lets through.
        ratio: the gradient at the first unit over that at the last.
        error: the paper's, in percent; None where it says that the network fails.
    """

    name: str
    factors: list[float]
    ratio: float
    error: float | None

    def product(self, units: int | None = None) -> float:
        """What is left after so many shortcuts, by default all."""
        return math.prod(self.factors[:units])


def lesson(progress: Progress) -> Lesson:
    """The lesson."""
    steps = 3 + len(_OTHERS)
    nets = {}
    for done, (name, network) in enumerate(_NETWORKS.items(), start=1):
        nets[name] = first_step(network)
        progress(done, steps)
    plain, residuals, preactivated = nets.values()
    shortcuts = [_measured(*_IDENTITY, residuals)]
    for done, (name, options, model) in enumerate(_OTHERS, start=1 + len(nets)):
        step = first_step(_NETWORKS["pre-activation"], activation="original", **options)
        shortcuts.append(_measured(name, model, step))
        progress(done, steps)
    joined = {units: _joined(units) for units in _UNITS_JOINED}
    first, near, last = (f"conv2_{unit}" for unit in (1, _SHOWN[-2], _UNITS))
    of = {shortcut.name: shortcut for shortcut in shortcuts}
    halved, gated, exclusive = of["both ways x 0.5"], of["gate, bias -6"], of["exclusive gate, -6"]
    added, concatenated = joined[_UNITS]
    grown = {name: step.norm(first) / step.norm(last) for name, step in nets.items()}
    return Lesson(
        topic="why-addition",
        title="Why residual units add",
        question="y = x + F(x): why a sum, and not a product, a gate or a concatenation?",
        tables=(
            *_by_depth(nets),
            _by_unit(preactivated),
            _by_shortcut(shortcuts),
            _costs(joined),
        ),
        conclusions=(
            "The gradient of x + F(x) is the gradient that arrives, plus what comes through F: the first term reaches"
            f" every earlier unit as it is. {_UNITS - _SHOWN[-2]} units before the end of a stage the gradients still"
            f" have a cosine of {preactivated.cosine(near, last):.2f} with the last one where units are pre-activated,"
            f" {_UNITS - 1} units before {preactivated.cosine(first, last):.2f}; without shortcuts"
            f" {abs(plain.cosine(near, last)):.2f} and {abs(plain.cosine(first, last)):.2f}: nothing of it is left.",
            f"With batch normalisation the plain network's gradients do not vanish: over these {_UNITS - 1} units they"
            f" become {times(grown['plain'])} as long on the way to the image, the residual one's"
            f" {times(grown['residual'])}.",
            f"A factor on the shortcut counts once for each unit: 0.5 leaves {halved.product():.1e} after"
            f" {len(halved.factors)} units, a gate whose bias begins at -6 {gated.product():.2f}, the identity"
            f" {of['identity'].product():g}; a 1x1 convolution turns all of it into other directions. The exclusive"
            f" gate lets {exclusive.product():.2f} through, but takes from the branch what it gives to the shortcut.",
            f"Concatenation keeps x too, but every later unit reads all earlier maps: after {_UNITS} units"
            f" {concatenated.rows[-1].output[0]} maps for {added.rows[-1].output[0]},"
            f" {times(concatenated.parameters / added.parameters)} the parameters and"
            f" {times(live_peak(concatenated.trace) / live_peak(added.trace))} the live peak.",
        ),
        papers=(
            claim("preact_resnet110_cifar", "Where shortcuts are the identity"),
            claim("preact_resnet110_cifar", "Scaling, gating"),
        ),
    )


def _by_depth(nets: dict[str, Step]) -> tuple[LessonTable, LessonTable]:
    """The lengths of gradients, and how alike they are to the last one of their stage."""
    places = [(f"conv{stage}_{unit}", f"conv{stage}_{_UNITS}") for stage in (2, 3, 4) for unit in _SHOWN]
    lengths = table(
        f"{_DEPTH} layers at first weights, {IMAGES} images: the length of the gradient",
        (text("after"), *(Column(name, "scientific") for name in nets)),
        [(row, *(step.norm(row) for step in nets.values())) for row, _ in places],
    )
    cosines = table(
        "Its cosine with the gradient at the end of the stage: 1 in the same direction, 0 unrelated",
        (text("after"), *(Column(name, "decimal") for name in nets)),
        [(row, *(step.cosine(row, end) for step in nets.values())) for row, end in places],
    )
    return lengths, cosines


def _by_unit(step: Step) -> LessonTable:
    columns = (
        text("unit"),
        Column("arrives", "scientific"),
        Column("through F", "scientific"),
        Column("leaves", "scientific"),
        Column("leaves less their sum", "scientific"),
    )
    names = [f"conv{stage}_{unit}" for stage in (2, 3, 4) for unit in (2, _UNITS)]
    return table(
        "The same for single units of the pre-activation network: the gradient that arrives at x + F(x), and at x",
        columns,
        [(name, *_through(step, name)) for name in names],
    )


def _through(step: Step, name: str) -> tuple[float, float, float, float]:
    """Lengths of the gradient at a unit's sum, of what comes through its branch, at its input, and of what is left."""
    unit = step.network.get_submodule(name)
    assert isinstance(unit, Residual)
    arrives = step.gradients[name]
    stage, number = name.split("_")
    read = step.outputs[f"{stage}_{int(number) - 1}"].clone().requires_grad_()
    with torch.enable_grad():
        (whole,) = torch.autograd.grad(unit(read), read, arrives)
        (branch,) = torch.autograd.grad(unit.branch(unit.before(read)), read, arrives)
    return (
        float(arrives.norm()),
        float(branch.norm()),
        float(whole.norm()),
        float((whole - arrives - branch).norm()),
    )


def _measured(name: str, model: str | None, step: Step) -> _Shortcut:
    rows = [row for row in step.network.rows if row.startswith("conv") and row != "conv1"]
    before = dict(zip(rows[1:], rows, strict=False))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        factors = [
            _factor(unit, step.outputs[before[row]])
            for row, unit in step.network.row_modules()
            if row in before
            and isinstance(unit, Residual)
            and step.outputs[row].shape == step.outputs[before[row]].shape
        ]
    error = (
        result(_NETWORKS["pre-activation"], f"ResNet-{_DEPTH}, {model}", "top-1 error", "CIFAR-10 test").value
        if model
        else None
    )
    return _Shortcut(name, factors, step.norm(rows[0]) / step.norm(rows[-1]), error)


@torch.no_grad()
def _factor(unit: Residual, arrives: torch.Tensor) -> float:
    """How much of what arrives leaves the shortcut as it was: the length of the one along the other.

    Of dropout it is the share that is kept, whose values our layer scales up and the paper's does not.
    """
    leaves = unit.shortcut(arrives)
    if any(isinstance(part, nn.Dropout) for part in unit.shortcut.modules()):
        return float(leaves.count_nonzero() / arrives.count_nonzero())
    if isinstance(unit, GatedResidual):
        leaves = (1 - torch.sigmoid(unit.gate(arrives))) * leaves
    return abs(float((leaves * arrives).sum() / (arrives * arrives).sum()))


def _by_shortcut(shortcuts: list[_Shortcut]) -> LessonTable:
    units = len(shortcuts[0].factors)
    columns = (
        text("shortcut"),
        Column("factor, mean", "scientific"),
        Column(f"product of {_UNITS - 1}", "scientific"),
        Column(f"product of {units}", "scientific"),
        Column("gradient, first / last", "scientific"),
        Column("error", "percent"),
    )
    return table(
        f"What shortcuts let through: {_DEPTH} layers, ReLU after the sum; CIFAR-10 errors of the paper",
        columns,
        [
            (
                shortcut.name,
                sum(shortcut.factors) / units,
                shortcut.product(_UNITS - 1),
                shortcut.product(),
                shortcut.ratio,
                "fails" if shortcut.error is None else shortcut.error,
            )
            for shortcut in shortcuts
        ],
    )


def _joined(units: int) -> tuple[Inspection, Inspection]:
    """So many units on 16 maps whose ways are added, and whose ways are concatenated."""
    added = residual(basic(16, 1), identity())
    concatenated: Row = branches(kept=identity(), branch=basic(16, 1))
    both = (added, concatenated)
    shape = (16, 32, 32)
    first, second = (look_at(shape, **{f"unit{number}": row for number in range(1, units + 1)}) for row in both)
    return first, second


def _costs(joined: dict[int, tuple[Inspection, Inspection]]) -> LessonTable:
    columns = (
        counted("units"),
        text("ways are"),
        counted("maps that leave"),
        counted("parameters"),
        Column("MACs", "short"),
        Column("live peak", "bytes"),
    )
    return table(
        "Units of two 3x3 convolutions of 16 maps, 32x32 pixels",
        columns,
        [
            (units, how, found.rows[-1].output[0], found.parameters, found.macs, live_peak(found.trace))
            for units, both in joined.items()
            for how, found in zip(("added", "concatenated"), both, strict=True)
        ],
    )
