"""The training step, as Lightning takes it."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch.optim.swa_utils import AveragedModel

from classicnets.data.augmentation.chance import Chance
from classicnets.data.augmentation.mixing import Mixed
from classicnets.data.batches import Batch
from classicnets.data.sharing import ALL, Piece, Share
from classicnets.errors import UsageError
from classicnets.networks.chain import Chain
from classicnets.training.optimizers.estimate import estimate
from classicnets.training.optimizers.levenberg_marquardt import LevenbergMarquardt
from classicnets.training.rates import falls, learning_rate_of
from classicnets.training.recipe.recipe import Recipe
from classicnets.training.scale.averaging import followed_at
from classicnets.training.scale.draws import see_piece, share_draws
from classicnets.training.scale.strategy import spread
from classicnets.training.scale.synchronised import synchronise
from classicnets.training.scale.world import ALONE, World, of_all
from classicnets.training.steps import limit_filters, losses_of, optimizer_of, seed_step
from classicnets.training.transfer.beginning import rates


class TrainedNetwork(lightning.LightningModule):
    """A network and how it learns.

    Args:
        network: what is trained.
        recipe: how.
        steps: of the whole run.
        epoch_steps: of an epoch; None stands for as many in each of the recipe's epochs.
        share: what this process takes of each batch.
        piece_at: tells of a piece, by its number in the run, where it stands in its batch; asked where ``share`` is
            not all of it.
        world: the processes that train together.
        sharded: whether each of them holds only a part of the weights.

    Attributes:
        average: the moving average of the network's weights, None where the recipe has none.
        losses: the sum of the losses of the images since the epoch began.
        errors: how many of them the network got wrong.
        images: how many they were.
    """

    losses: torch.Tensor
    errors: torch.Tensor
    images: int

    def __init__(
        self,
        network: Chain,
        recipe: Recipe,
        steps: int,
        *,
        epoch_steps: int | None = None,
        share: Share = ALL,
        piece_at: Callable[[int], Piece] | None = None,
        world: World = ALONE,
        sharded: bool = False,
    ) -> None:
        super().__init__()
        self.sharded = sharded
        self.network = network
        self.recipe = recipe
        self.steps = steps
        self.epoch_steps = steps // (recipe.epochs or 1) if epoch_steps is None else epoch_steps
        self.falls = 0  # of the learning rate, on plateaus
        self.share = share
        self.world = world
        self._piece_at = piece_at
        if share != ALL:
            share_draws(network)
        if world.is_shared and recipe.sync_batch_norm:
            synchronise(network)
        self.average: AveragedModel | None = None
        if recipe.average is not None:
            self.average = AveragedModel(
                network,
                multi_avg_fn=followed_at(recipe.average),
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

    def configure_model(self) -> None:
        """Spread the weights over the processes, where each is to hold a part."""
        if self.sharded:
            spread(self.network)
            if self.average is not None:
                spread(self.tested)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """The recipe's optimizer, its learning rate moved at every step."""
        optimizer = optimizer_of(self.recipe.optimizer, self.network, rates(self.network, self.recipe.transfer))
        schedule = self.recipe.schedule
        share = learning_rate_of(schedule, self.steps)
        # A function and no object: of an object LambdaLR would keep the attributes in checkpoints.
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: share(step) * schedule.factor**self.falls)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Make what the network draws at random (dropout) a function of seed, step and place in the batch alone."""
        seed_step(self.recipe.seed, batch_idx // self.share.pieces)
        if (piece := self._piece(batch_idx)) is not None:
            see_piece(self.network, piece)
        optimizer = self.optimizers(use_pl_optimizer=False) if self._trainer is not None else None
        if isinstance(optimizer, LevenbergMarquardt) and batch_idx % (self.epoch_steps * self.share.pieces) == 0:
            optimizer.heed(estimate(self.network, self.recipe, self.trainer.train_dataloader, self.device))

    def heed(self, errors: Sequence[float], scheduler: torch.optim.lr_scheduler.LambdaLR) -> None:
        """Have the learning rate of the next step fall if the test errors of all epochs so far ask for it."""
        self.falls = falls(self.recipe.schedule, errors, self.steps / self.epoch_steps)
        for group, base, share in zip(
            scheduler.optimizer.param_groups, scheduler.base_lrs, scheduler.lr_lambdas, strict=True
        ):
            group["lr"] = base * share(scheduler.last_epoch)

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        """The loss of a batch."""
        images, labels, mixed = batch.images, batch.labels, self._mixed(batch, batch_idx)
        if mixed is not None:
            images = mixed.images.permute(0, 3, 1, 2)
            labels = torch.where(mixed.weights < 0.5, mixed.others, mixed.labels)  # what an error is counted against
        targets = labels if mixed is None else mixed.targets(self.network.num_classes).to(images.dtype)
        learned, loss, logits = losses_of(self.recipe.loss, self.network, images, targets)
        piece = self._piece(batch_idx)
        if piece is None or piece.counts:
            self.images += len(batch.labels)
            # Summed where the network runs: reading a number at every step would make an accelerator wait.
            self.losses = self.losses + loss.detach() * len(batch.labels)
            self.errors = self.errors + (logits.detach().argmax(dim=1) != labels).sum()
        if piece is None:
            return learned
        read = len(batch.labels) / (piece.end - piece.start)  # less than 1 where unreadable images were left out
        return learned * (piece.weight * read)

    def _piece(self, number: int) -> Piece | None:
        """Where the images of a piece stand in their batch, None where they are all of it."""
        if self.share == ALL:
            return None
        assert self._piece_at is not None, "given with a share"
        return self._piece_at(number)

    def _mixed(self, batch: Batch, number: int) -> Mixed | None:
        """The batch as `Augmentation.mix` makes it, None where images are not mixed."""
        mix = self.recipe.augmentation.mix
        if mix is None:
            return None
        epoch = number // self.share.pieces // self.epoch_steps
        chance = Chance(self.recipe.seed, epoch, batch.indices.cpu().numpy())
        return mix(batch.images.permute(0, 2, 3, 1), batch.labels, chance)

    def optimizer_step(self, *arguments: Any, **named: Any) -> None:
        """Take the step, bring filters back to their limit, then let the average follow."""
        super().optimizer_step(*arguments, **named)
        if self.recipe.filter_limit is not None:
            limit_filters(self.network, self.recipe.filter_limit)
        if self.average is not None:
            self.average.update_parameters(self.network)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the counts of an epoch that is not over, and what tells whose checkpoint it is."""
        checkpoint["recipe"] = self.recipe.model_dump(mode="json")
        checkpoint["steps"] = self.steps
        own = {"losses": self.losses.cpu(), "errors": self.errors.cpu(), "images": self.images}
        checkpoint["counts"] = of_all(self.world, own)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on counting."""
        counts = checkpoint["counts"]
        if len(counts) == self.world.ranks:
            own = counts[self.world.rank]
        elif self.world.leads:  # there are more processes now, or fewer: the first goes on with what all had counted
            own = {name: sum(each[name] for each in counts) for name in counts[0]}
        else:
            return
        self.losses, self.errors, self.images = own["losses"], own["errors"], own["images"]

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
        """What `counts` says of the images of all processes, and begin anew."""
        each = of_all(self.world, (float(self.losses), int(self.errors), self.images))
        losses, errors, images = (sum(column) for column in zip(*each, strict=True))
        self.must_be_a_number(losses / images)
        self._forget_counts()
        return losses / images, 100 * errors / images

    def _forget_counts(self) -> None:
        # Of many images, so precisely that a difference of two sums is precise, too; Apple's devices cannot.
        precise = torch.float32 if self.device.type == "mps" else torch.float64
        self.losses = torch.zeros((), dtype=precise, device=self.device)
        self.errors = torch.zeros((), dtype=torch.int64, device=self.device)
        self.images = 0
