"""What other counters print for the same network; tests/oracles/test_counts.py holds the rules against them."""

import torch
from torch import nn

from classicnets.inspection.counting.conventions import CONVENTIONS, by_convention
from classicnets.inspection.tracing.recording import trace
from classicnets.inspection.tracing.rows import traced_rows
from classicnets.inspection.tracing.trace import Trace
from classicnets.networks import build


def traced(name: str, batch: int = 1) -> Trace:
    network = build(name)
    return trace(network, torch.zeros(batch, *network.input_shape, device="meta"))


def test_every_rule_is_written_in_a_line() -> None:
    names = [convention.name for convention in CONVENTIONS]
    assert names == ["macs", "torch", "torchinfo", "fvcore", "thop", "ptflops", "ptflops aten"]
    assert all(convention.rule and "\n" not in convention.rule for convention in CONVENTIONS)


def test_resnet18_by_every_convention() -> None:
    macs = 1_814_073_344
    # Values that batch normalisation sees: conv1, four convolutions of 64 maps, five of 128, 256 and 512.
    normalised = 64 * 112**2 + 4 * 64 * 56**2 + 5 * (128 * 28**2 + 256 * 14**2 + 512 * 7**2)
    activated = normalised - (128 * 28**2 + 256 * 14**2 + 512 * 7**2)
    affine = 2 * (64 * 5 + 128 * 5 + 256 * 5 + 512 * 5)
    read_by_pooling = 64 * 112**2 + 512 * 49
    assert by_convention(traced("resnet18")) == {
        "macs": macs,
        "torch": 2 * macs,
        "torchinfo": macs + affine + 1000,
        "fvcore": macs + 2 * normalised + 512 * 49,
        "thop": macs + 4 * normalised + 512 * 49 + 512,
        "ptflops": macs + 1000 + 2 * normalised + 2 * activated + 2 * read_by_pooling,
        "ptflops aten": macs + 1000,
    }


def test_lenet5_is_dense_for_those_who_do_not_know_its_table() -> None:
    macs, dense = 325_680, 325_680 + 36 * 25 * 100
    found = by_convention(traced("lenet5"))
    assert found["macs"] == macs
    assert found["torch"] == 2 * dense
    assert found["fvcore"] == dense
    assert found["thop"] == dense - 96 * 25 * 100  # C3 is none of torch's own classes
    assert found["torchinfo"] == macs + 4704 + 6 + 1600 + 16 + 120 + 84  # biases, those of S2 and S4 included


def test_of_a_row() -> None:
    found = traced("resnet18")
    whole = by_convention(found)
    rows = [by_convention(found, row.name) for row in traced_rows(found)]
    assert by_convention(found, "conv1") == {
        "macs": 118_013_952,
        "torch": 236_027_904,
        "torchinfo": 118_013_952 + 128,
        "fvcore": 118_013_952 + 2 * 802_816,
        "thop": 118_013_952 + 4 * 802_816,
        "ptflops": 118_013_952 + 4 * 802_816,
        "ptflops aten": 118_013_952,
    }
    assert {name: sum(row[name] for row in rows) for name in whole} == whole
    assert by_convention(found, "conv1.norm")["fvcore"] == 2 * 802_816


def test_a_batch_is_counted_whole() -> None:
    one, three = by_convention(traced("googlenet")), by_convention(traced("googlenet", batch=3))
    assert three == {name: 3 * counted for name, counted in one.items()}


def test_average_pooling_as_thop_counts_it() -> None:
    def count(module: nn.Module) -> int:
        return by_convention(trace(module, torch.zeros(2, 5, 6, 6, device="meta")))["thop"]

    assert count(nn.AvgPool2d(3, stride=1, padding=1)) == 2 * 5 * 36
    assert count(nn.AdaptiveAvgPool2d(3)) == 2 * 5 * (36 + 9)
    assert count(nn.AdaptiveAvgPool2d(1)) == 2 * 5 * (36 + 1)
