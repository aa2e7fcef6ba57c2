"""How long it takes to inspect a network, and how much memory, against torchinfo and fvcore in the same run.

The network is ResNet-152 at 224 pixels, one image. Ours gives output, parameters, MACs, activation bytes, receptive
field and stride of each row, the totals, and the live peak of eager inference. torchinfo gives kernel sizes, outputs,
parameters and MACs by layer; fvcore FLOPs and parameters by module, and the sizes of activations where its second
counter runs too. Both run torchvision's network of that name on real numbers; ours needs none. Making the network is
timed on both sides or on neither. Rounds alternate, so that a machine whose speed drifts is equally fast for all; the
tables show medians.

    make oracles && .venv-oracles/bin/python benchmarks/inspection.py
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from create_time import torchvision_models
from data_throughput import machine
from rich.console import Console
from rich.table import Table

from classicnets.inspection.cost.machine import measure_machine
from classicnets.inspection.inspection import inspect
from classicnets.inspection.memory.live import live_peak
from classicnets.networks import build, create

NETWORK = "resnet152"
SIZE = (1, 3, 224, 224)
COLUMNS = ("kernel_size", "output_size", "num_params", "mult_adds")
DEEP = ("resnet998_cifar", "resnet1202_cifar", "resnet3002_cifar", "resnet9998_cifar")
DEEP_LIMIT = {"resnet1202_cifar": 3.0}  # seconds, making and inspecting
MEMORY_LIMIT = 1.5  # of a process that has imported torch

PROCESSES = {  # what a fresh process does before it tells how much memory it has held
    "import torch": "import torch",
    f"inspect {NETWORK}": f"""
