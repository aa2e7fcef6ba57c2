"""Residual units whose normalisation, ReLU, convolution and sum come in any order (He et al., ECCV 2016)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from torch import nn

from classicnets.layers.gating import GatedResidual
from classicnets.layers.scaling import Scaling
from classicnets.networks.blocks import NOTHING, StrideIn, one_by_one, three_by_three, where_the_shape_changes
from classicnets.networks.chain import Built, Row, Site
from classicnets.networks.rows import (
    batch_norm,
    convolution,
    dropout,
    identity,
    padded_shortcut,
    relu,
    residual,
    sequence,
)

Activation = Literal[
    "full_preactivation", "original", "bn_after_addition", "relu_before_addition", "relu_only_preactivation"
]
"""The order of the parts of a unit: figure 4 and table 2."""

UnitShortcut = Literal["identity", "constant_scaling", "exclusive_gating", "shortcut_only_gating", "conv1x1", "dropout"]
"""What a unit's shortcut does to the signal: figure 2 and table 1."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """Around each convolution of a branch stand the parts of ``layer``; two places are special.

    Attributes:
        layer: the parts, in order.
        before: the first parts; the units that begin the network or change the shape put them before both ways.
        after: the last parts; they stand after the sum instead of at the end of the branch.
    """

    layer: tuple[str, ...]
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


ORDERS: Mapping[Activation, Order] = {
    "original": Order(layer=("convolution", "norm", "relu"), after=("relu",)),
    "bn_after_addition": Order(layer=("convolution", "norm", "relu"), after=("norm", "relu")),
    "relu_before_addition": Order(layer=("convolution", "norm", "relu")),
    "relu_only_preactivation": Order(layer=("relu", "convolution", "norm"), before=("relu",)),
    "full_preactivation": Order(layer=("norm", "relu", "convolution"), before=("norm", "relu")),
}


@dataclass(frozen=True, kw_only=True)
class Style:
    """How all units of a network are made.

    Attributes:
        activation: the order of their parts.
        shortcut: what it does to the signal.
        pad: whether zeros stand for new channels where the shape changes, instead of a 1x1 convolution.
        shortcut_scale: constant scaling's factor of the shortcut; None stands for 1.
        branch_scale: constant scaling's factor of the branch; None stands for 1.
        dropout: the share that a shortcut's dropout zeroes; None without.
        end: rows that a branch ends in.
    """

    activation: Activation = "full_preactivation"
    shortcut: UnitShortcut = "identity"
    pad: bool = False
    shortcut_scale: float | None = None
    branch_scale: float | None = None
    dropout: float | None = None
    end: Mapping[str, Row] = field(default_factory=dict)

    @property
    def order(self) -> Order:
        """The order of the parts of a unit."""
        return ORDERS[self.activation]


def bottleneck_layers(width: int, stride: int, *, stride_in: StrideIn = "1x1") -> list[Row]:
    """The convolutions of a bottleneck, which four times as many channels leave."""
    first, second = (stride, 1) if stride_in == "1x1" else (1, stride)
    return [one_by_one(width, first), three_by_three(width, second), one_by_one(4 * width)]


def unit(layers: Sequence[Row], channels: int, stride: int, style: Style, *, first: bool = False) -> Row:
    """A residual unit.

    Both ways share the first activation, if it precedes the convolutions, in the network's first unit, where the shape
    changes, and wherever a projection reads it (appendix).

    Args:
        layers: its convolutions, which have the stride.
        channels: of what leaves it.
        stride: of its shortcut.
        style: the network's.
        first: whether it is the network's first.
    """

    def make(site: Site) -> Built:
        changes = stride > 1 or site.channels != channels
        order = style.order
        shared = order.before if first or changes or style.shortcut == "conv1x1" else ()
        before = in_order(shared) if shared else None
        after = in_order(order.after, fresh=True) if order.after else identity()
        branch = _branch(layers, style, shared=len(shared))
        around = _shortcut(style, channels, stride)
        if not style.shortcut.endswith("gating"):
            return residual(branch, around, before=before, after=after)(site)
        gate = convolution(channels, 1, stride=stride)
        exclusive = style.shortcut == "exclusive_gating"
        return _gated(branch, around, gate, exclusive=exclusive, before=before, after=after)(site)

    return make


def in_order(kinds: Sequence[str], *, convolution: Row | None = None, fresh: bool = False) -> Row:
    """Parts of units one after the other; where what arrives is not ``fresh``, somebody else may read it too."""
    parts = {kind: _part(kind, convolution) for kind in kinds}
    if kinds[0] == "relu" and not fresh:
        parts["relu"] = _careful_relu()
    return sequence(**parts)


def last_activation(order: Order) -> Mapping[str, Row]:
    """Where activations precede convolutions, one more follows the last unit (appendix)."""
    return {order.before[0]: in_order(order.before)} if order.before else NOTHING


def _branch(layers: Sequence[Row], style: Style, *, shared: int) -> Row:
    """The convolutions in the style's order, without the parts that stand before both ways or after the sum."""
    order = style.order
    parts: dict[str, Row] = {}
    for number, layer in enumerate(layers, start=1):
        named = {"convolution": f"conv{number}", "norm": f"norm{number}", "relu": f"relu{number}"}
        parts |= {named[kind]: _part(kind, layer) for kind in order.layer}
    names = list(parts)[shared : len(parts) - len(order.after)]
    kept = {name: parts[name] for name in names}
    # The shortcut reads what arrives too, and the sum is written over what leaves.
    kept |= {name: _careful_relu() for name in (names[0], names[-1]) if name.startswith("relu")}
    return sequence(**kept, **style.end, **_scaled(style.branch_scale))


def _shortcut(style: Style, channels: int, stride: int) -> Row:
    """What a unit's shortcut passes through, but for a gate."""
    order = style.order
    # Normalisation follows a projection where it follows the last convolution of the branch.
    follows = order.layer[order.layer.index("convolution") :]
    norm = {"norm": batch_norm()} if "norm" in follows and "norm" not in order.after else NOTHING
    projection = sequence(projection=one_by_one(channels, stride), **norm)
    if style.shortcut == "conv1x1":
        return projection
    changed = where_the_shape_changes(padded_shortcut(channels, stride) if style.pad else projection, channels, stride)
    dropped = {} if style.dropout is None else {"dropout": dropout(style.dropout)}
    then = _scaled(style.shortcut_scale) | dropped
    return sequence(shape=changed, **then) if then else changed


def _part(kind: str, convolution: Row | None) -> Row:
    if kind == "convolution":
        assert convolution is not None, "which convolution?"
        return convolution
    return batch_norm() if kind == "norm" else relu()


def _careful_relu() -> Row:
    """max(0, x) that does not write over what arrives, and whose backward pass reads that, not what leaves."""
    return lambda site: Built(nn.Threshold(0.0, 0.0), site)


def _scaled(factor: float | None) -> dict[str, Row]:
    return {} if factor is None else {"scale": lambda site: Built(Scaling(factor), site)}


def _gated(branch: Row, shortcut: Row, gate: Row, *, exclusive: bool, before: Row | None, after: Row) -> Row:
    def make(site: Site) -> Built:
        shared, site = before(site) if before else Built(nn.Identity(), site)
        inner, out = branch(site)
        around, arrives = shortcut(site)
        weighs, gated = gate(site)
        assert out == arrives == gated, f"branch, shortcut and gate give {out.shape}, {arrives.shape}, {gated.shape}"
        last = after(out).module
        return Built(GatedResidual(inner, around, weighs, exclusive=exclusive, before=shared, after=last), out)

    return make
