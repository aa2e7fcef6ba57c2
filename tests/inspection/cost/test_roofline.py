"""Intensity, and the least time that a network takes on a machine."""

import pytest
import torch
from torch import nn

from classicnets.inspection.cost.machine import MACHINES, Machine, measure_machine
from classicnets.inspection.cost.roofline import bytes_moved, flops, intensity, roofline
from classicnets.inspection.tracing.recording import trace
from classicnets.inspection.tracing.trace import Trace
from classicnets.networks import build

ROUND = Machine(name="round numbers", flops_per_second=1000.0, bytes_per_second=100.0)


def traced(name: str, batch: int = 1) -> Trace:
    network = build(name)
    return trace(network, torch.zeros(batch, *network.input_shape, device="meta"))


def traced_module(module: nn.Module, *shape: int) -> Trace:
    return trace(module, torch.zeros(shape, device="meta"))


def test_a_convolution_reads_image_and_weights_and_writes_maps() -> None:
    found = traced_module(nn.Conv2d(3, 8, 3, padding=1), 2, 3, 5, 5)
    (operation,) = found.operations
    assert flops(operation) == 2 * (2 * 8 * 25 * 27) + 2 * 8 * 25
    assert bytes_moved(operation, found) == 4 * (2 * 3 * 25 + 8 * 27 + 8 + 2 * 8 * 25)
    assert intensity(found.operations, found) == 22_000 / 3_096


def test_views_move_nothing_and_an_in_place_operation_reads_and_writes() -> None:
    found = traced_module(nn.Sequential(nn.Flatten(), nn.ReLU(inplace=True)), 2, 3, 5, 5)
    assert [bytes_moved(operation, found) for operation in found.operations] == [0, 2 * 4 * 150]


def test_a_value_given_twice_is_read_once_and_an_expanded_one_as_it_lies_in_memory() -> None:
    class Square(nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return (inputs * inputs) + inputs[:1].expand_as(inputs)

    found = traced_module(Square(), 10, 10)
    moved = {operation.name: bytes_moved(operation, found) for operation in found.operations}
    assert moved["mul"] == 4 * 200
    assert moved["expand"] == 0
    assert moved["add"] == 4 * 300  # the storage that the expanded row lies in


def test_seconds_by_hand() -> None:
    network = nn.Sequential(nn.Conv2d(1, 4, 5, bias=False), nn.ReLU())
    found = roofline(traced_module(network, 1, 1, 8, 8), ROUND)
    convolution, relu = found.rows
    assert (convolution.flops, convolution.bytes) == (2 * 4 * 16 * 25, 4 * (64 + 100 + 64))
    assert (convolution.seconds, convolution.bound) == (9.12, "memory")
    assert (relu.seconds, relu.bound) == (5.12, "memory")
    assert found.seconds == pytest.approx(14.24)
    wide = Machine(name="fast memory", flops_per_second=100.0, bytes_per_second=1e6)
    assert roofline(traced_module(network, 1, 1, 8, 8), wide).rows[0].bound == "compute"
    slow = Machine(name="slow to start", flops_per_second=1e9, bytes_per_second=1e9, overhead_seconds=1.0)
    assert [(row.seconds, row.bound) for row in roofline(traced_module(network, 1, 1, 8, 8), slow).rows] == [
        (1.0, "overhead"),
        (1.0, "overhead"),
    ]


def test_a_batch_reads_the_weights_once() -> None:
    one, many = (roofline(traced("alexnet", batch), MACHINES["a100"]) for batch in (1, 64))
    rows = {row.name: row for row in many.rows}
    fc6 = next(row for row in one.rows if row.name == "fc6")
    assert fc6.bound == "memory"
    assert fc6.intensity < 0.51
    assert rows["fc6"].intensity > 20
    assert rows["conv2"].bound == "compute"
    assert many.seconds < 64 * one.seconds


def test_networks_of_small_kernels_are_bound_by_memory_between_convolutions() -> None:
    found = roofline(traced("vgg16"), MACHINES["h100"])
    bounds = {row.name: row.bound for row in found.rows}
    assert bounds["conv3_2"] == "compute"
    assert bounds["pool1"] == bounds["fc6"] == "memory"
    assert sum(row.seconds for row in found.rows) == pytest.approx(found.seconds)
    # 15.5 G MACs at 66.9 TFLOPS take 0.46 ms; its 138 M weights at 3.35 TB/s 0.17 ms.
    assert 0.00046 < found.seconds < 0.0012


def test_a_training_pass_takes_longer() -> None:
    network = build("resnet20_cifar")
    images = torch.zeros(8, 3, 32, 32, device="meta")
    forward = roofline(trace(network, images), MACHINES["t4"])
    both = roofline(trace(network, images, training=True), MACHINES["t4"])
    assert 2 * forward.seconds < both.seconds < 6 * forward.seconds


def test_stated_machines_say_where_their_figures_come_from() -> None:
    assert {"a100", "raspberry_pi_4"} <= MACHINES.keys()
    for machine in MACHINES.values():
        assert machine.source
        assert 1 < machine.ridge < 100
    assert MACHINES["a100"].certainty == "printed"
    assert MACHINES["raspberry_pi_4"].certainty == "recalled"


def test_a_measured_machine_says_so() -> None:
    machine = measure_machine(seconds=0.1)
    assert machine.certainty == "measured"
    assert 1e8 < machine.flops_per_second < 1e15
    assert 1e8 < machine.bytes_per_second < 1e14
    assert 0 < machine.overhead_seconds < 1e-2
