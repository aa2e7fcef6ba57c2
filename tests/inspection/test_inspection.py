"""One object that answers for every table."""

from pathlib import Path

import pytest
import torch
from torch import nn

import classicnets as cn
from classicnets.inspection.inspection import Inspection, inspect
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


def test_rows_in_order_with_what_they_hold_compute_and_leave() -> None:
    found = inspect(Chain(HEADED, name="headed"))
    assert (found.name, found.input) == ("headed", (3, 8, 8))
    assert [(row.name, row.output, row.parameters, row.macs, row.activation_bytes) for row in found.rows] == [
        ("conv1", (4, 6, 6), 4 * 27 + 4 + 8, 36 * 4 * 27, 4 * 4 * 36),
        ("average", (4,), 0, 0, 4 * 4),
        ("fc", (5,), 25, 20, 4 * 5),
    ]
    assert found.macs == 36 * 4 * 27 + 20
    assert found.activation_bytes == 4 * (144 + 4 + 5)


def test_auxiliary_heads_are_counted_apart() -> None:
    found = inspect(Chain(HEADED))
    assert (found.parameters, found.aux_parameters, found.buffers) == (120 + 25, 25, 4 + 4 + 1)


def test_a_weight_shared_by_two_rows_is_counted_once() -> None:
    shared = nn.Conv2d(2, 2, 1, bias=False)
    row: Row = lambda site: Built(shared, site)  # noqa: E731
    found = inspect(Chain(Design(rows=rows(first=row, second=row), input_shape=(2, 4, 4), num_classes=2)))
    assert found.parameters == 4
    assert sum(row.macs for row in found.rows) == 2 * 16 * 4


def test_weights_make_no_difference_and_freezing_neither() -> None:
    expected = inspect("resnet20_cifar")
    network = cn.create("resnet20_cifar")
    for found in (inspect(network), inspect(network.freeze(upto="conv4_x"))):
        assert found.rows == expected.rows
        assert (found.parameters, found.macs, found.buffers) == (expected.parameters, expected.macs, expected.buffers)


def test_the_vgg16_table_row_by_row() -> None:
    found = inspect("vgg16")
    thousands = {row.name: round(row.activation_bytes / 4 / 1000) for row in found.rows}
    assert thousands == {
        "conv1_1": 3211,
        "conv1_2": 3211,
        "pool1": 803,
        "conv2_1": 1606,
        "conv2_2": 1606,
        "pool2": 401,
        "conv3_1": 803,
        "conv3_2": 803,
        "conv3_3": 803,
        "pool3": 201,
        "conv4_1": 401,
        "conv4_2": 401,
        "conv4_3": 401,
        "pool4": 100,
        "conv5_1": 100,
        "conv5_2": 100,
        "conv5_3": 100,
        "pool5": 25,
        "fc6": 4,
        "fc7": 4,
        "fc8": 1,
    }
    assert found.activation_bytes // 4 + 3 * 224 * 224 == 15_237_608
    assert found.parameters == 138_357_544
    assert {row.name: row.parameters for row in found.rows}["fc6"] == 102_764_544


def test_resnet18() -> None:
    found = inspect("resnet18")
    assert (found.parameters, found.macs) == (11_689_512, 1_814_073_344)
    assert found.live_peak.eager == 6_422_528
    assert found.live_peak.fused == 4_014_080
    sees = {row.name: (row.receptive_field, row.stride, row.exceeds_image) for row in found.rows}
    assert sees["conv1"] == (7, 2, False)
    assert sees["conv5_2"] == (435, 32, True)


def test_another_input_makes_the_network_for_it() -> None:
    assert inspect("vgg16", 256).rows[-3].parameters == 4096 * (512 * 8 * 8 + 1)
    assert inspect("vgg16", (4, 224, 224)).rows[0].parameters == 64 * (4 * 9 + 1)
    wide = inspect("resnet18", (224, 448))
    assert wide.input == (3, 224, 448)
    assert wide.rows[0].output == (64, 112, 224)