from classicnets.inspection.inspection import inspect
from classicnets.inspection.memory.live import live_peak
seen = inspect({NETWORK!r})
assert seen.rows and seen.macs and live_peak(seen.trace)""",
}
PEAK = """
from pathlib import Path
lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
print(next(line.split()[1] for line in lines if line.startswith("VmHWM:")))"""

console = Console()


def ours(network: torch.nn.Module | str) -> None:
    """All rows, totals and the live peak; a name is made into a network first."""
    seen = inspect(network)
    assert seen.rows
    assert seen.parameters
    assert seen.macs
    assert seen.activation_bytes
    assert live_peak(seen.trace)


def torchinfo(network: torch.nn.Module) -> None:
    """Its table by layer."""
    from torchinfo import summary

    summary(network, SIZE, col_names=COLUMNS, device="cpu", verbose=0)


def fvcore(network: torch.nn.Module) -> None:
    """FLOPs and parameters, in total and by module."""
    from fvcore.nn import FlopCountAnalysis, parameter_count

    flops = _quiet(FlopCountAnalysis, network)
    assert flops.total()
    assert flops.by_module()
    assert parameter_count(network)


def fvcore_with_activations(network: torch.nn.Module) -> None:
    """Its table, with how many numbers leave convolutions and fully connected layers."""
    from fvcore.nn import ActivationCountAnalysis, FlopCountAnalysis, flop_count_table

    flop_count_table(_quiet(FlopCountAnalysis, network), activations=_quiet(ActivationCountAnalysis, network))


PEERS: Mapping[str, tuple[Callable[[torch.nn.Module], None], float | None]] = {  # and the ratio to stay under
    "torchinfo": (torchinfo, 0.1),
    "fvcore": (fvcore, 0.03),
    "fvcore with activations": (fvcore_with_activations, None),
}


def speed(rounds: int) -> Table:
    """Seconds of ours and of each of theirs."""
    make = torchvision_models().resnet152
    own, other = build(NETWORK), make(weights=None).eval()
    table = Table("", "seconds", "ours", "ratio", "to stay under", title=f"seconds to inspect {NETWORK}")
    for peer, (look, limit) in PEERS.items():
        cases: dict[str, tuple[Callable[[], None], Callable[[], None]]] = {
            "make and inspect": (lambda: ours(NETWORK), lambda look=look: look(make(weights=None).eval())),  # type: ignore[misc]
            "inspect": (lambda: ours(own), lambda look=look: look(other)),  # type: ignore[misc]
        }
        for case, ways in cases.items():
            times = [(_seconds(ways[0]), _seconds(ways[1])) for _ in range(rounds + 1)][1:]  # the first warms up
            here, there = (statistics.median(column) for column in zip(*times, strict=True))
            ratio = statistics.median(a / b for a, b in times)
            table.add_row(f"{peer}, {case}", f"{there:.3f}", f"{here:.3f}", f"{ratio:.3f}", f"{limit or ''}")
    return table


def depth(rounds: int) -> Table:
    """Seconds of deep networks, and by operation: the same for all if the cost is linear."""
    table = Table(
        "", "operations", "make", "inspect", "both", "to stay under", "μs by operation", title="seconds by depth"
    )
    for name in DEEP:
        network = build(name)
        operations = len(inspect(network).trace.operations)
        times = [(_seconds(lambda: build(name)), _seconds(lambda: ours(network))) for _ in range(rounds)]  # noqa: B023
        make, look = (statistics.median(column) for column in zip(*times, strict=True))
        limit = DEEP_LIMIT.get(name, "")
        each = f"{make / operations * 1e6:.0f} + {look / operations * 1e6:.0f}"
        table.add_row(name, f"{operations:,}", f"{make:.2f}", f"{look:.2f}", f"{make + look:.2f}", f"{limit}", each)
    return table


def memory(rounds: int) -> Table:
    """The most that fresh processes have held."""
    peaks = [{what: _peak(code) for what, code in PROCESSES.items()} for _ in range(rounds)]
    table = Table("", "peak, MB", "ratio", "to stay under", title="memory of a process")
    for what in PROCESSES:
        peak = statistics.median(told[what] for told in peaks)
        ratio = statistics.median(told[what] / told["import torch"] for told in peaks)
        limit = "" if what == "import torch" else f"{MEMORY_LIMIT}"
        table.add_row(what, f"{peak / 1000:.0f}", f"{ratio:.2f}", limit)
    return table


def rooflines(rounds: int) -> Table:
    """The least time that each network takes on this machine beside the time that it takes."""
    here = measure_machine()
    table = Table("", "least, ms", "measured, ms", "ratio", "to stay under", title="roofline of this machine")
    for name in ("resnet18", "vgg16", "googlenet", "resnet50"):
        seen = inspect(name)
        network, images = create(name).eval(), torch.zeros(1, *seen.input)
        with torch.inference_mode():
            network(images)
            taken = min(_seconds(lambda: network(images)) for _ in range(rounds))  # noqa: B023
        least = seen.roofline(here).seconds
        table.add_row(name, f"{1000 * least:.1f}", f"{1000 * taken:.1f}", f"{least / taken:.2f}", "1")
    return table


def main(
    rounds: Annotated[int, typer.Option(help="Times that ResNet-152 is inspected each way.")] = 7,
    deep_rounds: Annotated[int, typer.Option(help="Times that each deep network is made and inspected.")] = 3,
) -> None:
    """Print seconds, memory and ratios."""
    for table in (memory(deep_rounds), speed(rounds), depth(deep_rounds), rooflines(rounds)):
        console.print(table)
    console.print(", ".join(f"{name} {value}" for name, value in machine().items()), style="dim")


def _quiet(analysis: Any, network: torch.nn.Module) -> Any:
    return analysis(network, torch.zeros(SIZE)).unsupported_ops_warnings(False).uncalled_modules_warnings(False)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _peak(code: str) -> int:
    """In kilobytes, of a process of its own."""
    ended = subprocess.run(
        [sys.executable, "-c", code + PEAK], capture_output=True, text=True, check=True, cwd=Path(__file__).parent
    )
    return int(ended.stdout)


if __name__ == "__main__":
    typer.run(main)
