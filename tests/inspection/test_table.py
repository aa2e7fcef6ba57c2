"""The table of a network's rows."""

import torch
from torch import nn

import classicnets as cn
from classicnets.inspection.table import table
from classicnets.networks import build
from classicnets.networks.chain import Built, Chain, Design, Row, rows
from classicnets.networks.rows import batch_norm, convolution, global_average_pool, linear, sequence

HEADED = Design(
    rows=rows(
        conv1=sequence(convolution=convolution(4, 3), norm=batch_norm()), average=global_average_pool(), fc=linear()
    ),
    aux={"average": linear()},
    input_shape=(3, 8, 8),
    num_classes=5,
)


def test_rows_in_order_with_what_leaves_them() -> None:
    facts = table(Chain(HEADED, name="headed"))
    assert (facts.name, facts.input) == ("headed", (3, 8, 8))
    assert [(row.name, row.output, row.parameters) for row in facts.rows] == [
        ("conv1", (4, 6, 6), 4 * 27 + 4 + 8),
        ("average", (4,), 0),
        ("fc", (5,), 25),
    ]


def test_auxiliary_heads_are_counted_apart() -> None:
    facts = table(Chain(HEADED))
    assert facts.parameters == 120 + 25
    assert facts.aux_parameters == 25
    assert facts.buffers == 4 + 4 + 1


def test_a_weight_shared_by_two_rows_is_counted_once() -> None:
    shared = nn.Conv2d(2, 2, 1, bias=False)
    row: Row = lambda site: Built(shared, site)  # noqa: E731
    facts = table(Chain(Design(rows=rows(first=row, second=row), input_shape=(2, 4, 4), num_classes=2)))
    assert [row.parameters for row in facts.rows] == [4, 0]
    assert facts.parameters == 4


def test_weights_make_no_difference_and_freezing_neither() -> None:
    expected = table(build("resnet20_cifar"))
    network = cn.create("resnet20_cifar")
    assert table(network) == expected
    assert table(network.freeze(upto="conv4_x")) == expected


def test_other_classes_and_channels_show() -> None:
    with torch.device("meta"):
        facts = table(cn.create("lenet5_dense", num_classes=26, in_channels=3))
    assert facts.input == (3, 32, 32)
    assert facts.rows[0].parameters == 6 * 75 + 6
    assert facts.rows[-1].output == (26,)
