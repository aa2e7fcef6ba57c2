"""How many images a second a network learns from, against the plain PyTorch way in the same run.

Three sides, each in a process of its own that stands still while another one works:

- classicnets: the trainer, the batches and the step that `classicnets train` uses;
- plain loop: eager, NCHW, float32, a DataLoader with two workers that augment image by image with Pillow;
- plain step: the same network and step on one batch that is already there, no data pipeline at all.

ResNet-20 learns from CIFAR-10. With ``--network resnet50`` or another one for large images, images of noise are in
memory, and the plain step alone is what ours is compared with: the usual pipeline would wait for its two workers.

The sides take turns every few seconds, so that a machine whose speed drifts is equally fast for all of them. Shorter
turns mislead: threads that have just been woken share a core for a while. A ratio is taken between neighbouring blocks
of steps; the table shows medians.

    python benchmarks/train_throughput.py --data-dir DATA --json throughput.json
    python benchmarks/train_throughput.py --network resnet50 --batch 16 --steps 4 --rounds 3
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from itertools import repeat
from pathlib import Path
from typing import Annotated, Any

import lightning
import numpy as np
import torch
import torch.nn.functional as F
import typer
from data_throughput import PlainMemory, machine
from rich.console import Console
from rich.table import Table
from torch import nn
from torch.utils.data import DataLoader

from classicnets.data.images import DataSet, ImageArray
from classicnets.data.sets import open_data
from classicnets.files import write_text
from classicnets.networks import create
from classicnets.training.module import TrainedNetwork
from classicnets.training.parts import filled_in, network_of, quiet_lightning, stream_of, trainer_of
from classicnets.training.processor import keep_freed_memory
from classicnets.training.recipe.reading import complete, merge
from classicnets.training.recipe.shipped import default_recipe

SMALL = "resnet20_cifar"
WARM_UP = 10  # steps before the first block, for large images fewer
OURS = "classicnets"
SIDES = (OURS, "plain loop", "plain step")

console = Console()


class Pace:
    """A side's end of the line: waits for the word to go on, and answers with the seconds that a block took."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.taken = -min(WARM_UP, steps)
        self.started = 0.0

    def step(self) -> None:
        """To be called after each step."""
        self.taken += 1
        if self.taken == self.steps:
            print(time.perf_counter() - self.started, flush=True)
        if self.taken in (0, self.steps):
            sys.stdin.readline()
            self.taken, self.started = 0, time.perf_counter()


