"""How fast a machine computes and moves numbers, stated or measured."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import torch

Certainty = Literal["printed", "computed", "recalled", "measured"]
"""printed: read in print about the machine; computed: arithmetic over such figures; recalled: not verified."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What a machine does at best, in float32.

    Attributes:
        name: of the processor.
        flops_per_second: floating point operations, two per multiply-accumulate.
        bytes_per_second: read and written together.
        overhead_seconds: the least that an operation takes, however small.
        certainty: of the figures, the least certain one.
        source: where they come from.
    """

    name: str
    flops_per_second: float
    bytes_per_second: float
    overhead_seconds: float = 0.0
    certainty: Certainty = "recalled"
    source: str = ""

    @property
    def ridge(self) -> float:
        """Operations per byte from which on the processor and no longer the memory sets the time."""
        return self.flops_per_second / self.bytes_per_second


MACHINES: Mapping[str, Machine] = MappingProxyType(
    {
        "gtx580": Machine(
            name="NVIDIA GeForce GTX 580, of which AlexNet's paper used two",
            flops_per_second=1.581e12,
            bytes_per_second=192.4e9,
            certainty="computed",
            source="reviews of 2010: 512 processors at 1.544 GHz, 2 operations each; 192.4 GB/s",
        ),
        "t4": Machine(
            name="NVIDIA T4",
            flops_per_second=8.141e12,
            bytes_per_second=320e9,
            certainty="printed",
            source="published comparisons: 8.141 TFLOPS in FP32, 320 GB/s",
        ),
        "a100": Machine(
            name="NVIDIA A100 SXM 80 GB, without TF32",
            flops_per_second=19.5e12,
            bytes_per_second=2.039e12,
            certainty="printed",
            source="published summaries of the data sheet: 19.5 TFLOPS in FP32, 2,039 GB/s",
        ),
        "h100": Machine(
            name="NVIDIA H100 SXM, without TF32",
            flops_per_second=66.9e12,
            bytes_per_second=3.35e12,
            certainty="printed",
            source="published summaries of the data sheet: 66.9 TFLOPS in FP32, 3.35 TB/s",
        ),
        "h200": Machine(
            name="NVIDIA H200 SXM, without TF32",
            flops_per_second=66.9e12,
            bytes_per_second=4.8e12,
            certainty="printed",
            source="published summaries of the data sheet: 66.9 TFLOPS in FP32, 4.8 TB/s",
        ),
        "raspberry_pi_4": Machine(
            name="Raspberry Pi 4, four Cortex-A72 at 1.5 GHz",
            flops_per_second=48e9,
            bytes_per_second=5.56e9,
            certainty="recalled",
            source="1.5 GHz x 4 cores x 8 operations a cycle, the 8 recalled; 5.56 GB/s by the STREAM benchmark",
        ),
    }
)
"""Machines whose figures are published: peaks, which no network reaches. None has an overhead stated."""


def measure_machine(device: str | torch.device = "cpu", *, seconds: float = 1.0) -> Machine:
    """Time a matrix product, a copy, a sum and an operation on one number; the best time of each counts.

    Processors read what they are about to overwrite, so that reading alone can be faster than copying.

    Args:
        device: to measure, with as many threads as torch is set to use.
        seconds: to spend, about.
    """
    place = torch.device(device)
    on_processor = place.type == "cpu"
    side = 1024 if on_processor else 8192
    floats = 2**24 if on_processor else 2**28
    matrix, product = torch.rand(side, side, device=place), torch.empty(side, side, device=place)
    multiplying = _best(lambda: torch.mm(matrix, matrix, out=product), place, seconds / 2)
    read, written = torch.ones(floats, device=place), torch.ones(floats, device=place)
    copying = _best(lambda: written.copy_(read), place, seconds / 6)
    reading = _best(read.sum, place, seconds / 6)
    number = torch.zeros(1, device=place)
    counting = _best(lambda: _count_up(number), place, seconds / 6)
    return Machine(
        name=f"this machine's {place}",
        flops_per_second=2 * side**3 / multiplying,
        bytes_per_second=4 * floats * max(2 / copying, 1 / reading),
        overhead_seconds=counting / _COUNTED,
        certainty="measured",
        source=f"torch {torch.__version__}, {torch.get_num_threads()} threads",
    )


_COUNTED = 500


def _count_up(number: torch.Tensor) -> None:
    for _ in range(_COUNTED):
        number.add_(1)


def _best(work: Callable[[], object], place: torch.device, budget: float) -> float:
    """The shortest of the times that ``work`` takes, tried again until the budget is spent; in seconds."""
    work()
    _finish(place)
    spent, best = 0.0, float("inf")
    while spent < budget:
        begun = time.perf_counter()
        work()
        _finish(place)
        taken = time.perf_counter() - begun
        spent += taken
        best = min(best, taken)
    return best


def _finish(place: torch.device) -> None:
    if place.type != "cpu":
        torch.accelerator.synchronize(place)
