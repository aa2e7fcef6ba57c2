"""LeNet-5 beside the tables of LeCun, Bottou, Bengio, Haffner (Proc. IEEE 86(11), 1998)."""

from collections import Counter

import pytest
import torch
from torch import nn

import classicnets as cn
from classicnets.errors import UsageError
from classicnets.inspection.inspection import inspect
from classicnets.layers.activations import ScaledTanh
from classicnets.networks import build
from classicnets.networks.lenet5 import C3_READS
from tests.networks.counting import count_macs


def test_parameters_row_by_row_are_the_papers() -> None:
    facts = inspect(build("lenet5"))
    assert {row.name: row.parameters for row in facts.rows} == {
        "C1": 156,
        "S2": 12,
        "C3": 1516,
        "S4": 32,
        "C5": 48120,
        "F6": 10164,
        "OUTPUT": 0,
    }
    assert facts.parameters == 60_000
    assert facts.buffers == 840  # the ten targets of 84 pixels


def test_the_dense_variant_is_what_most_code_has() -> None:
    facts = inspect(build("lenet5_dense"))
    assert {row.name: row.parameters for row in facts.rows if row.parameters} == {
        "C1": 156,
        "C3": 2416,
        "C5": 48120,
        "F6": 10164,
        "OUTPUT": 850,
    }
    assert facts.parameters == 61_706


def test_table_1_says_which_maps_c3_reads() -> None:
    # The columns of the paper's table I, printed there as crosses.
    crosses = [
        "X...XXX..XXXX.XX",
        "XX...XXX..XXXX.X",
        "XXX...XXX..X.XXX",
        ".XXX..XXXX..X.XX",
        "..XXX..XXXX.XX.X",
        "...XXX..XXXX.XXX",
    ]
    for above, reads in enumerate(C3_READS):
        assert reads == tuple(below for below in range(6) if crosses[below][above] == "X")
    assert set(Counter(below for reads in C3_READS for below in reads).values()) == {10}
    assert sorted(map(len, C3_READS)) == [3] * 6 + [4] * 9 + [6]
    assert sum(map(len, C3_READS)) == 60


@pytest.mark.parametrize(("name", "macs"), [("lenet5", 325_680), ("lenet5_dense", 416_520)])
def test_multiply_accumulates(name: str, macs: int) -> None:
    assert count_macs(build(name)) == macs


def test_every_row_up_to_f6_squashes() -> None:
    network = build("lenet5")
    ends = {row: list(module.modules())[-1] for row, module in network.row_modules()}
    assert all(isinstance(ends[row], ScaledTanh) for row in network.rows[:-1])


def test_the_dense_variant_with_relu() -> None:
    network = cn.create("lenet5_dense", activation="relu")
    assert network.options == {"activation": "relu"}
    assert sum(isinstance(module, nn.ReLU) for module in network.modules()) == 4
    assert not any(isinstance(module, ScaledTanh) for module in network.modules())


@pytest.mark.parametrize("wrong", ["sigmoid", ["relu"], None])
def test_an_unknown_activation_is_named(wrong: object) -> None:
    with pytest.raises(UsageError, match="activation must be tanh or relu"):
        cn.create("lenet5_dense", activation=wrong)


@pytest.mark.parametrize("name", ["lenet5", "lenet5_dense"])
@pytest.mark.parametrize(
    ("side", "message"),
    [
        (28, "takes images of at least 32x32 pixels, not 28x28: 4x4 pixels arrive at a 5x5 convolution"),
        (4, "takes images of at least 32x32 pixels, not 4x4: 4x4 pixels arrive at a 5x5 convolution"),
        (64, "takes images of 32x32 pixels, not 64x64: the weights of row F6 are made for that size"),
    ],
)
def test_images_of_another_size_are_refused_in_one_line(name: str, side: int, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        cn.create(name)(torch.zeros(1, 1, side, side))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
