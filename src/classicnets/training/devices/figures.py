"""What two towers cost: bytes that cross between them, and what each device holds and computes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import nn

from classicnets.inspection.inspection import Inspection
from classicnets.inspection.modes import Optimizer
from classicnets.inspection.terminal import table
from classicnets.inspection.tracing.recording import trace
from classicnets.inspection.units import count, short, size
from classicnets.networks.chain import Chain
from classicnets.training.devices.towers import Tower
from classicnets.training.devices.wire import DEVICES, PretendedWire, Way

if TYPE_CHECKING:
    from rich.console import RenderableType

_BYTES = 4  # of a float32


class Crossing(NamedTuple):
    """What crosses before a row in one training step, in bytes.

    Attributes:
        row: the row that reads it.
        to_device_1: in the forward pass, from device 0.
        to_device_0: in the forward pass, from device 1.
        back_to_device_1: in the backward pass, from device 0.
        back_to_device_0: in the backward pass, from device 1.
    """

    row: str
    to_device_1: int
    to_device_0: int
    back_to_device_1: int
    back_to_device_0: int

    @property
    def bytes(self) -> int:
        """All four."""
        return self.to_device_1 + self.to_device_0 + self.back_to_device_1 + self.back_to_device_0


class Load(NamedTuple):
    """What one device has to carry.

    Attributes:
        device: "0" or "1"; "one" is a device that holds the whole network.
        parameters: trainable numbers.
        macs: multiply-accumulates of a forward pass for one image.
        weights: bytes.
        training_peak: the most that a training step holds besides the weights and the images, in bytes: activations,
            gradients, the optimizer's state.
    """

    device: str
    parameters: int
    macs: int
    weights: int
    training_peak: int


@dataclass(frozen=True, kw_only=True)
class TwoDevices:
    """A network in two towers, in figures.

    Attributes:
        network: its name.
        batch: images a step.
        crossings: row by row.
        devices: both, and one that does all alone.
        gradients: bytes that would cross if each device had the whole network and half of the images: all gradients,
            in both directions together.
    """

    network: str
    batch: int
    crossings: tuple[Crossing, ...]
    devices: tuple[Load, ...]
    gradients: int

    @property
    def bytes(self) -> int:
        """What crosses in one training step, in both directions together."""
        return sum(crossing.bytes for crossing in self.crossings)

    def to_dict(self) -> dict[str, Any]:
        """All figures in lists and dictionaries."""
        return {
            "network": self.network,
            "batch": self.batch,
            "bytes": self.bytes,
            "gradients": self.gradients,
            "crossings": [{**crossing._asdict(), "bytes": crossing.bytes} for crossing in self.crossings],
            "devices": [device._asdict() for device in self.devices],
        }

    def remarks(self) -> list[str]:
        """What the tables do not say."""
        return [
            f"{self.batch} images a step, float32: {size(self.bytes)} cross; were the images shared out and the whole"
            f" network on both devices, gradients of {size(self.gradients)} would",
            "training, besides: activations, gradients, momentum at their peak; weights and images apart",
        ]

    def __rich__(self) -> "RenderableType":
        from rich.console import Group

        return Group(self._crossings(), "", self._devices())

    def _crossings(self) -> "RenderableType":
        figures = ("forward 0 to 1", "forward 1 to 0", "backward 0 to 1", "backward 1 to 0", "together")
        made = table("read by", *figures, numbers=figures)
        for crossing in self.crossings:
            made.add_row(crossing.row, *(_or_nothing(number) for number in (*crossing[1:], crossing.bytes)))
        made.add_section()
        sums = (sum(column) for column in zip(*(crossing[1:] for crossing in self.crossings), strict=True))
        made.add_row("total", *(size(number) for number in sums), size(self.bytes), style="bold")
        return made

    def _devices(self) -> "RenderableType":
        figures = ("parameters", "MACs, one image", "weights", "training, besides")
        made = table("device", *figures, numbers=figures)
        for load in self.devices:
            sizes = (size(load.weights), size(load.training_peak))
            made.add_row(load.device, count(load.parameters), short(load.macs), *sizes)
        return made


def two_devices(network: Chain, *, batch: int = 128, optimizer: Optimizer = "momentum") -> TwoDevices:
    """Figures of a network in two towers for a training step in float32.

    Args:
        network: with or without weights (`classicnets.networks.build`).
        batch: images a step.
        optimizer: whose state a device holds.

    Raises:
        UsageError: the network has no two towers.
    """

    def load(device: str, module: nn.Module) -> Load:
        found = Inspection(module, network.input_shape, batch=batch, optimizer=optimizer)
        return Load(device, found.parameters, found.macs, _BYTES * found.parameters, found.training_memory.peak)

    crossed, loads = [], []
    for rank in range(DEVICES):
        wire = PretendedWire(rank)
        tower = Tower(network, wire).to(device="meta", dtype=torch.float32)
        loads.append(load(str(rank), tower))
        wire.sent.clear()
        trace(tower, torch.zeros(batch, *network.input_shape, device="meta"), training=True)
        crossed.append(dict(wire.sent))
    alone = load("one", network)
    return TwoDevices(
        network=network.name,
        batch=batch,
        crossings=tuple(_crossing(row, *crossed) for row in network.rows if _crosses(row, *crossed)),
        devices=(*loads, alone),
        gradients=DEVICES * alone.weights,
    )


def _crossing(row: str, by_0: dict[Way, int], by_1: dict[Way, int]) -> Crossing:
    forward, backward = Way(row, backward=False), Way(row, backward=True)
    return Crossing(row, by_0.get(forward, 0), by_1.get(forward, 0), by_0.get(backward, 0), by_1.get(backward, 0))


def _crosses(row: str, *sides: dict[Way, int]) -> bool:
    return any(Way(row, backward) in sent for sent in sides for backward in (False, True))


def _or_nothing(number: int) -> str:
    return size(number) if number else ""
