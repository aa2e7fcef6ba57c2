"""What happens between steps: epochs are tested and recorded, checkpoints written, an interruption heeded."""

import contextlib
import shlex
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

import lightning
import torch

from classicnets.data.batches import Batch, Batches
from classicnets.data.transforms import Preprocessing
from classicnets.training.checkpoints import checkpoint_path
from classicnets.training.module import TrainedNetwork
from classicnets.training.recipe.recipe import Recipe
from classicnets.training.scale.testing import test_together
from classicnets.training.scale.whole import whole_network
from classicnets.training.scale.world import World, any_of
from classicnets.training.stream import Stream
from classicnets.training.watch.history import Epoch, write_metrics
from classicnets.training.watch.loggers import tell_epoch
from classicnets.training.watch.names import METRICS
from classicnets.training.watch.progress import TrainingProgress
from classicnets.weights import bundle

_SECONDS_BETWEEN_CHECKPOINTS = 30.0
_STEPS_BETWEEN_AGREEMENTS = 10  # processes that ask each other at every step whether to stop would wait for it


class Interrupted(Exception):
    """Training was stopped from outside, after a checkpoint had been written."""


class Keeper(lightning.Callback):
    """Keeps a run's records: after each epoch its figures and its bundle, in between its checkpoints.

    Args:
        folder: of the run.
        recipe: complete.
        stream: the run's batches.
        test: the images that errors are counted on.
        classes: their names.
        preprocessing: of the network.
        progress: told how training goes.
        world: the processes that train together; only the first of them writes.
    """

    def __init__(
        self,
        *,
        folder: Path,
        recipe: Recipe,
        stream: Stream,
        test: Batches,
        classes: tuple[str, ...],
        preprocessing: Preprocessing,
        progress: TrainingProgress,
        world: World,
    ) -> None:
        self.folder = folder
        self.recipe = recipe
        self.stream = stream
        self.test = test
        self.classes = classes
        self.preprocessing = preprocessing
        self.progress = progress
        self.world = world
        self.history: list[Epoch] = []
        self.seconds_before = 0.0
        self._stop = threading.Event()
        self.clock = progress.clock
        self._began = self._saved = time.monotonic()
        self._measured_from, self._images_measured = 0.0, 0

    @property
    def seconds(self) -> float:
        """How long the run has taken so far, interruptions left out."""
        return self.seconds_before + time.monotonic() - self._began

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps of this."""
        return {"history": [asdict(epoch) for epoch in self.history], "seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.history = [Epoch(**epoch) for epoch in state_dict["history"]]
        self.seconds_before = state_dict["seconds"]

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Start the clocks, and have the learning rate go on from where plateaus had brought it."""
        assert isinstance(pl_module, TrainedNetwork)
        pl_module.heed([epoch.test_error for epoch in self.history], _scheduler(trainer))
        self._began = self._saved = time.monotonic()
        self.clock.restart()

    @contextlib.contextmanager
    def heeding_interrupts(self) -> Iterator[None]:
        """Have Ctrl-C wait for the step in progress, a second one not; the former handler is put back at the end.

        Lightning's own way with Ctrl-C would end the process without a word. Only a main thread can be interrupted.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGINT, self._ask_to_stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Record what is due after this step; nothing is in the midst of one."""
        del outputs
        assert isinstance(pl_module, TrainedNetwork)
        self.stream.taken = batch_idx + 1
        self._images_measured += len(batch.labels) * self.world.ranks
        place = self.stream.after(batch_idx)
        if place is None:
            return
        step, epoch, ended = place
        if ended:
            with self.clock.stopped():
                self._end_epoch(trainer, pl_module, epoch, step)
        elif self.progress.due():
            self.progress.step(step, epoch, *pl_module.counts(), self._images_per_second())
        stop, due = self._asked_for(step, trainer)
        if ended or stop or due:
            self._checkpoint(trainer, pl_module, step)
        if stop and step < self.stream.steps:
            raise Interrupted(
                f"stopped after step {step} of {self.stream.steps};"
                f" go on with: classicnets train --out {shlex.quote(str(self.folder))} --resume"
            )

    def _asked_for(self, step: int, trainer: lightning.Trainer) -> tuple[bool, bool]:
        """Whether to stop, and whether to write a checkpoint: every process does what one is asked for."""
        stop = self._stop.is_set() or trainer.received_sigterm
        if not self.world.is_shared:
            return stop, self._checkpoint_due(step)
        if self.recipe.checkpoint_steps is not None and self._checkpoint_due(step):
            return any_of(self.world, stop)[0], True
        if step % _STEPS_BETWEEN_AGREEMENTS:
            return False, False
        stop, due = any_of(self.world, stop, self.world.leads and self._checkpoint_due(step))
        return stop, due

    def _end_epoch(self, trainer: lightning.Trainer, module: TrainedNetwork, epoch: int, step: int) -> None:
        images_per_second = self._images_per_second()
        train_loss, train_error = module.take_counts()
        evaluation = test_together(self.world, module.tested, self.test, self.classes)
        module.must_be_a_number(evaluation.loss)
        self.history.append(
            Epoch(
                epoch=epoch,
                step=step,
                learning_rate=self.recipe.optimizer.lr * _share_of_last_step(trainer),
                train_loss=train_loss,
                train_error=train_error,
                test_loss=evaluation.loss,
                test_error=evaluation.top1_error,
                test_error_top5=evaluation.top5_error,
                test_images=evaluation.images,
                images_per_second=images_per_second,
                seconds=self.seconds,
            )
        )
        module.heed([each.test_error for each in self.history], _scheduler(trainer))
        if self.recipe.keep == "last" or evaluation.top1_error <= min(e.test_error for e in self.history):
            self._save_bundle(module)
        if self.world.leads:
            write_metrics(self.folder / METRICS, self.history)
            tell_epoch(trainer.loggers, self.history[-1])
        self.progress.epoch(self.history[-1])
        self._measured_from, self._images_measured = self.clock.running, 0

    def _save_bundle(self, module: TrainedNetwork) -> None:
        last = self.history[-1]
        network = whole_network(module.tested)
        if not self.world.leads:
            return
        bundle.save(
            self.folder / "bundle",
            bundle.Bundle(
                network=network,
                classes=self.classes,
                preprocessing=self.preprocessing,
                training={
                    "data": self.recipe.data,
                    "seed": self.recipe.seed,
                    "epochs": last.epoch,
                    "of_epochs": self.stream.epochs,
                    "test_error": last.test_error,
                    "test_error_top5": last.test_error_top5,
                    **({"transfer": self.recipe.transfer.model_dump(mode="json")} if self.recipe.transfer else {}),
                },
            ),
        )

    def _checkpoint_due(self, step: int) -> bool:
        if self.recipe.checkpoint_steps is not None:
            return step % self.recipe.checkpoint_steps == 0
        return time.monotonic() - self._saved > _SECONDS_BETWEEN_CHECKPOINTS

    def _checkpoint(self, trainer: lightning.Trainer, module: TrainedNetwork, step: int) -> None:
        module.must_be_a_number(float(module.losses))  # else the good checkpoints would have to go
        with self.clock.stopped():
            trainer.save_checkpoint(checkpoint_path(self.folder / "checkpoints", step))
        self._saved = time.monotonic()

    def _images_per_second(self) -> float:
        return self._images_measured / max(self.clock.running - self._measured_from, 1e-9)

    def _ask_to_stop(self, signal_number: int, frame: FrameType | None) -> None:
        del signal_number, frame
        self._stop.set()
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a second Ctrl-C does not wait


def _share_of_last_step(trainer: lightning.Trainer) -> float:
    # The scheduler has already moved on to the next step's rate.
    scheduler = _scheduler(trainer)
    return float(scheduler.lr_lambdas[0](scheduler.last_epoch - 1))


def _scheduler(trainer: lightning.Trainer) -> torch.optim.lr_scheduler.LambdaLR:
    scheduler = trainer.lr_scheduler_configs[0].scheduler
    assert isinstance(scheduler, torch.optim.lr_scheduler.LambdaLR)
    return scheduler
