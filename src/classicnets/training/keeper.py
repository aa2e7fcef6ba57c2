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
from classicnets.evaluation.counting import evaluate_network
from classicnets.training.checkpoints import checkpoint_path
from classicnets.training.history import Epoch, write_metrics
from classicnets.training.module import TrainedNetwork
from classicnets.training.progress import TrainingProgress
from classicnets.training.recipe import Recipe
from classicnets.training.stream import Stream
from classicnets.weights import bundle

_SECONDS_BETWEEN_CHECKPOINTS = 30.0


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
    ) -> None:
        self.folder = folder
        self.recipe = recipe
        self.stream = stream
        self.test = test
        self.classes = classes
        self.preprocessing = preprocessing
        self.progress = progress
        self.history: list[Epoch] = []
        self.seconds_before = 0.0
        self._stop = threading.Event()
        self._began = self._saved = self._measured_from = time.monotonic()
        self._images_measured = 0

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
        """Start the clocks."""
        del trainer, pl_module
        self._began = self._saved = self._measured_from = time.monotonic()

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
        """Record what is due after this step."""
        del outputs
        assert isinstance(pl_module, TrainedNetwork)
        step = self.stream.taken = batch_idx + 1
        self._images_measured += len(batch.labels)
        epoch, rest = divmod(step, len(self.stream.batches))
        if rest == 0:
            self._end_epoch(trainer, pl_module, epoch, step)
        elif self.progress.due():
            self.progress.step(step, epoch + 1, *pl_module.counts(), self._images_per_second())
        stop = self._stop.is_set() or trainer.received_sigterm
        if rest == 0 or stop or self._checkpoint_due(step):
            self._checkpoint(trainer, pl_module, step)
        if stop and step < len(self.stream):
            raise Interrupted(
                f"stopped after step {step} of {len(self.stream)};"
                f" go on with: classicnets train --out {shlex.quote(str(self.folder))} --resume"
            )

    def _end_epoch(self, trainer: lightning.Trainer, module: TrainedNetwork, epoch: int, step: int) -> None:
        images_per_second = self._images_per_second()
        train_loss, train_error = module.take_counts()
        evaluation = evaluate_network(module.tested, self.test, self.classes)
        module.must_be_a_number(evaluation.loss)
        self.history.append(
            Epoch(
                epoch=epoch,
                step=step,
                learning_rate=_learning_rate_of_last_step(trainer),
                train_loss=train_loss,
                train_error=train_error,
                test_loss=evaluation.loss,
                test_error=evaluation.top1_error,
                test_error_top5=evaluation.top5_error,
                images_per_second=images_per_second,
                seconds=self.seconds,
            )
        )
        if self.recipe.keep == "last" or evaluation.top1_error <= min(e.test_error for e in self.history):
            self._save_bundle(module)
        write_metrics(self.folder / "metrics.csv", self.history)
        self.progress.epoch(self.history[-1])
        self.progress.step(step, min(epoch + 1, self.recipe.epochs), train_loss, train_error, images_per_second)
        self._measured_from, self._images_measured = time.monotonic(), 0

    def _save_bundle(self, module: TrainedNetwork) -> None:
        last = self.history[-1]
        bundle.save(
            self.folder / "bundle",
            bundle.Bundle(
                network=module.tested,
                classes=self.classes,
                preprocessing=self.preprocessing,
                training={
                    "data": self.recipe.data,
                    "seed": self.recipe.seed,
                    "epochs": last.epoch,
                    "of_epochs": self.recipe.epochs,
                    "test_error": last.test_error,
                    "test_error_top5": last.test_error_top5,
                },
            ),
        )

    def _checkpoint_due(self, step: int) -> bool:
        if self.recipe.checkpoint_steps is not None:
            return step % self.recipe.checkpoint_steps == 0
        return time.monotonic() - self._saved > _SECONDS_BETWEEN_CHECKPOINTS

    def _checkpoint(self, trainer: lightning.Trainer, module: TrainedNetwork, step: int) -> None:
        module.must_be_a_number(float(module.losses))  # else the good checkpoints would have to go
        trainer.save_checkpoint(checkpoint_path(self.folder / "checkpoints", step))
        self._saved = time.monotonic()

    def _images_per_second(self) -> float:
        return self._images_measured / max(time.monotonic() - self._measured_from, 1e-9)

    def _ask_to_stop(self, signal_number: int, frame: FrameType | None) -> None:
        del signal_number, frame
        self._stop.set()
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a second Ctrl-C does not wait


def _learning_rate_of_last_step(trainer: lightning.Trainer) -> float:
    # The scheduler has already moved on to the next step's rate.
    scheduler = trainer.lr_scheduler_configs[0].scheduler
    assert isinstance(scheduler, torch.optim.lr_scheduler.LambdaLR)
    return float(scheduler.base_lrs[0]) * float(scheduler.lr_lambdas[0](scheduler.last_epoch - 1))
