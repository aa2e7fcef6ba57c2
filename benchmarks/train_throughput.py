"""How many images a second ResNet-20 learns from on CIFAR-10, against the plain PyTorch way in the same run.

Three sides, each in a process of its own, in turn, round after round:

- classicnets: `classicnets train` as a user runs it, data pipeline and all, tests and checkpoints not counted;
- plain loop: eager, NCHW, float32, a DataLoader with two workers that augment image by image with Pillow;
- plain step: the same network and step on one batch that is already there, no data pipeline at all.

The table shows medians, and ratios to each plain side taken within a round.

    python benchmarks/train_throughput.py --data-dir DATA --json throughput.json
"""

import csv
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from itertools import repeat
from pathlib import Path
from typing import Annotated, Any

import torch
import torch.nn.functional as F
import typer
from data_throughput import PlainMemory
from rich.console import Console
from rich.table import Table
from torch import nn
from torch.utils.data import DataLoader

from classicnets.data.images import ImageArray
from classicnets.data.sets import open_data
from classicnets.files import write_text

BATCH = 128
WARM_UP = 8  # steps before the clock runs
SIDES = ("classicnets", "plain loop", "plain step")

console = Console()


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


def plain_rate(batches: Iterable[Any], seconds: float) -> float:
    """Images a second of the usual training loop over ``batches``."""
    network = plain_network().train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    images, started, total_loss = 0, 0.0, 0.0
    for step, (inputs, labels) in enumerate(batches):
        if step == WARM_UP:
            started = time.perf_counter()
        optimizer.zero_grad()
        loss = F.cross_entropy(network(inputs), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total_loss += loss.item()
        if step >= WARM_UP:
            images += len(labels)
            if time.perf_counter() - started > seconds:
                break
    return images / (time.perf_counter() - started)


def plain_loop(data_dir: Path | None, seconds: float) -> float:
    """With the usual data pipeline."""
    images = open_data("cifar10", data_dir=data_dir).train
    assert isinstance(images, ImageArray)
    return plain_rate(DataLoader(PlainMemory(images), batch_size=BATCH, shuffle=True, num_workers=2), seconds)


def plain_step(seconds: float) -> float:
    """Without any data pipeline."""
    return plain_rate(repeat((torch.randn(BATCH, 3, 32, 32), torch.randint(0, 10, (BATCH,)))), seconds)


def classicnets_rate(data_dir: Path | None) -> float:
    """What `classicnets train` writes into metrics.csv for an epoch."""
    from classicnets.training.recipe import default_recipe, merge
    from classicnets.training.run import train

    wanted = {"network": "resnet20_cifar", "data": "cifar10", "epochs": 1, "batch_size": BATCH}
    with tempfile.TemporaryDirectory() as folder:
        run = train(merge(default_recipe("resnet20_cifar", "cifar10"), wanted), out=Path(folder), data_dir=data_dir)
        with (run.folder / "metrics.csv").open(newline="") as file:
            return float(next(csv.DictReader(file))["images_per_second"])


def measure(side: str, data_dir: Path | None, seconds: float) -> float:
    """One side's images a second, in a fresh process, so that no side profits from another's settings."""
    command = [sys.executable, __file__, "--side", side, "--seconds", str(seconds)]
    command += ["--data-dir", str(data_dir)] if data_dir else []
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout.splitlines()[-1])


def main(
    data_dir: Annotated[Path | None, typer.Option(help="Where data sets lie.")] = None,
    seconds: Annotated[float, typer.Option(help="How long each plain side runs.")] = 20,
    rounds: Annotated[int, typer.Option(help="How often the sides take turns.")] = 3,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")] = None,
    side: Annotated[str | None, typer.Option(hidden=True)] = None,
) -> None:
    """Measure, print a table, and write JSON where asked."""
    if side is not None:
        rates = {
            "classicnets": lambda: classicnets_rate(data_dir),
            "plain loop": lambda: plain_loop(data_dir, seconds),
            "plain step": lambda: plain_step(seconds),
        }
        print(rates[side]())
        return
    measured = []
    for number in range(rounds):
        with console.status(f"round {number + 1} of {rounds}"):
            measured.append({side: measure(side, data_dir, seconds) for side in SIDES})
    table = Table("ResNet-20, CIFAR-10, batch 128", "images/s", "classicnets is faster by", box=None)
    figures: dict[str, Any] = {"machine": machine(), "rounds": measured, "images_per_second": {}, "ratio": {}}
    for name in SIDES:
        rate = statistics.median(figures_of[name] for figures_of in measured)
        ratio = statistics.median(figures_of["classicnets"] / figures_of[name] for figures_of in measured)
        figures["images_per_second"][name], figures["ratio"][name] = rate, ratio
        table.add_row(name, f"{rate:,.0f}", "" if name == "classicnets" else f"{ratio:.2f}x")
    console.print(table)
    console.print(", ".join(f"{what} {value}" for what, value in machine().items()), style="dim")
    if json_file is not None:
        write_text(json_file, json.dumps(figures, indent=2) + "\n")


def machine() -> dict[str, Any]:
    """What the figures hold for."""
    return {
        "processor": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    typer.run(main)
