"""Any network cut at rows into a pipeline of processes, by torch.distributed.pipelining.

A batch passes in micro-batches: while one stage works on one of them, the stage before works on the next. The loss is
the mean of the micro-batches' losses, which is that of the batch. Outputs, loss and gradients equal those of one
process, but for batch normalisation: it takes the statistics of each micro-batch, as gradient accumulation does, and
moves its running averages once for each of them. Stochastic depth draws anew in each stage.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Self, get_args

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.pipelining import PipelineStage, Schedule1F1B, ScheduleGPipe

from classicnets.errors import UsageError, check_choice
from classicnets.networks.chain import Chain
from classicnets.training.devices.cuts import Balance, Schedule, balanced_cuts, cut_places
from classicnets.training.devices.masks import Masks

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""The mean loss of some images, told logits (N, classes) and labels."""

_SCHEDULES = {"gpipe": ScheduleGPipe, "1f1b": Schedule1F1B}


class Result(NamedTuple):
    """What a step gives on the last stage.

    Attributes:
        loss: of the batch.
        logits: (images, classes).
    """

    loss: torch.Tensor
    logits: torch.Tensor


class StageModule(nn.Module):
    """Some rows of a network under their own names; the weights stay the network's, the modules are copies.

    What the auxiliary heads say, where they are wanted, goes along from stage to stage: the last one knows the labels.

    Args:
        network: the whole.
        rows: of this stage.
        with_aux: run the auxiliary heads of these rows.
    """

    def __init__(self, network: Chain, rows: Sequence[str], *, with_aux: bool) -> None:
        super().__init__()
        self.rows = tuple(rows)
        self.frozen = network.frozen.intersection(rows)
        self.statistics_held = network.statistics_held
        for row in rows:
            self.add_module(row, _copied(network.get_submodule(row)))
        heads = {row: _copied(network.aux[row]) for row in rows if with_aux and row in network.aux}
        self.aux = nn.ModuleDict(heads)
        self.train(network.training)

    def forward(self, activation: torch.Tensor, *said: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        """What leaves the last row, and what all auxiliary heads so far have said."""
        answers = [answer.view_as(answer) for answer in said]
        for row in self.rows:
            activation = self.get_submodule(row)(activation)
            if row in self.aux:
                answers.append(self.aux[row](activation))
        return (activation, *answers) if answers else activation

    def train(self, mode: bool = True) -> Self:
        """Switch to training, or to evaluation; frozen rows and statistics that are held stay in evaluation."""
        super().train(mode)
        for path in self.in_evaluation():
            self.get_submodule(path).eval()
        return self

    def in_evaluation(self) -> list[str]:
        """The paths of what stays in evaluation mode: frozen rows with their heads, statistics that are held."""
        rows = [*self.frozen, *(f"aux.{row}" for row in self.frozen if row in self.aux)]
        if not self.statistics_held:
            return rows
        norms = nn.modules.batchnorm._BatchNorm
        return rows + [
            f"{row}.{path}" if path else row
            for row in self.rows
            for path, module in self.get_submodule(row).named_modules()
            if isinstance(module, norms)
        ]


class Pipeline:
    """One process's stage of a network, and the steps that all stages take together.

    Every process calls the same methods with the same arguments: the first stage reads the images, the last the labels.

    Args:
        network: the whole, the same in each process; what is not of this stage can be dropped afterwards.
        cuts: the rows that end a stage, the last stage's left out.
        batch: images a step.
        microbatches: parts of a batch, all of the same size.
        loss: of the logits; of auxiliary heads too.
        schedule: ``gpipe``, or ``1f1b``, which holds fewer activations.
        aux_weight: how much the losses of auxiliary heads count; with 0 they are not run, and their weights not
            trained.
        device: of this process.
        group: of processes; None stands for all.

    Attributes:
        stage: this process's rows.
        rank: which stage that is, from 0.
        is_last: whether this stage gives the loss.

    Raises:
        UsageError: the cuts are not the network's rows in order, not one fewer than there are processes, or the batch
            cannot be divided so.
    """

    def __init__(
        self,
        network: Chain,
        cuts: Sequence[str],
        *,
        batch: int,
        microbatches: int,
        loss: Loss,
        schedule: Schedule = "1f1b",
        aux_weight: float = 0.0,
        device: torch.device | None = None,
        group: dist.ProcessGroup | None = None,
    ) -> None:
        check_choice("schedule", schedule, get_args(Schedule))
        size, self.rank = _processes(group), dist.get_rank(group)
        places = [0, *(place + 1 for place in cut_places(network, cuts)), len(network.rows)]
        if len(cuts) + 1 != size:
            raise UsageError(
                f"{len(cuts)} cuts make {len(cuts) + 1} stages, for {size} processes; give {size - 1} cuts,"
                f" or start with torchrun --nproc-per-node {len(cuts) + 1}"
            )
        if microbatches < 1 or batch % microbatches:
            raise UsageError(f"{batch} images cannot be divided into {microbatches} micro-batches of the same size")
        if schedule == "1f1b" and microbatches < size:
            raise UsageError(
                f"1f1b needs at least as many micro-batches as stages, {size}, not {microbatches};"
                " gpipe takes any number"
            )
        rows = network.rows[places[self.rank] : places[self.rank + 1]]
        with_aux = aux_weight > 0 and bool(network.aux)
        self.batch = batch
        self.is_last = self.rank == size - 1
        self.group = group
        self._loss, self._aux_weight = loss, aux_weight
        device = device or next(network.parameters()).device
        self.stage = StageModule(network, rows, with_aux=with_aux).to(device)
        whole = StageModule(network, network.rows, with_aux=with_aux)
        self._masks = Masks(
            whole,
            self.stage,
            batch=batch,
            microbatches=microbatches,
            image=network.input_shape,
            frozen=whole.in_evaluation(),
        )
        borders = [_border(network, place, batch // microbatches, with_aux=with_aux) for place in places]
        pipe = PipelineStage(
            self.stage,
            self.rank,
            size,
            device,
            input_args=borders[self.rank],
            output_args=borders[self.rank + 1],
            group=group,
        )
        # Left to itself torch divides at the end of a step by the number of micro-batches, what was there before too.
        self._training = _SCHEDULES[schedule](pipe, microbatches, loss_fn=self._loss_of, scale_grads=False)
        self._evaluation = ScheduleGPipe(pipe, microbatches, scale_grads=False)  # the other one must have labels

    def step(self, images: torch.Tensor, labels: torch.Tensor) -> Result | None:
        """Forward and backward of a batch: gradients are added to those of this stage's weights.

        Returns:
            loss and logits on the last stage, None on the others.

        Raises:
            UsageError: not as many images as the pipeline was made for.
        """
        self._must_fit(images)
        if self.stage.training:
            self._masks.draw()
        losses: list[torch.Tensor] = []
        output = self._training.step(*self._given(images), target=labels if self.is_last else None, losses=losses)
        if not self.is_last:
            return None
        return Result(torch.stack(losses).sum().detach(), _logits(output).detach())

    def evaluate(self, images: torch.Tensor) -> torch.Tensor | None:
        """The logits of a batch in evaluation mode, on the last stage; the mode is put back.

        Raises:
            UsageError: not as many images as the pipeline was made for.
        """
        self._must_fit(images)
        training = self.stage.training
        self.stage.eval()
        try:
            with torch.no_grad():
                output = self._evaluation.eval(*self._given(images))
        finally:
            self.stage.train(training)
        return _logits(output) if self.is_last else None

    def join(self, *, gradients: bool = False) -> dict[str, torch.Tensor]:
        """The ``state_dict`` of the whole network, on the processor; all processes call it, all get it.

        Without ``aux_weight`` the auxiliary heads are left out: no stage has them.

        Args:
            gradients: take the gradients instead, where there are any.
        """
        mine: Mapping[str, torch.Tensor | None] = self.stage.state_dict()
        if gradients:
            mine = {name: parameter.grad for name, parameter in self.stage.named_parameters()}
        own = {name: tensor.detach().cpu() for name, tensor in mine.items() if tensor is not None}
        parts: list[dict[str, torch.Tensor]] = [{} for _ in range(_processes(self.group))]
        dist.all_gather_object(parts, own, group=self.group)
        return {name: tensor for part in parts for name, tensor in part.items()}

    def _given(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (images,) if self.rank == 0 else ()

    def _must_fit(self, images: torch.Tensor) -> None:
        if len(images) != self.batch:
            raise UsageError(f"this pipeline takes {self.batch} images a step, not {len(images)}")

    def _loss_of(self, output: torch.Tensor | tuple[torch.Tensor, ...], labels: torch.Tensor) -> torch.Tensor:
        """A micro-batch's part of the batch's loss."""
        logits, *said = (output,) if isinstance(output, torch.Tensor) else output
        loss = self._loss(logits, labels)
        for answer in said:
            loss = loss + self._aux_weight * self._loss(answer, labels)
        return loss * len(labels) / self.batch


def pipeline(
    network: Chain,
    *,
    batch: int,
    loss: Loss,
    cuts: Sequence[str] | None = None,
    balance: Balance = "macs",
    microbatches: int = 4,
    **further: Any,
) -> Pipeline:
    """This process's stage of a network; every process calls it with equal networks.

    Args:
        network: any of the catalog.
        batch: images a step.
        loss: the mean loss of some images.
        cuts: the rows that end a stage, the last stage's left out; None finds the best, one stage a process.
        balance: what the stages shall have alike, where cuts are to be found: ``macs``, or ``memory`` in training.
        microbatches: parts of a batch.
        further: as `Pipeline` takes them.

    Raises:
        UsageError: as `Pipeline`; or there is no process group.
    """
    if cuts is None:
        cuts = balanced_cuts(network, _processes(further.get("group")), by=balance, batch=batch)
    return Pipeline(network, cuts, batch=batch, microbatches=microbatches, loss=loss, **further)


def _processes(group: dist.ProcessGroup | None) -> int:
    if not dist.is_available() or not dist.is_initialized():
        raise UsageError("a pipeline needs processes of torch.distributed: start with torchrun --nproc-per-node N")
    return dist.get_world_size(group)


def _border(network: Chain, place: int, images: int, *, with_aux: bool) -> tuple[torch.Tensor, ...]:
    """What arrives at the row of that place, for a micro-batch: shapes and types alone."""
    shape = network.sites[network.rows[place - 1]].shape if place else network.input_shape
    said = sum(row in network.aux for row in network.rows[:place]) if with_aux else 0
    dtype = next(network.parameters()).dtype
    return tuple(
        torch.empty(images, *sides, dtype=dtype, device="meta", requires_grad=place > 0)
        for sides in (shape, *[(network.num_classes,)] * said)
    )


def _copied(module: nn.Module) -> nn.Module:
    """With the same parameters and buffers."""
    kept = [*module.parameters(), *module.buffers()]
    return copy.deepcopy(module, {id(tensor): tensor for tensor in kept})


def _logits(output: torch.Tensor | tuple[torch.Tensor, ...]) -> torch.Tensor:
    return output if isinstance(output, torch.Tensor) else output[0]
