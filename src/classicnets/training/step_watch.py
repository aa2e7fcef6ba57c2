"""What every so many steps of a run came to, counted beside training without holding it up."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lightning
import torch
from lightning.pytorch.loggers import Logger

from classicnets.data.batches import Batch
from classicnets.training.keeper import Keeper
from classicnets.training.module import TrainedNetwork
from classicnets.training.watch.environment import environment
from classicnets.training.watch.gradients import gradient_norm, row_gradient_norms, together
from classicnets.training.watch.lines import StepLine, as_tensor, from_tensor, steps_a_line, write_steps
from classicnets.training.watch.loggers import tell_step
from classicnets.training.watch.memory import memory_held
from classicnets.training.watch.names import GRADIENTS, STEPS
from classicnets.training.watch.starts import Start, add_start, now
from classicnets.training.watch.tables import write_table

_SECONDS_BETWEEN_WRITES = 5.0
_PLACE = "steps_watched"  # in a checkpoint


@dataclass(frozen=True, kw_only=True)
class _Pending:
    """A line of which figures still lie where the network runs: reading each at once would make an accelerator wait.

    Attributes:
        known: the fields of the line that are numbers already.
        sums: since the line before: of losses, of errors, and the number of images.
        norms: of the gradient: of the whole, then of each row that is recorded.
        ran: seconds of training since the line before.
    """

    known: Mapping[str, Any]
    sums: torch.Tensor
    norms: torch.Tensor
    ran: float


class StepWatch(lightning.Callback):
    """Records steps: to steps.csv, on request the gradients of the rows to gradients.csv, and to loggers.

    The lines are kept with the checkpoints, so that a run which was killed goes on with those it would have had.

    Args:
        keeper: of the run; it must come after this among the trainer's callbacks.
        rows: whether the norm of each row's gradient is recorded.
        loggers: which are told, too.

    Attributes:
        lines: of the run so far.
        row_lines: the step and the norm of each row's gradient, for each line of which it was recorded.
    """

    def __init__(self, keeper: Keeper, *, rows: bool = False, loggers: Sequence[Logger] = ()) -> None:
        self.keeper = keeper
        self.rows = rows
        self.loggers = loggers
        self.lines: list[StepLine] = []
        self.row_lines: list[list[float]] = []
        self._row_names: list[str] = []
        self._pending: list[_Pending] = []
        self._norms = torch.tensor([math.nan])
        self._learning_rate = math.nan
        self._sums = self._counted = torch.zeros(3, dtype=torch.float64)
        self._ran = self._waited = 0.0  # what the clocks showed when the last line ended
        self._every = 1
        self._writes = False
        self._written = time.monotonic()

    def on_save_checkpoint(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Keep the lines, and what was counted since the last; every process must come here."""
        assert isinstance(pl_module, TrainedNetwork)
        self._write()
        self._take_counts(pl_module)
        pace = self.keeper.progress.pace
        checkpoint[_PLACE] = {
            "lines": as_tensor(self.lines),
            "row_names": self._row_names,
            "row_lines": torch.tensor(self.row_lines, dtype=torch.float64),
            "sums": _of_all(trainer, self._sums).cpu(),
            "ran": self.keeper.clock.running - self._ran,
            "waited": self.keeper.stream.wait.seconds - self._waited,
            "left_out": pace.left_out,
            "epochs_ended": pace.ended,
        }

    def on_load_checkpoint(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Go on from a checkpoint; with what all processes had counted goes on the first."""
        del pl_module
        kept = checkpoint[_PLACE]
        self.lines = from_tensor(kept["lines"])
        self._row_names, self.row_lines = kept["row_names"], kept["row_lines"].tolist()
        if trainer.is_global_zero:
            self._sums = kept["sums"]
        self._ran, self._waited = -kept["ran"], -kept["waited"]
        pace = self.keeper.progress.pace
        pace.left_out, pace.ended = kept["left_out"], kept["epochs_ended"]

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Record that training begins, or goes on."""
        assert isinstance(pl_module, TrainedNetwork)
        self._every = steps_a_line(self.keeper.stream.steps)
        self._counted = _counts(pl_module)
        self._waited += self.keeper.stream.wait.seconds
        self._writes = trainer.is_global_zero
        if self._writes:
            start = Start(
                time=now(),
                done=trainer.global_step,
                steps=self.keeper.stream.steps,
                steps_an_epoch=self.keeper.stream.batches.steps,
                environment=environment(),
            )
            add_start(self.keeper.folder, start)
            for logger in self.loggers:
                logger.log_hyperparams(self.keeper.recipe.model_dump(mode="json"))

    def on_before_optimizer_step(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Measure the gradient of a step that ends a line, accumulated, of its own scale and not yet clipped."""
        assert isinstance(pl_module, TrainedNetwork)
        if not self._ends_line(trainer.global_step + 1):
            return
        self._learning_rate = max(float(group["lr"]) for group in optimizer.param_groups)
        if self.rows:
            norms = row_gradient_norms(pl_module.network)
            self._row_names = list(norms)
            self._norms = torch.stack([together(norms), *norms.values()])
        else:
            self._norms = gradient_norm(pl_module.network).reshape(1)

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """End a line where one is due, and from time to time write down those that have ended."""
        del outputs, batch
        assert isinstance(pl_module, TrainedNetwork)
        place = self.keeper.stream.after(batch_idx)
        if place is None:
            return
        step, epoch, epoch_ends = place
        line_ends = self._ends_line(step)
        if epoch_ends or line_ends:
            self._take_counts(pl_module)
        if epoch_ends:  # the module is about to count anew
            self._counted = torch.zeros_like(self._counted)
        if line_ends:
            self._end_line(trainer, pl_module, epoch, step)
        if epoch_ends or time.monotonic() - self._written > _SECONDS_BETWEEN_WRITES:
            self._write()

    def _ends_line(self, step: int) -> bool:
        return step == self.keeper.stream.steps or step % self._every == 0

    def _take_counts(self, module: TrainedNetwork) -> None:
        """Add what the module has counted since the last time."""
        now = _counts(module)
        self._sums = self._sums.to(now) + now - self._counted.to(now)
        self._counted = now

    def _end_line(self, trainer: lightning.Trainer, module: TrainedNetwork, epoch: int, step: int) -> None:
        ran, waited = self.keeper.clock.running, self.keeper.stream.wait.seconds
        known = {
            "epoch": epoch,
            "step": step,
            "learning_rate": self._learning_rate,
            "waiting": min(100.0, 100 * (waited - self._waited) / max(ran - self._ran, 1e-9)),
            "memory": memory_held(module.device),
            "seconds": self.keeper.seconds,
        }
        sums = _of_all(trainer, self._sums)
        self._pending.append(_Pending(known=known, sums=sums, norms=self._norms, ran=ran - self._ran))
        self._sums = torch.zeros_like(sums)
        self._ran, self._waited = ran, waited

    def _write(self) -> None:
        """Read the figures of the lines that have ended, tell the loggers, and write the files."""
        self._written = time.monotonic()
        if not self._pending:
            return
        figures = torch.stack([torch.cat([line.sums, line.norms.to(line.sums)]) for line in self._pending]).tolist()
        for pending, (losses, errors, images, norm, *rows) in zip(self._pending, figures, strict=True):
            line = StepLine(
                **pending.known,
                images=int(images) + (self.lines[-1].images if self.lines else 0),
                loss=losses / images,
                error=100 * errors / images,
                gradient_norm=norm,
                images_per_second=images / max(pending.ran, 1e-9),
            )
            self.lines.append(line)
            if rows:
                self.row_lines.append([line.step, *rows])
            if self._writes:
                tell_step(self.loggers, line, dict(zip(self._row_names, rows, strict=False)))
        self._pending.clear()
        if self._writes:
            write_steps(self.keeper.folder / STEPS, self.lines)
            if self.row_lines:
                write_table(self.keeper.folder / GRADIENTS, ["step", *self._row_names], self.row_lines)
            for logger in self.loggers:
                logger.save()


def _counts(module: TrainedNetwork) -> torch.Tensor:
    """The losses, the errors and the number of images since the module began to count, where the network runs."""
    return torch.stack([module.losses, module.errors.to(module.losses), torch.full_like(module.losses, module.images)])


def _of_all(trainer: lightning.Trainer, counts: torch.Tensor) -> torch.Tensor:
    """The sum over all processes."""
    total = trainer.strategy.reduce(counts.clone(), reduce_op="sum")
    assert isinstance(total, torch.Tensor)
    return total
