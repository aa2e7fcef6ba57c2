"""The training step, as Lightning takes it."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from classicnets.data.augmentation.chance import Chance
from classicnets.data.augmentation.mixing import Mixed
from classicnets.data.batches import Batch
from classicnets.errors import UsageError
from classicnets.networks.chain import Chain
from classicnets.training.recipe import Recipe
from classicnets.training.steps import learning_rate_of, loss_of, optimizer_of


class TrainedNetwork(lightning.LightningModule):
    """A network and how it learns.

    Args:
        network: what is trained.
        recipe: how.
        steps: of the whole run.

    Attributes:
        average: the moving average of the network's weights, None where the recipe has none.
        losses: the sum of the losses of the images since the epoch began.
        errors: how many of them the network got wrong.
        images: how many they were.
    """

    losses: torch.Tensor
    errors: torch.Tensor
    images: int

    def __init__(self, network: Chain, recipe: Recipe, steps: int) -> None:
        super().__init__()
        self.network = network
        self.recipe = recipe
        self.steps = steps
        self.average: AveragedModel | None = None
        if recipe.average is not None:
            self.average = AveragedModel(
                network,
                multi_avg_fn=get_ema_multi_avg_fn(recipe.average),  # type: ignore[no-untyped-call]
                use_buffers=True,
            ).requires_grad_(False)
        self._forget_counts()

    @property
    def tested(self) -> Chain:
        """What tests and bundles take: the average where there is one, else the network."""
        if self.average is None:
            return self.network
        assert isinstance(self.average.module, Chain)
        return self.average.module

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """The recipe's optimizer, its learning rate moved at every step."""
        optimizer = optimizer_of(self.recipe.optimizer, self.network)
        share = learning_rate_of(self.recipe.schedule, self.steps)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, share)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Make what the network draws at random (dropout) a function of seed, process and step alone."""
        # Mixed into 32 bits: of a longer seed torch's generator for the processor passes over the upper half.
        mixed = np.random.SeedSequence((self.recipe.seed, self.global_rank, batch_idx)).generate_state(1)
        torch.manual_seed(int(mixed[0]))

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        """The loss of a batch."""
        images, labels, mixed = batch.images, batch.labels, self._mixed(batch, batch_idx)
        if mixed is not None:
            images = mixed.images.permute(0, 3, 1, 2)
            labels = torch.where(mixed.weights < 0.5, mixed.others, mixed.labels)  # what an error is counted against
        logits = self.network(images).float()
        loss = loss_of(self.recipe.loss, logits, labels if mixed is None else mixed.targets(logits.shape[1]))
        self.images += len(batch.labels)
        # Summed where the network runs: reading a number at every step would make an accelerator wait.
        self.losses = self.losses + loss.detach() * len(batch.labels)
        self.errors = self.errors + (logits.detach().argmax(dim=1) != labels).sum()
        return loss

    def _mixed(self, batch: Batch, step: int) -> Mixed | None:
        """The batch as `Augmentation.mix` makes it, None where images are not mixed."""
        mix = self.recipe.augmentation.mix
        if mix is None:
            return None
        epoch = step // (self.steps // self.recipe.epochs)
        chance = Chance(self.recipe.seed, epoch, batch.indices.cpu().numpy())
        return mix(batch.images.permute(0, 2, 3, 1), batch.labels, chance)

    def optimizer_step(self, *arguments: Any, **named: Any) -> None:
        """Take the step, then let the average follow."""
        super().optimizer_step(*arguments, **named)
        if self.average is not None:
            self.average.update_parameters(self.network)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the counts of an epoch that is not over, and what tells whose checkpoint it is."""
        checkpoint["recipe"] = self.recipe.model_dump(mode="json")
        checkpoint["steps"] = self.steps
        checkpoint["counts"] = {"losses": self.losses, "errors": self.errors, "images": self.images}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on counting."""
        counts = checkpoint["counts"]
        self.losses, self.errors, self.images = counts["losses"], counts["errors"], counts["images"]

    def must_have_written(self, checkpoint: Mapping[str, Any], path: Path) -> None:
        """Make sure that ``checkpoint``, read from ``path``, is of this run.

        Raises:
            UsageError: it was written with another recipe, or for another number of images.
        """
        if "recipe" not in checkpoint:
            raise UsageError(f"{path} is no checkpoint of a run; remove it")
        recipe = self.recipe.model_dump(mode="json")
        changed = [field for field, value in recipe.items() if checkpoint["recipe"].get(field) != value]
        if changed:
            raise UsageError(
                f"{path} was written when recipe.yaml said otherwise of {', '.join(changed)};"
                " put that back, or start another run with another --out"
            )
        if checkpoint["steps"] != self.steps:
            raise UsageError(
                f"{path} is of a run of {checkpoint['steps']} steps, which now would have {self.steps}:"
                " the number of training images has changed; start another run with another --out"
            )

    def must_be_a_number(self, loss: float) -> None:
        """Make sure that training goes on where there is something to learn from.

        Raises:
            UsageError: ``loss`` is infinite or not a number.
        """
        if not math.isfinite(loss):
            raise UsageError(
                f"the loss is {loss}: training has diverged; lower optimizer.lr"
                f" (now {self.recipe.optimizer.lr}), or set clip_norm or schedule.warmup"
            )

    def counts(self) -> tuple[float, float]:
        """Mean loss and top-1 error (percent) of the images of this epoch so far.

        Raises:
            UsageError: the loss is no longer a number.
        """
        loss = float(self.losses) / self.images
        self.must_be_a_number(loss)
        return loss, 100 * int(self.errors) / self.images

    def take_counts(self) -> tuple[float, float]:
        """What `counts` says, and begin anew."""
        counted = self.counts()
        self._forget_counts()
        return counted

    def _forget_counts(self) -> None:
        self.losses = torch.zeros((), device=self.device)
        self.errors = torch.zeros((), dtype=torch.int64, device=self.device)
        self.images = 0
