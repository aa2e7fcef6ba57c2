"""How processes share a network that they train together."""

from typing import Literal

import torch
from lightning.pytorch.strategies import DDPStrategy, ModelParallelStrategy, Strategy
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

from classicnets.errors import UsageError
from classicnets.layers.stochastic_depth import StochasticResidual
from classicnets.networks.chain import Chain
from classicnets.training.recipe.recipe import Recipe
from classicnets.training.scale.world import World

StrategyName = Literal["ddp", "fsdp"]
"""``ddp``: each process holds the whole network and gradients are averaged while they are computed. ``fsdp``: each
holds a share of the weights, gradients and optimizer's values of every row, and fetches a row when it comes to it."""


def strategy_of(name: StrategyName, world: World, network: Chain, recipe: Recipe) -> Strategy | None:
    """Lightning's strategy for the processes of ``world``, None for one that is alone.

    Raises:
        UsageError: the recipe asks for what several processes cannot do.
    """
    if not world.is_shared:
        return None
    if recipe.optimizer.name == "levenberg_marquardt":
        raise UsageError("optimizer.name: levenberg_marquardt looks at images of its own and runs on one process alone")
    if name == "fsdp":
        if recipe.precision == "fp64":
            raise UsageError("--strategy fsdp computes in fp32 or bf16, not in fp64; take ddp, or another precision")
        return ModelParallelStrategy(
            data_parallel_size=world.ranks, tensor_parallel_size=1, save_distributed_checkpoint=False
        )
    # What is left out in a step has no gradients; looking for it costs a walk through the graph.
    some_rest = any(isinstance(part, StochasticResidual) for part in network.modules())
    heads_rest = bool(network.aux) and not recipe.loss.aux_weight
    return DDPStrategy(find_unused_parameters=some_rest or heads_rest, gradient_as_bucket_view=True)


def spread(network: Chain) -> None:
    """Spread the weights of ``network`` over all processes, row by row."""
    network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]  # torch leaves it out of its types
    for _, row in network.row_modules():
        if any(True for _ in row.parameters()):
            fully_shard(row)
    fully_shard(network)
    register_fsdp_forward_method(network, "forward_with_aux")  # else auxiliary heads would be met in parts