def test_a_batch_multiplies_memory_and_leaves_counts_of_one_image() -> None:
    one, eight = inspect("resnet18"), inspect("resnet18", batch=8)
    assert eight.rows == one.rows
    assert eight.live_peak.eager == 8 * one.live_peak.eager


def test_training_holds_more_with_every_number_of_the_optimizer() -> None:
    sgd, momentum, adam = (inspect("lenet5_dense", optimizer=name) for name in ("sgd", "momentum", "adam"))
    assert momentum.live_peak.training - sgd.live_peak.training == 4 * 61_706
    assert adam.training_memory.optimizer_state == 8 * 61_706
    assert adam.live_peak.training > momentum.live_peak.training


def test_one_value_a_channel_is_told_what_training_would_hold() -> None:
    one, two = inspect("resnet18", 32, optimizer="sgd"), inspect("resnet18", 32, batch=2, optimizer="sgd")
    assert one.rows[-3].output == (512, 1, 1)
    activations = one.training_memory.activations, two.training_memory.activations
    assert 1.9 * activations[0] < activations[1] < 2 * activations[0]


def test_memory_alive_in_each_row() -> None:
    found = inspect("resnet18")
    live = found.live_by_row("eager")
    assert max(live.values()) == live["conv1"] == found.live_peak.eager
    assert max(found.live_by_row("fused").values()) == found.live_peak.fused
    assert max(found.live_by_row("training").values()) == found.live_peak.training
    with pytest.raises(cn.UsageError, match="mode"):
        found.live_by_row("lazy")  # type: ignore[arg-type]


class Foreign(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2))
        self.fc = nn.Linear(8, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.fc(self.features(images).mean(dim=(2, 3)))
        return logits


def test_any_module_has_its_parts_as_rows() -> None:
    found = inspect(Foreign(), 32)
    assert found.name == "Foreign"
    assert [row.name for row in found.rows] == ["features.0", "features.1", "features.2", "fc"]
    assert [row.activation_bytes for row in found.rows] == [4 * 8 * 1024, 0, 4 * 8 * 256, 40]
    assert inspect(Foreign()).input == (3, 224, 224)


def test_the_modules_one_within_the_other() -> None:
    branches = inspect(Foreign(), 32).tree()
    assert [(branch.path, branch.depth, branch.kind) for branch in branches[:3]] == [
        ("", 0, "Foreign"),
        ("features", 1, "Sequential"),
        ("features.0", 2, "Conv2d"),
    ]
    assert [branch.parameters for branch in branches[:3]] == [224 + 90, 224, 224]
    assert [branch.macs for branch in branches[:3]] == [1024 * 8 * 27 + 80, 1024 * 8 * 27, 1024 * 8 * 27]
    assert branches[0].output == (10,)
    assert [branch.path for branch in inspect(Foreign(), 32).tree(depth=1)] == ["", "features", "fc"]


@pytest.mark.parametrize("size", [0, (0, 3), (1, 2, 3, 4), ("a", "b"), ()])
def test_a_size_that_is_none_is_refused(size: object) -> None:
    with pytest.raises(cn.UsageError, match="input_size is"):
        inspect("resnet18", size)  # type: ignore[arg-type]


def test_mistakes_are_named() -> None:
    with pytest.raises(cn.UsageError, match="resnet18"):
        inspect("resnet81")
    with pytest.raises(cn.UsageError, match="batch must be"):
        inspect("resnet18", batch=0)
    with pytest.raises(cn.UsageError, match="optimizer"):
        inspect("resnet18", optimizer="adm")  # type: ignore[arg-type]
    with pytest.raises(cn.UsageError, match="given by its name"):
        inspect(Foreign(), stem="small")
    with pytest.raises(cn.UsageError, match="shape"):
        Inspection(build("resnet18"), (1, 32, 32)).macs  # noqa: B018


def test_weights_are_looked_at_like_a_name(tmp_path: Path) -> None:
    cn.save_as("torchvision", cn.create("alexnet_owt"), tmp_path / "alexnet.pth")
    found = inspect(f"torchvision:alexnet@{tmp_path}/alexnet.pth")
    assert (found.name, found.parameters) == ("alexnet_owt", 61_100_840)
