"""Pre-activation ResNets (He, Zhang, Ren, Sun, ECCV 2016, arXiv:1603.05027): x + F(x), and nothing after the sum.

On CIFAR 110 layers of basic blocks (1,727,962 parameters), 164 and 1001 of bottlenecks (1,703,258 and 10,327,706); on
ImageNet 200 layers (64,666,280 parameters). The other orders of table 2 and the shortcuts of table 1 are options.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Literal, get_args

from torch import nn

from classicnets.errors import UsageError, check_choice
from classicnets.layers.initialisation import Initialise, he
from classicnets.networks.blocks import StrideIn, stage, three_by_three
from classicnets.networks.chain import Design, Row, rows
from classicnets.networks.preact_keras import trunk
from classicnets.networks.preact_units import (
    Activation,
    Style,
    UnitShortcut,
    bottleneck_layers,
    in_order,
    last_activation,
    unit,
)
from classicnets.networks.resnet import BOTTLENECK, blocks_a_stage
from classicnets.networks.rows import conv_norm_relu, global_average_pool, linear, max_pool

Kind = Literal["single", "basic", "bottleneck"]
"""A unit of one, two or three convolutions."""

LAYERS: Mapping[Kind, int] = {"single": 1, "basic": 2, "bottleneck": 3}

# 152 layers with 16 bottlenecks more at 28x28 pixels are 200.
BLOCKS = {**BOTTLENECK, 200: (3, 24, 36, 3)}


def preact_resnet_cifar(
    *,
    depth: int,
    block: Kind | None = None,
    activation: Activation = "full_preactivation",
    shortcut: UnitShortcut = "identity",
    shortcut_scale: float | None = None,
    branch_scale: float | None = None,
    gate_bias: float | None = None,
    dropout: float | None = None,
) -> Design:
    """A network of ``depth`` layers: 3n + 2 with single units, 6n + 2 with basic ones, 9n + 2 with bottlenecks.

    Where a unit changes the shape, bottlenecks project by a 1x1 convolution, the others pad with zeros (appendix).

    Args:
        depth: the layers with weights, projections and gates not counted.
        block: ``bottleneck``, ``basic``, or ``single``, the one-layer skip of table 3. None stands for what the paper
            has: bottlenecks from 164 layers on where 9n + 2 fits, else basic blocks.
        activation: the order of the parts of a unit (table 2). Table 1 was measured with ``original``.
        shortcut: what a unit's shortcut does (table 1), whether or not the unit also changes the shape.
            ``constant_scaling``: both ways times constants. ``exclusive_gating``: 1 - g(x) times the shortcut, g(x)
            times the branch, g a 1x1 convolution and a sigmoid. ``shortcut_only_gating``: the shortcut alone so.
            ``conv1x1``: a 1x1 convolution in every unit. ``dropout``: dropout on the shortcut.
        shortcut_scale: of constant scaling, 0.5 if not given; 0 makes a plain network.
        branch_scale: of constant scaling, 0.5 if not given.
        gate_bias: what gates' biases begin with under the paper's first weights; -6 if not given, the paper's best.
        dropout: the share that dropout zeroes, 0.5 if not given.

    Raises:
        UsageError: a depth that no such network has, an unknown choice, or a number that does not go with the shortcut.
    """
    check_choice("activation", activation, get_args(Activation))
    check_choice("shortcut", shortcut, get_args(UnitShortcut))
    style = Style(
        activation=activation,
        shortcut=shortcut,
        shortcut_scale=_number("shortcut_scale", shortcut_scale, 0.5, shortcut, ("constant_scaling",)),
        branch_scale=_number("branch_scale", branch_scale, 0.5, shortcut, ("constant_scaling",)),
        dropout=_number("dropout", dropout, 0.5, shortcut, ("dropout",), allowed=(0, 1)),
    )
    gates = _number("gate_bias", gate_bias, -6.0, shortcut, ("exclusive_gating", "shortcut_only_gating"))
    design = three_stages("preact_resnet", depth, block, style)
    return design if gates is None else replace(design, initialise=_he_with_gates(gates))


def preact_resnet(
    *,
    depth: int,
    blocks: Sequence[int] | None = None,
    activation: Activation = "full_preactivation",
    stride_in: StrideIn = "1x1",
    stem: Literal["7x7", "small"] = "7x7",
    version: Literal["paper", "keras"] = "paper",
) -> Design:
    """A network of bottlenecks for ImageNet.

    Args:
        depth: 50, 101, 152 or 200 layers.
        blocks: how many each of the four stages has, if not those of the depth.
        activation: the order of the parts of a unit (table 2).
        stride_in: the convolution of a bottleneck that has the stride: its first 1x1, or its 3x3.
        stem: ``7x7``, or ``small`` (3x3 without stride or pooling, for images of 32x32 pixels).
        version: ``keras`` is what Keras's weights need, see `preact_keras`; it has none of the other choices.

    Raises:
        UsageError: an option has no such value.
    """
    check_choice("activation", activation, get_args(Activation))
    check_choice("stride_in", stride_in, get_args(StrideIn))
    check_choice("stem", stem, ("7x7", "small"))
    check_choice("version", version, ("paper", "keras"))
    if version == "keras":
        if (activation, stride_in, stem) != ("full_preactivation", "1x1", "7x7"):
            raise UsageError("version keras goes with no other activation, stride_in or stem")
        table = rows(**trunk(blocks_a_stage(BLOCKS, depth, blocks)), average=global_average_pool(), fc=linear())
        return Design(rows=table, input_shape=(3, 224, 224), num_classes=1000)
    style = Style(activation=activation)
    two, three, four, five = blocks_a_stage(BLOCKS, depth, blocks)

    def block(width: int, stride: int) -> Row:
        return unit(bottleneck_layers(width, stride, stride_in=stride_in), 4 * width, stride, style)

    # Unlike on CIFAR the stem keeps an activation of its own: pooling stands between it and the first unit.
    large = rows(
        conv1=conv_norm_relu(64, 7, stride=2),  # 64 x 112 x 112
        pool1=max_pool(3, stride=2, padding=1),  # 64 x 56 x 56
    )
    return Design(
        rows=rows(
            **large if stem == "7x7" else rows(conv1=conv_norm_relu(64, 3)),  # 64 x 56 x 56
            **stage("conv2", two, block, 64),  # 256 x 56 x 56
            **stage("conv3", three, block, 128, stride=2),  # 512 x 28 x 28
            **stage("conv4", four, block, 256, stride=2),  # 1024 x 14 x 14
            **stage("conv5", five, block, 512, stride=2),  # 2048 x 7 x 7
            **last_activation(style.order),  # 2048 x 7 x 7
            average=global_average_pool(),  # 2048
            fc=linear(),  # classes
        ),
        input_shape=(3, 224, 224) if stem == "7x7" else (3, 32, 32),
        num_classes=1000,
    )


def three_stages(series: str, depth: int, kind: Kind | None, style: Style) -> Design:
    """A network for CIFAR of units of that kind and style, with zeros for new channels but in bottlenecks.

    Args:
        series: what the network's name begins with, for messages.
        depth: the layers with weights.
        kind: of the units; None stands for what the paper has.
        style: of the units; ``pad`` is set here.

    Raises:
        UsageError: there is no such depth or kind.
    """
    kind, units = _units_a_stage(series, depth, kind)
    style = replace(style, pad=kind != "bottleneck")

    def block(width: int, stride: int, *, first: bool = False) -> Row:
        if kind == "bottleneck":
            return unit(bottleneck_layers(width, stride), 4 * width, stride, style, first=first)
        layers = [three_by_three(width, stride), three_by_three(width)][: LAYERS[kind]]
        return unit(layers, width, stride, style, first=first)

    order = style.order
    return Design(
        # Bottlenecks end in four times as many channels.
        rows=rows(
            # The activation that precedes the first convolution of a unit stands in the first unit.
            conv1=in_order(order.layer[len(order.before) :], convolution=three_by_three(16)),  # 16 x 32 x 32
            **{**stage("conv2", units, block, 16), "conv2_1": block(16, 1, first=True)},  # 16 x 32 x 32
            **stage("conv3", units, block, 32, stride=2),  # 32 x 16 x 16
            **stage("conv4", units, block, 64, stride=2),  # 64 x 8 x 8
            **last_activation(order),  # 64 x 8 x 8
            average=global_average_pool(),  # 64
            fc=linear(),  # classes
        ),
        input_shape=(3, 32, 32),
        num_classes=10,
    )


def _he_with_gates(bias: float) -> Initialise:
    """He's rule, and that number for the biases of gates."""

    def rule(path: str, module: nn.Module) -> None:
        he(path, module)
        if path.endswith(".gate"):
            assert isinstance(module, nn.Conv2d)
            assert module.bias is not None
            nn.init.constant_(module.bias, bias)

    return rule


