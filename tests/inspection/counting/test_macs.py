"""Multiply-accumulates, other operations, connections and neurons: against the papers and torch's own counter."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import classicnets as cn
from classicnets.inspection.counting.connections import connections, neurons
from classicnets.inspection.counting.macs import macs, training_flops
from classicnets.inspection.counting.other_operations import count_other_operations, other_operations
from classicnets.inspection.tracing.recording import trace
from classicnets.inspection.tracing.rows import TracedRow, traced_rows
from classicnets.inspection.tracing.trace import Operation, Trace
from classicnets.networks import build


def traced(name: str, *, batch: int = 1, training: bool = False, image_gradient: bool = False) -> Trace:
    network = build(name)
    images = torch.zeros(batch, *network.input_shape, device="meta", requires_grad=image_gradient)
    return trace(network, images, training=training)


def traced_module(module: nn.Module, *shape: int, training: bool = False) -> Trace:
    return trace(module, torch.zeros(shape, device="meta"), training=training)


def total(operations: tuple[Operation, ...], module: nn.Module) -> int:
    return sum(macs(operation, module) for operation in operations)


def by_name(found: Trace) -> dict[str, TracedRow]:
    return {row.name: row for row in traced_rows(found)}


@pytest.mark.parametrize("name", cn.list_networks())
def test_macs_of_every_network_and_row_are_the_papers(name: str) -> None:
    facts = cn.paper(name).facts(name)
    found = traced(name)
    if facts.macs is not None:
        assert total(found.operations, found.module) == facts.macs.value
    counted = {row.name: total(row.operations, found.module) for row in traced_rows(found)}
    assert sum(counted.values()) == total(found.operations, found.module)
    expected = {row: printed.macs for row, printed in facts.rows.items() if printed.macs is not None}
    assert {row: counted[row] for row in expected} == expected


def test_most_networks_have_facts() -> None:
    networks = cn.list_networks()
    with_macs = [name for name in networks if cn.paper(name).facts(name).macs is not None]
    with_rows = [name for name in networks if any(row.macs for row in cn.paper(name).facts(name).rows.values())]
    assert len(with_macs) >= 80
    assert len(with_rows) >= 20


def test_resnet18_and_lenet5() -> None:
    resnet, lenet = traced("resnet18"), traced("lenet5")
    assert total(resnet.operations, resnet.module) == 1_814_073_344
    # 60 of C3's 96 kernels exist, and the output layer multiplies nothing by a weight.
    assert total(lenet.operations, lenet.module) == 325_680
    assert total(by_name(lenet)["C3"].operations, lenet.module) == 60 * 25 * 100


def test_a_batch_is_counted_whole() -> None:
    found = traced("resnet18", batch=3)
    assert total(found.operations, found.module) == 3 * 1_814_073_344


def test_transposed_grouped_and_batched_products() -> None:
    transposed = traced_module(nn.ConvTranspose2d(4, 6, 3, stride=2, bias=False), 2, 4, 5, 5)
    assert total(transposed.operations, transposed.module) == 2 * 25 * 4 * 6 * 9
    grouped = traced_module(nn.Conv2d(4, 6, 3, groups=2), 2, 4, 5, 5)
    assert total(grouped.operations, grouped.module) == 2 * 9 * 6 * 2 * 9
    matrices = traced_module(Gram(), 2, 3, 4)
    assert total(matrices.operations, matrices.module) == 2 * 3 * 3 * 4


class Gram(nn.Module):
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return torch.bmm(inputs, inputs.transpose(1, 2))


# Of the first convolution: in training it has no gradient of its input, unless the image requires one.
FIRST_MACS = {
    "resnet18": 118_013_952,
    "resnet20_cifar": 442_368,
    "googlenet": 118_013_952,
    "vgg11": 86_704_128,
    "vgg16": 86_704_128,
}


@pytest.mark.parametrize("name", FIRST_MACS)
def test_flops_of_training_are_those_of_torchs_counter(name: str) -> None:
    facts = cn.paper(name).facts(name).macs
    assert facts is not None
    expected = {True: 6 * facts.value, False: 6 * facts.value - 2 * FIRST_MACS[name]}
    for image_gradient in (True, False):
        ours = training_flops(traced(name, training=True, image_gradient=image_gradient))
        assert ours == expected[image_gradient]
        assert torchs_count(name, image_gradient=image_gradient) == expected[image_gradient]


def test_flops_of_training_resnet18() -> None:
    assert training_flops(traced("resnet18", training=True)) == 10_648_412_160
    assert training_flops(traced("resnet18", training=True, image_gradient=True)) == 10_884_440_064
    assert torchs_count("resnet18", image_gradient=True) == 10_884_440_064


def test_torchs_counter_counts_the_weights_gradient_of_a_grouped_convolution_once_a_group() -> None:
    ours = training_flops(traced("alexnet", training=True))
    grouped = 223_948_800 + 112_140_288 + 74_760_192  # conv2, conv4, conv5 in two groups
    assert ours == 6 * 724_406_816 - 2 * 105_415_200
    assert torchs_count("alexnet", image_gradient=False) == ours + 2 * grouped


def test_torchs_counter_takes_lenets_missing_connections_for_connections() -> None:
    ours = training_flops(traced("lenet5", training=True))
    assert ours == 6 * 325_680 - 2 * 117_600
    assert torchs_count("lenet5", image_gradient=False) == ours + 6 * 36 * 25 * 100


def torchs_count(name: str, *, image_gradient: bool) -> int:
    network = build(name).train()
    images = torch.zeros(2, *network.input_shape, device="meta", requires_grad=image_gradient)
    with FlopCounterMode(display=False) as counter:
        network(images).sum().backward()
    return int(counter.get_total_flops()) // 2


CONNECTIONS = {"C1": 122_304, "S2": 5_880, "C3": 151_600, "S4": 2_000, "C5": 48_120, "F6": 10_164, "OUTPUT": 840}


@pytest.mark.parametrize("batch", [1, 4])
def test_connections_are_those_of_lenet5s_paper(batch: int) -> None:
    found = traced("lenet5", batch=batch)
    counted = {row.name: connections(found, row) for row in traced_rows(found)}
    assert counted == CONNECTIONS
    assert sum(counted.values()) == 340_908
    printed = {row: facts.connections for row, facts in cn.paper("lenet5").facts("lenet5").rows.items()}
    assert counted == printed


def test_connections_of_pooling_and_of_means() -> None:
    found = traced("resnet18", batch=2)
    rows = by_name(found)
    assert connections(found, rows["pool1"]) == 64 * 56 * 56 * 9
    assert connections(found, rows["average"]) == 512 * 49
    assert connections(found, rows["fc"]) == 1000 * 513
    assert connections(found, rows["conv2_1"]) == 2 * 64 * 56 * 56 * 576


def test_neurons_are_alexnets_but_for_the_count_that_cannot_be() -> None:
    found = traced("alexnet", batch=2)
    rows = by_name(found)
    counted = {name: neurons(found, rows[name]) for name in rows if name.startswith(("conv", "fc"))}
    convolutions = {"conv1": 290_400, "conv2": 186_624, "conv3": 64_896, "conv4": 64_896, "conv5": 43_264}
    assert counted == convolutions | {"fc6": 4096, "fc7": 4096, "fc8": 1000}
    assert sum(counted.values()) == 659_272
    facts = cn.paper("alexnet").facts("alexnet")
    printed = {name: int(facts.rows[name].printed["neurons"].replace(",", "")) for name in counted}
    assert {name for name in counted if counted[name] != printed[name]} == {"conv1"}
    assert printed["conv1"] == 253_440
    assert any(found.about == "neurons of conv1" for found in facts.contradictions)


def other(module: nn.Module, *shape: int, training: bool = False) -> int:
    operations = traced_module(module, *shape, training=training).forward
    return sum(map(other_operations, operations))


def test_other_operations_by_the_rules() -> None:
    assert other(nn.Conv2d(3, 8, 3, padding=1), 2, 3, 5, 5) == 2 * 8 * 25
    assert other(nn.Conv2d(3, 8, 3, padding=1, bias=False), 2, 3, 5, 5) == 0
    assert other(nn.Linear(6, 4), 2, 6) == 8
    assert other(nn.ReLU(), 2, 3, 5, 5) == other(nn.ReLU(inplace=True), 2, 3, 5, 5) == 150
    assert other(nn.BatchNorm2d(3), 2, 3, 5, 5) == 2 * 150
    assert other(nn.MaxPool2d(3, stride=2), 2, 3, 5, 5) == 2 * 3 * 4 * 9
    assert other(nn.AvgPool2d((2, 1)), 2, 3, 4, 4) == 2 * 3 * 8 * 2
    assert other(nn.AdaptiveAvgPool2d(1), 2, 3, 5, 5) == 150
    assert other(nn.Softmax(dim=1), 2, 10) == 60
    assert other(nn.Flatten(), 2, 3, 5, 5) == other(nn.ZeroPad2d(1), 2, 3, 5, 5) == 0


def test_other_operations_of_resnet18() -> None:
    found = traced("resnet18", batch=2)
    normalised = 64 * 112**2 + 64 * 56**2 * 4 + (128 * 28**2 + 256 * 14**2 + 512 * 7**2) * 5
    activated = 64 * 112**2 + 64 * 56**2 * 4 + (128 * 28**2 + 256 * 14**2 + 512 * 7**2) * 4
    added = (64 * 56**2 + 128 * 28**2 + 256 * 14**2 + 512 * 7**2) * 2
    pooled, averaged, biased = 64 * 56**2 * 9, 512 * 49, 1000
    assert count_other_operations(found) == 2 * (2 * normalised + activated + added + pooled + averaged + biased)
