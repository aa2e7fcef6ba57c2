"""Training AlexNet in its two towers, from a recipe to a bundle of the whole network."""

import math
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from rich.console import Console

from classicnets.data.batches import Batch, Batches
from classicnets.data.images import DataSet
from classicnets.data.sets import open_data
from classicnets.errors import UsageError
from classicnets.evaluation.counting import Evaluation, evaluate_network
from classicnets.networks.chain import Chain
from classicnets.training.devices.towers import Tower, join, must_have_towers, split
from classicnets.training.devices.wire import DEVICES
from classicnets.training.folder import must_be_free, new_run
from classicnets.training.parts import filled_in, network_of, preprocessing_of, stream_of, tested
from classicnets.training.preparing import with_means
from classicnets.training.processor import keep_freed_memory, multiplies_bf16
from classicnets.training.rates import learning_rate_of
from classicnets.training.recipe.reading import complete
from classicnets.training.recipe.recipe import Recipe
from classicnets.training.report.summary import write_summary
from classicnets.training.run import Run
from classicnets.training.scale.world import ALONE, World, as_the_first, joined, whole_world
from classicnets.training.steps import limit_filters, loss_of, optimizer_of, seed_step
from classicnets.training.stream import Stream
from classicnets.training.watch.environment import environment
from classicnets.training.watch.history import Epoch, write_metrics
from classicnets.training.watch.names import METRICS
from classicnets.training.watch.progress import TrainingProgress
from classicnets.training.watch.starts import Start, add_start, now
from classicnets.weights import bundle


def train_in_towers(
    fields: Mapping[str, Any], *, out: Path | None = None, data_dir: Path | None = None, console: Console | None = None
) -> Run:
    """Train an AlexNet over two processes, a tower each, as a recipe says; the result is that of one process.

    Both read the same images. The first keeps the run: its recipe, figures, report, and the bundle of the whole
    network. There are no checkpoints: such a run cannot be gone on with.

    Args:
        fields: of the recipe; see `Recipe`.
        out: the run's folder; None makes one under ``runs/``.
        data_dir: where data sets lie.
        console: where progress goes; None stands for standard error.

    Raises:
        UsageError: not two processes, a network without two towers, a recipe that towers cannot follow, or a mistake
            in the recipe, the data or the folder.
    """
    world = whole_world()
    if world.ranks != DEVICES:
        raise UsageError(
            f"two towers need 2 processes, not {world.ranks}: add --processes 2,"
            " or start with torchrun --nproc-per-node 2"
        )
    with joined(world):
        recipe = as_the_first(world, lambda: followed(complete(dict(fields))))
        if out is not None:
            as_the_first(world, lambda: must_be_free(out))
        data = open_data(recipe.data, data_dir=data_dir, seed=recipe.seed)
        network = network_of(recipe, data)
        as_the_first(world, lambda: must_have_towers(network))
        recipe = with_means(filled_in(recipe, network), data)
        tower = split(network).to(_device())
        folder = as_the_first(world, lambda: new_run(out, recipe))
        loud = (console or Console(stderr=True)) if world.leads else Console(quiet=True)
        training = _Training(tower, network, recipe, data, folder, loud, world)
        training.run()
        evaluation = training.evaluate()
        report = as_the_first(world, lambda: training.report(evaluation))
        return Run(folder=folder, bundle=folder / "bundle", report=report, evaluation=evaluation)


