"""What shortcuts hold, beside values by hand."""

import pytest
import torch
from torch import nn

from classicnets.inspection.memory.live import live
from classicnets.inspection.memory.shortcuts import HeldShortcut, held_by_shortcuts, shortcuts
from classicnets.inspection.tracing.recording import trace
from classicnets.inspection.tracing.rows import traced_rows
from classicnets.inspection.tracing.trace import Trace
from classicnets.networks import build

FLOAT = 4


def traced(name: str) -> Trace:
    network = build(name)
    return trace(network, torch.empty(1, *network.input_shape, device="meta"))


def held(found: Trace) -> list[HeldShortcut]:
    return list(shortcuts(found, traced_rows(found)))


def in_row(name: str, row: str) -> list[HeldShortcut]:
    return [shortcut for shortcut in held(traced(name)) if shortcut.row == row]


def test_an_identity_holds_the_input_of_its_block() -> None:
    # It waits for normalisation, ReLU, convolution, normalisation; the block's first convolution reads it.
    assert in_row("resnet18", "conv2_1") == [HeldShortcut("conv2_1", "sum", 802_816, "pool1", "conv2_1", 4)]
    assert in_row("resnet18", "conv2_2") == [HeldShortcut("conv2_2", "sum", 802_816, "conv2_1", "conv2_2", 4)]


def test_a_projection_holds_the_input_until_it_reads_it_and_then_the_branch() -> None:
    assert in_row("resnet18", "conv3_1") == [
        HeldShortcut("conv3_1", "sum", 64 * 56 * 56 * FLOAT, "conv2_2", "conv3_1", 4),
        HeldShortcut("conv3_1", "sum", 128 * 28 * 28 * FLOAT, "conv3_1", "conv3_1", 2),
    ]


def test_every_block_of_resnet34_holds_something_and_the_plain_network_nothing() -> None:
    plain, residual = traced("plain34"), traced("resnet34")
    assert held(plain) == []
    assert not any(held_by_shortcuts(plain))
    blocks = [
        f"conv{stage}_{block}" for stage, count in ((2, 3), (3, 4), (4, 6), (5, 3)) for block in range(1, count + 1)
    ]
    assert list(dict.fromkeys(shortcut.row for shortcut in held(residual))) == blocks
    assert len(held(residual)) == 16 + 3


@pytest.mark.parametrize("name", ["lenet5", "alexnet", "vgg11_lrn", "vgg11_bn"])
def test_a_plain_network_holds_nothing(name: str) -> None:
    assert held(traced(name)) == []


def test_a_unit_with_preactivation_holds_the_sum_before_it() -> None:
    # Normalisation reads it; ReLU, convolution, normalisation, ReLU, convolution do not.
    assert in_row("preact_resnet20_cifar", "conv2_2") == [
        HeldShortcut("conv2_2", "sum", 16 * 32 * 32 * FLOAT, "conv2_1", "conv2_2", 5)
    ]


def test_a_gate_on_channels_is_no_shortcut_but_lengthens_one() -> None:
    # Beyond the four of a plain branch: mean, two layers, ReLU, sigmoid, and the product.
    (waits,) = in_row("se_resnet20_cifar", "conv2_2")
    assert waits == HeldShortcut("conv2_2", "sum", 16 * 32 * 32 * FLOAT, "conv2_1", "conv2_2", 10 + 1)


def test_an_inception_module_holds_its_input_and_the_branches_that_are_ready() -> None:
    joined = {"row": "inception_3a", "kind": "joined", "end": "inception_3a"}
    a_map = 28 * 28 * FLOAT
    assert [shortcut._asdict() for shortcut in in_row("googlenet", "inception_3a")] == [
        # Read by all four branches: it waits for the rest of the first three.
        {**joined, "bytes": 192 * a_map, "begin": "pool2", "operations": 1 + 3 + 3},
        {**joined, "bytes": 64 * a_map, "begin": "inception_3a", "operations": 4 + 4 + 3},
        {**joined, "bytes": 128 * a_map, "begin": "inception_3a", "operations": 4 + 3},
        {**joined, "bytes": 32 * a_map, "begin": "inception_3a", "operations": 3},
    ]


class Dense(nn.Module):
    """Each layer reads what all layers before it made, joined."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 1)
        self.first = nn.Conv2d(4, 2, 1)
        self.second = nn.Conv2d(6, 2, 1)
        self.third = nn.Conv2d(8, 2, 1)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        made = [self.stem(inputs)]
        for layer in (self.first, self.second, self.third):
            made.append(torch.relu(layer(torch.cat(made, 1))))
        return torch.cat(made, 1)


def test_what_a_dense_block_joins_again_and_again_waits_each_time() -> None:
    a_map = 5 * 5 * FLOAT
    found = held(trace(Dense().eval(), torch.empty(1, 3, 5, 5, device="meta")))
    # Joined outside the three layers, hence in no row.
    assert {(shortcut.row, shortcut.kind) for shortcut in found} == {("", "joined")}
    assert [(shortcut.bytes // a_map, shortcut.begin, shortcut.operations) for shortcut in found] == [
        (4, "stem", 2),  # until the second layer's input is joined
        (4, "stem", 2),
        (2, "", 2),
        (4, "stem", 2),
        (2, "", 2),
        (2, "", 2),
    ]


def test_what_meets_in_a_product_waits_for_the_sum_that_the_product_is_part_of() -> None:
    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gate = nn.Conv2d(4, 4, 1)
            self.branch = nn.Conv2d(4, 4, 1)

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            inputs = inputs * 2
            gate = torch.sigmoid(self.gate(inputs))
            branch = self.branch(inputs)
            outputs: torch.Tensor = (1 - gate) * inputs + branch
            return outputs

    a_map = 4 * 9 * FLOAT
    found = trace(Gated().eval(), torch.empty(1, 4, 3, 3, device="meta"))
    assert [(shortcut.begin, shortcut.bytes, shortcut.operations) for shortcut in held(found)] == [
        ("", a_map, 1 + 1),  # the input, while the sigmoid runs, and 1 - gate
        ("", a_map, 1),  # the gate, while the branch runs
        ("branch", a_map, 2),  # the branch, while its shortcut is weighed
    ]


def test_what_waits_operation_by_operation() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, 4, 1)
            self.branch = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 1))

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            inputs = self.stem(inputs)
            outputs: torch.Tensor = self.branch(inputs) + inputs.view_as(inputs)
            return outputs

    found = trace(Block().eval(), torch.empty(2, 3, 5, 5, device="meta"))
    names = [operation.name for operation in found.operations]
    waits = dict(zip(names[2:], held_by_shortcuts(found)[2:], strict=True))
    a_map = 2 * 4 * 25 * FLOAT
    assert waits == {"relu": a_map, "convolution": a_map, "view": a_map, "add": 0}


@pytest.mark.parametrize("name", ["googlenet", "inception_v4", "resnet50", "preact_resnet50"])
def test_what_waits_is_alive(name: str) -> None:
    found = traced(name)
    waits = held_by_shortcuts(found)
    assert any(waits)
    assert all(waiting <= alive for waiting, alive in zip(waits, live(found), strict=True))
