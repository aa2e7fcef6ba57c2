"""How much memory loading a ResNet-50 takes, in sizes of its file, against the usual way in the same run.

Each way loads a file of about 100 MB in a process of its own, and then reads every number once, as a first use does.
The figures are the most memory that the process held at any time until then, less what it held before: a file that is
mapped counts as soon as it is read. The usual way makes a network with fresh weights, reads the file with `torch.load`
and copies the one to the other.

    python benchmarks/load_memory.py --json memory.json
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table

import classicnets as cn
from classicnets.files import write_text
from classicnets.networks import build
from classicnets.weights.exchange import export_state

NETWORK = "resnet50_v1_5"
LIMIT = 1.3  # sizes of the file

console = Console()


def usual(file: str) -> torch.nn.Module:
    """A network with fresh weights, the file's copied over them."""
    network = cn.create(NETWORK)
    state = torch.load(file, weights_only=True)
    names = dict(zip(export_state("torchvision", network), network.state_dict(), strict=True))
    network.load_state_dict({names[theirs]: tensor for theirs, tensor in state.items()})
    return network


def explicit(file: str) -> torch.nn.Module:
    """The file, with its network named."""
    return cn.load(f"torchvision:resnet50@{file}")


def for_ten_classes(file: str) -> torch.nn.Module:
    """The file with a fresh head."""
    return cn.load(f"torchvision:resnet50@{file}", num_classes=10)


WAYS: Mapping[str, tuple[Callable[[str], torch.nn.Module], str]] = {
    "load .safetensors": (explicit, "resnet50.safetensors"),
    "load .pth": (explicit, "resnet50.pth"),
    "load .pth, unnamed": (cn.load, "resnet50.pth"),
    "load .pth of before 2020": (explicit, "old.pth"),
    "load .pth for 10 classes": (for_ten_classes, "resnet50.pth"),
    "create, torch.load, copy": (usual, "resnet50.pth"),
}
"""What is measured: how a network is loaded, and which file."""


def held(field: str) -> int:
    """Bytes of memory that this process holds (``VmRSS``) or has held at the most (``VmHWM``)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


def measure(way: str, file: str) -> dict[str, float]:
    """Load a file one way in this process, which has loaded nothing before."""
    load, _ = WAYS[way]
    build(NETWORK)  # what it imports is no part of the file's cost
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak counts from here on
    before, began = held("VmRSS"), time.perf_counter()
    network = load(file)
    seconds = time.perf_counter() - began
    loaded = held("VmHWM") - before
    for tensor in network.state_dict().values():
        tensor.sum()
    return {"seconds": seconds, "loaded": loaded, "used": held("VmHWM") - before}


def measured_apart(way: str, file: Path) -> dict[str, float]:
    """The same in a process of its own, in sizes of the file."""
    ended = subprocess.run(
        [sys.executable, __file__, "--way", way, "--file", str(file)], capture_output=True, text=True, check=True
    )
    told: dict[str, float] = json.loads(ended.stdout)
    size = file.stat().st_size
    return {"megabytes": size / 1e6, **told, "loaded": told["loaded"] / size, "used": told["used"] / size}


def write_files(folder: Path) -> None:
    """The weights of a fresh network in each of the formats."""
    network = cn.create(NETWORK)
    for file in ("resnet50.pth", "resnet50.safetensors"):
        cn.save_as("torchvision", network, folder / file)
    torch.save(export_state("torchvision", network), folder / "old.pth", _use_new_zipfile_serialization=False)


def main(
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
    way: Annotated[str | None, typer.Option(hidden=True)] = None,
    file: Annotated[str | None, typer.Option(hidden=True)] = None,
) -> None:
    """Measure every way, each in a process of its own."""
    if way is not None and file is not None:
        print(json.dumps(measure(way, file)))
        return
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder))
        results = {way: measured_apart(way, Path(folder) / file) for way, (_, file) in WAYS.items()}
    table = Table("way", "file, MB", "loaded", "and used", "seconds", box=None)
    for name, told in results.items():
        table.add_row(
            name,
            f"{told['megabytes']:.0f}",
            f"{told['loaded']:.2f} x",
            f"{told['used']:.2f} x",
            f"{told['seconds']:.2f}",
        )
    console.print(table)
    console.print(f"Peak memory in sizes of the file; at most {LIMIT} x is wanted of load. torch {torch.__version__}.")
    if json_file is not None:
        write_text(json_file, json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    typer.run(main)