class PlainBlock(nn.Module):
    """A residual block as it is usually written."""

    def __init__(self, arrives: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(arrives, channels, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.stride, self.extra = stride, channels - arrives

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        out = F.relu(self.norm1(self.conv1(inputs)))
        out = self.norm2(self.conv2(out))
        if self.extra:
            half = self.extra // 2
            inputs = F.pad(inputs[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, half, half))
        out += inputs
        return F.relu(out)


def plain_network() -> nn.Module:
    """ResNet-20 as it is usually written."""
    blocks: list[nn.Module] = []
    arrives = 16
    for channels in (16, 32, 64):
        for number in range(3):
            blocks.append(PlainBlock(arrives, channels, 2 if number == 0 and channels > 16 else 1))
            arrives = channels
    stem = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True)]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def train_plainly(network: nn.Module, batches: Iterable[Any], pace: Pace) -> None:
    """The usual training loop."""
    network.train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    total_loss = 0.0
    for inputs, labels in batches:
        optimizer.zero_grad()
        loss = F.cross_entropy(network(inputs), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total_loss += loss.item()
        pace.step()


def plain_loop(data_dir: Path | None, batch: int, pace: Pace) -> None:
    """With the usual data pipeline."""
    images = open_data("cifar10", data_dir=data_dir).train
    assert isinstance(images, ImageArray)
    loader = DataLoader(PlainMemory(images), batch_size=batch, shuffle=True, num_workers=2, persistent_workers=True)
    train_plainly(plain_network(), (group for epoch in repeat(loader) for group in epoch), pace)


def plain_step(name: str, batch: int, pace: Pace) -> None:
    """Without any data pipeline."""
    # A network for large images is as torchvision's, row by row; what differs is how its step is taken.
    network = plain_network() if name == SMALL else create(name)
    size, classes = (32, 10) if name == SMALL else (224, 1000)
    train_plainly(network, repeat((torch.randn(batch, 3, size, size), torch.randint(0, classes, (batch,)))), pace)


def noise(batch: int) -> DataSet:
    """Large images of noise, enough for a few batches."""
    pixels = torch.randint(0, 256, (4 * batch, 224, 224, 3), dtype=torch.uint8)
    images = ImageArray(pixels=pixels, labels=np.arange(4 * batch, dtype=np.int64) % 1000)
    return DataSet(name="noise", classes=tuple(map(str, range(1000))), train=images, test=images)


def ours(name: str, data_dir: Path | None, batch: int, pace: Pace) -> None:
    """As `classicnets train` does it, but for what a run keeps on disk."""

    class Paced(lightning.Callback):
        def on_train_batch_end(self, *_arguments: Any) -> None:
            pace.step()

    wanted = {"network": name, "data": "cifar10", "epochs": 1000, "batch_size": batch}
    recipe = complete(merge(default_recipe(name, "cifar10"), wanted))
    data = open_data("cifar10", data_dir=data_dir) if name == SMALL else noise(batch)
    network = network_of(recipe, data)
    recipe = filled_in(recipe, network)
    stream = stream_of(recipe, data)
    keep_freed_memory()
    with quiet_lightning():
        trainer_of(recipe, Paced()).fit(TrainedNetwork(network, recipe, len(stream)), stream)


class Side:
    """One side's process, seen from outside."""

    def __init__(self, name: str, network: str, data_dir: Path | None, batch: int, steps: int) -> None:
        command = [sys.executable, __file__, "--side", name, "--network", network, "--steps", str(steps)]
        command += ["--batch", str(batch)]
        command += ["--data-dir", str(data_dir)] if data_dir else []
        self.images = steps * batch
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def images_per_second(self) -> float:
        """Have it take a block of steps."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(file=self.process.stdin, flush=True)
        return self.images / float(self.process.stdout.readline())

    def end(self) -> None:
        """Have it work no more."""
        self.process.kill()
        self.process.wait()


def main(
    data_dir: Annotated[Path | None, typer.Option(help="Where data sets lie.")] = None,
    network: Annotated[str, typer.Option(help="Which network learns.")] = SMALL,
    batch: Annotated[int, typer.Option(help="Images a step.")] = 128,
    steps: Annotated[int, typer.Option(help="How many steps a side takes before it is another's turn.")] = 50,
    rounds: Annotated[int, typer.Option(min=2, help="How often the sides take turns.")] = 6,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")] = None,
    side: Annotated[str | None, typer.Option(hidden=True)] = None,
) -> None:
    """Measure, print a table, and write JSON where asked."""
    if side is not None:
        pace = Pace(steps)
        run = {
            OURS: lambda: ours(network, data_dir, batch, pace),
            "plain loop": lambda: plain_loop(data_dir, batch, pace),
        }
        run.get(side, lambda: plain_step(network, batch, pace))()
        return
    names = [name for name in SIDES if network == SMALL or name != "plain loop"]
    sides = [Side(name, network, data_dir, batch, steps) for name in names]
    try:
        for one in sides:
            one.images_per_second()  # waits until it is warm
        measured = []
        with console.status("the sides take turns"):
            for _ in range(rounds):
                measured.append({name: one.images_per_second() for name, one in zip(names, sides, strict=True)})
    finally:
        for one in sides:
            one.end()
    report(f"{network}, batch {batch}", measured, json_file)


def report(what: str, measured: list[dict[str, float]], json_file: Path | None) -> None:
    """Print the table, and write JSON where asked."""
    table = Table(what, "images/s", "classicnets is faster by", "quartiles", box=None)
    figures: dict[str, Any] = {"machine": machine(), "rounds": measured, "images_per_second": {}, "ratio": {}}
    for name in measured[0]:
        rate = statistics.median(rates[name] for rates in measured)
        ratios = [rates[OURS] / rates[name] for rates in measured]
        low, middle, high = statistics.quantiles(ratios, n=4)
        figures["images_per_second"][name], figures["ratio"][name] = rate, middle
        faster = ("", "") if name == OURS else (f"{middle:.2f}x", f"{low:.2f} to {high:.2f}")
        table.add_row(name, f"{rate:,.0f}", *faster)
    console.print(table)
    console.print(", ".join(f"{key} {value}" for key, value in figures["machine"].items()), style="dim")
    if json_file is not None:
        write_text(json_file, json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    typer.run(main)
