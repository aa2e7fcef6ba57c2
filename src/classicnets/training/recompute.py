"""Which rows a recipe has training recompute, so that it holds less memory."""

import re
from collections.abc import Mapping
from math import prod
from typing import Literal

import torch
from torch import nn

from classicnets.errors import UsageError
from classicnets.inspection.cost.recomputation import Recomputation, StepCosts, priced, step_costs
from classicnets.inspection.cost.recomputation_plan import plan_recomputation
from classicnets.inspection.modes import Optimizer as Kept
from classicnets.inspection.modes import Precision
from classicnets.inspection.tracing.recording import trace
from classicnets.inspection.tracing.trace import Trace
from classicnets.inspection.units import size
from classicnets.networks.chain import Chain
from classicnets.training.processor import multiplies_bf16
from classicnets.training.recipe.recipe import Recipe
from classicnets.training.recipe.sections import Optimizer

_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kMGT]i?)B")
_UNITS: Mapping[str, int] = {
    unit + binary: base**power for power, unit in enumerate("kMGT", 1) for binary, base in (("", 1000), ("i", 1024))
}


class WithAux(nn.Module):
    """A network whose forward runs the auxiliary heads too, as training does where they have a loss."""

    def __init__(self, network: Chain) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """What `Chain.forward_with_aux` returns."""
        return self.network.forward_with_aux(images)


def training_trace(network: Chain, images: tuple[int, int, int, int], *, aux: bool, precision: Precision) -> Trace:
    """A training step, without memory.

    Args:
        network: whose rows are traced.
        images: their number, channels, height and width.
        aux: whether auxiliary heads have a loss.
        precision: of the step.
    """
    traced = WithAux(network) if aux and network.aux else network
    return trace(traced, torch.empty(images, device="meta"), training=True, precision=precision)


def recompute(network: Chain, recipe: Recipe, *, images: int) -> Recomputation | None:
    """Have the network recompute what the recipe says.

    Args:
        network: to be trained.
        recipe: with its preprocessing filled in.
        images: that a device takes at once.

    Returns:
        What that costs; None where nothing was asked for.

    Raises:
        UsageError: see `choose`.
    """
    if recipe.recompute == "none":
        network.recompute(())
        return None
    assert recipe.preprocessing is not None, "filled in before the run began"
    batch = (images, network.input_shape[0], *recipe.preprocessing.size)
    traced = training_trace(network, batch, aux=recipe.loss.aux_weight > 0, precision=precision_of(recipe))
    costs = step_costs(traced, optimizer=numbers_kept(recipe.optimizer))
    chosen = choose(network, costs, recipe.recompute, beside=beside(network, batch))
    network.recompute(chosen.segments)
    return chosen


def said(chosen: Recomputation) -> str:
    """What recomputing costs, in a line."""
    return (
        f"recomputing rows: a step holds {size(chosen.peak)} in place of {size(chosen.kept_peak)}"
        f" and has {chosen.share:.0%} more multiply-accumulates"
    )


def choose(network: Chain, costs: StepCosts, how: str, *, beside: int) -> Recomputation:
    """The segments that ``how`` means.

    Args:
        network: the one that the costs are of.
        costs: of a step.
        how: "none"; "auto" for the smallest peak; a size such as "4GB" for the fewest operations with which a step,
            weights and images included, holds no more; or rows, "conv2_x,conv3_x": a segment ends with each of them,
            and what follows the last keeps everything.
        beside: bytes of weights and images.

    Raises:
        UsageError: no such row, rows out of order, a segment that cannot end there, or a size that is too small.
    """
    if how == "none":
        return priced(costs, ())
    if how == "auto":
        return plan_recomputation(costs)
    if (wanted := read_size(how)) is not None:
        if wanted <= beside:
            raise UsageError(f"recompute {how}: the weights and images of {network.name} alone take {size(beside)}")
        return plan_recomputation(costs, budget=wanted - beside)
    ends = [network.rows.index(network.find_row(row.strip())) for row in how.split(",")]
    begins = [0, *(end + 1 for end in ends[:-1])]
    if any(begin > end for begin, end in zip(begins, ends, strict=True)):
        raise UsageError(f"recompute {how}: name rows in their order, each once")
    return priced(costs, [(network.rows[begin], network.rows[end]) for begin, end in zip(begins, ends, strict=True)])


def read_size(text: str) -> int | None:
    """Bytes written as "4GB", "512 MiB"; None for anything else."""
    found = _SIZE.fullmatch(text)
    return int(float(found[1]) * _UNITS[found[2]]) if found else None


def beside(network: Chain, images: tuple[int, int, int, int]) -> int:
    """Bytes of weights, buffers and images."""
    return sum(tensor.nbytes for tensor in (*network.parameters(), *network.buffers())) + 4 * prod(images)


def precision_of(recipe: Recipe) -> Precision:
    """As `inspection` calls it; fp64, of which it knows nothing, counts as fp32."""
    in_bf16 = recipe.precision == "bf16" or (recipe.precision == "auto" and multiplies_bf16())
    return "mixed" if in_bf16 else "float32"


def numbers_kept(optimizer: Optimizer) -> Kept:
    """The optimizer of `inspection` that keeps as many numbers for each parameter."""
    kept: dict[Literal[0, 1, 2], Kept] = {0: "sgd", 1: "momentum", 2: "adam"}
    match optimizer.name:
        case "sgd":
            return kept[1 if optimizer.momentum else 0]
        case "rmsprop":
            return kept[2 if optimizer.momentum else 1]
        case "adamw":
            return kept[2]
        case "levenberg_marquardt":
            return kept[1]