class _Training:
    """A run on one of the two devices."""

    def __init__(
        self, tower: Tower, network: Chain, recipe: Recipe, data: DataSet, folder: Path, console: Console, world: World
    ) -> None:
        self.tower = tower
        self.whole = network
        self.recipe = recipe
        self.data = data
        self.folder = folder
        self.console = console
        self.world = world
        self.leads = world.leads
        self.device = next(tower.parameters()).device
        self.stream: Stream = stream_of(recipe, data)
        self.test: Batches = tested(recipe, data, ALONE)
        self.optimizer = optimizer_of(recipe.optimizer, tower)
        share = learning_rate_of(recipe.schedule, self.stream.steps)
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(self.optimizer, share)
        self.history: list[Epoch] = []

    def run(self) -> None:
        """Take all the steps; after each epoch test, record, keep the whole network."""
        keep_freed_memory()
        self.tower.train()
        began = measured = time.monotonic()
        counts = torch.zeros(3, dtype=torch.float64, device=self.device)  # losses, errors, images
        if self.leads:
            add_start(self.folder, self._start())
        with TrainingProgress(self.stream.epochs, self.stream.steps, 0, self.console) as progress:
            for number, batch in enumerate(self.stream):
                rate = max(float(group["lr"]) for group in self.optimizer.param_groups)
                counts += take_step(self.tower, self.optimizer, batch, self.recipe, number)
                self.scheduler.step()
                place = self.stream.after(number)
                assert place is not None, "towers take a batch at once"
                step, epoch, ends = place
                if not ends and not (self.leads and progress.due()):
                    continue
                loss, error, images = self._means(counts)
                pace = images / max(time.monotonic() - measured, 1e-9)
                progress.step(step, epoch, loss, error, pace)
                if ends:
                    as_the_first(self.world, partial(self._must_be_a_number, loss))
                    self._end_epoch(epoch, step, rate, loss, error, pace, time.monotonic() - began)
                    progress.epoch(self.history[-1])
                    counts.zero_()
                    measured = time.monotonic()

    def evaluate(self) -> Evaluation:
        """Of the towers together, on the test images: both devices run their half of each."""
        return evaluate_network(self.tower, self.test, self.data.classes)

    def report(self, evaluation: Evaluation) -> Path:
        """Write the report of the run."""
        return write_summary(self.folder, bundle.load(self.folder / "bundle"), self.test, evaluation)

    def _means(self, counts: torch.Tensor) -> tuple[float, float, float]:
        losses, errors, images = counts.tolist()
        return losses / images, 100 * errors / images, images

    def _must_be_a_number(self, loss: float) -> None:
        if not math.isfinite(loss):
            raise UsageError(
                f"the training loss is {loss:g}: training has diverged;"
                f" lower optimizer.lr (now {self.recipe.optimizer.lr})"
            )

    def _end_epoch(
        self, epoch: int, step: int, rate: float, loss: float, error: float, pace: float, seconds: float
    ) -> None:
        found = self.evaluate()
        self.history.append(
            Epoch(
                epoch=epoch,
                step=step,
                learning_rate=rate,
                train_loss=loss,
                train_error=error,
                test_loss=found.loss,
                test_error=found.top1_error,
                test_error_top5=found.top5_error,
                test_images=found.images,
                images_per_second=pace,
                seconds=seconds,
            )
        )
        best = found.top1_error <= min(before.test_error for before in self.history)
        weights = join(self.tower)  # both devices take part
        if not self.leads:
            return
        if self.recipe.keep == "last" or best:
            self._keep({name: tensor.cpu() for name, tensor in weights.items()}, epoch)
        write_metrics(self.folder / METRICS, self.history)

    def _keep(self, weights: Mapping[str, torch.Tensor], epoch: int) -> None:
        self.whole.load_state_dict(weights)
        training = {"data": self.recipe.data, "seed": self.recipe.seed, "epochs": epoch, "devices": "two towers"}
        kept = bundle.Bundle(
            network=self.whole,
            classes=self.data.classes,
            preprocessing=preprocessing_of(self.recipe),
            training=training,
        )
        bundle.save(self.folder / "bundle", kept)

    def _start(self) -> Start:
        return Start(
            time=now(),
            done=0,
            steps=self.stream.steps,
            steps_an_epoch=self.stream.batches.steps,
            environment=environment(),
        )


def take_step(
    tower: Tower, optimizer: torch.optim.Optimizer, batch: Batch, recipe: Recipe, number: int
) -> torch.Tensor:
    """One step of training on both devices; the same as one process would take with the whole network.

    Args:
        tower: this process's.
        optimizer: of its weights.
        batch: the same on both.
        recipe: says the loss, the precision and how long a gradient may be.
        number: of the step, from 0; with the recipe's seed it decides what dropout drops.

    Returns:
        The sum of the images' losses, how many were wrong, how many they were; float64, on the tower's device.
    """
    device = next(tower.parameters()).device
    images, labels = batch.images.to(device), batch.labels.to(device)
    seed_step(recipe.seed, number)  # as one process does: both towers draw the same numbers
    with _precision(recipe, device):
        logits = tower(images).float()
    loss = loss_of(recipe.loss, logits, labels)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    if recipe.clip_norm is not None:
        clip_gradients(tower, recipe.clip_norm)
    optimizer.step()
    if recipe.filter_limit is not None:
        limit_filters(tower, recipe.filter_limit)  # each filter is whole on its device
    wrong = (logits.detach().argmax(dim=1) != labels).sum()
    return torch.stack([loss.detach().double() * len(labels), wrong.double(), wrong.new_tensor(len(labels)).double()])


def clip_gradients(tower: Tower, largest: float) -> None:
    """Scale the gradients of both towers so that their norm, taken over both, is no larger than that."""
    gradients = [parameter.grad for parameter in tower.parameters() if parameter.grad is not None]
    squares = torch.stack([gradient.double().square().sum() for gradient in gradients]).sum()
    dist.all_reduce(squares)
    scale = (largest / (squares.sqrt() + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(scale.to(gradient.dtype))


def followed(recipe: Recipe) -> Recipe:
    """The recipe, if towers can follow it.

    Raises:
        UsageError: it asks for what they know nothing of.
    """
    cannot = {
        "average": recipe.average is not None,
        "augmentation.mix": recipe.augmentation.mix is not None,
        "transfer": recipe.transfer is not None,
        "schedule.name=plateau": recipe.schedule.name == "plateau",
        "optimizer.name=levenberg_marquardt": recipe.optimizer.name == "levenberg_marquardt",
        "accumulate": recipe.accumulate != 1,
        "recompute": recipe.recompute != "none",
        "precision=fp64": recipe.precision == "fp64",
    }
    found = [field for field, given in cannot.items() if given]
    if found:
        raise UsageError(f"training in two towers knows no {found[0]}; leave it out, or train in one process")
    return recipe


def _device() -> torch.device:
    return torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")


def _precision(recipe: Recipe, device: torch.device) -> AbstractContextManager[object]:
    in_bf16 = recipe.precision == "bf16" or (recipe.precision == "auto" and multiplies_bf16())
    return torch.autocast(device.type, torch.bfloat16) if in_bf16 else nullcontext()
