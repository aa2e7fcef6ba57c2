"""How long a network takes to be made, against torchvision's in the same run.

Both sides make the network with its first weights; torchvision must be importable beside this torch, so this runs in
the environment of the oracles. Rounds alternate, so that a machine whose speed drifts is equally fast for both; the
table shows medians.

    make oracles && .venv-oracles/bin/python benchmarks/create_time.py
"""

import statistics
import time
import warnings
from collections.abc import Callable
from typing import Annotated, Any

import torch
import typer
from data_throughput import machine
from rich.console import Console
from rich.table import Table

import classicnets as cn

PAIRS = {  # ours: torchvision's, and the ratio to stay under
    "resnet152": ("resnet152", 0.7),
    "inception_v3": ("inception_v3", 0.3),
    "googlenet_bn": ("googlenet", None),
    "vgg16": ("vgg16", None),
    "resnet50_v1_5": ("resnet50", None),
}


def main(rounds: Annotated[int, typer.Option(help="Times that each network is made.")] = 5) -> None:
    """Print seconds and ratios."""
    models = torchvision_models()
    made = Table("network", "seconds", "torchvision", "ratio", "to stay under", title="seconds to make a network")
    for ours, (theirs, limit) in PAIRS.items():
        here, there = [], []
        for _ in range(rounds + 1):  # the first round warms up
            here.append(_seconds(lambda name=ours: cn.create(name)))  # type: ignore[misc]
            there.append(_seconds(lambda name=theirs: getattr(models, name)(weights=None)))  # type: ignore[misc]
        seconds, other = statistics.median(here[1:]), statistics.median(there[1:])
        ratio = statistics.median(a / b for a, b in zip(here[1:], there[1:], strict=True))
        made.add_row(ours, f"{seconds:.3f}", f"{other:.3f}", f"{ratio:.2f}", "" if limit is None else f"{limit}")
    Console().print(made)
    Console().print(", ".join(f"{name} {value}" for name, value in machine().items()), style="dim")


def _seconds(make: Callable[[], object]) -> float:
    start = time.perf_counter()
    make()
    return time.perf_counter() - start


def torchvision_models() -> Any:
    """Its models; `torch.library` is told first what it misses."""
    # PyTorch's processor build lacks two operators that torchvision extends when it is imported.
    torch.library.define("torchvision::nms", "(Tensor a, Tensor b, float c) -> Tensor")
    torch.library.define("torchvision::qnms", "(Tensor a, Tensor b, float c) -> Tensor")
    warnings.filterwarnings("ignore", category=FutureWarning)  # of its own first weights
    from torchvision import models

    return models


if __name__ == "__main__":
    typer.run(main)