def _units_a_stage(series: str, depth: int, kind: Kind | None) -> tuple[Kind, int]:
    """The kind of unit that a depth has, and how many a stage."""
    if kind is not None:
        check_choice("block", kind, get_args(Kind))
    found = _kind_of(depth, kind)
    units, rest = divmod(depth - 2, 3 * LAYERS[found])
    if rest or units < 1:
        below, above = _neighbours(depth, kind)
        formula = "6n + 2, from 164 on 9n + 2 too" if kind is None else f"{3 * LAYERS[kind]}n + 2 with {kind} units"
        raise UsageError(f"{series}{depth}_cifar: the depth is {formula}, n at least 1: take {below} or {above}")
    return found, units


def _kind_of(depth: int, kind: Kind | None) -> Kind:
    if kind is not None:
        return kind
    return "bottleneck" if depth >= 164 and (depth - 2) % 9 == 0 else "basic"


def _neighbours(depth: int, kind: Kind | None) -> tuple[int, int]:
    """The nearest depths that there are, below and above; the first two where there is none below."""

    def fits(other: int) -> bool:
        return other > 2 and (other - 2) % (3 * LAYERS[_kind_of(other, kind)]) == 0

    above = (other for other in count(depth + 1) if fits(other))
    below = next((other for other in range(depth - 1, 2, -1) if fits(other)), None)
    return (next(above), next(above)) if below is None else (below, next(above))


def _number(
    option: str,
    given: float | None,
    usual: float,
    shortcut: UnitShortcut,
    goes_with: Sequence[UnitShortcut],
    *,
    allowed: tuple[float, float] = (-100, 100),
) -> float | None:
    """The number that the shortcut works with, None where it has no use for one."""
    if shortcut not in goes_with:
        if given is not None:
            raise UsageError(f"{option} goes with shortcut {' or '.join(goes_with)}, not with {shortcut}")
        return None
    if given is None:
        return usual
    least, most = allowed
    if isinstance(given, bool) or not isinstance(given, int | float) or not least <= given <= most:
        raise UsageError(f"{option} must be a number from {least} to {most}, not {given!r}")
    return float(given)
