"""What crosses between the towers and what each device holds: against counts by hand."""

from typing import Any

import pytest
import torch

from classicnets.errors import UsageError
from classicnets.networks import build
from classicnets.training.devices.figures import TwoDevices, two_devices
from classicnets.training.devices.wire import Way
from tests.training.devices.processes import Processes
from tests.training.devices.small_alexnet import small_alexnet
from tests.training.devices.tower_jobs import compare_small

BATCH = 128


@pytest.fixture(scope="module")
def alexnet() -> TwoDevices:
    return two_devices(build("alexnet"), batch=BATCH)


def test_each_tower_sends_its_half_of_what_the_other_reads(alexnet: TwoDevices) -> None:
    float32 = 4
    by_hand = {
        "norm1": 2 * 55 * 55,  # the two maps at the cut
        "norm2": 2 * 27 * 27,
        "conv3": 128 * 13 * 13,
        "fc6": 128 * 6 * 6,
        "fc7": 2048,
    }
    sent = {crossing.row: crossing[1:] for crossing in alexnet.crossings}
    assert list(sent) == [*by_hand, "fc8"]
    for row, numbers in by_hand.items():
        assert sent[row] == (BATCH * numbers * float32,) * 4
    # fc8 is on device 0: half of fc7 comes, the logits and the gradient of that half go.
    assert sent["fc8"] == (BATCH * 1000 * float32, BATCH * 2048 * float32, BATCH * 2048 * float32, 0)
    assert alexnet.bytes == 75_919_360


def test_as_the_author_normalised_only_conv3_and_the_fully_connected_layers_exchange() -> None:
    found = two_devices(build("alexnet", norm_over="tower"), batch=BATCH)
    assert [crossing.row for crossing in found.crossings] == ["conv3", "fc6", "fc7", "fc8"]
    assert found.bytes == 60_542_976


def test_shared_out_images_would_send_all_gradients_both_ways(alexnet: TwoDevices) -> None:
    assert alexnet.gradients == 2 * 4 * 60_965_224


def test_each_device_holds_half_and_device_0_the_last_layer(alexnet: TwoDevices) -> None:
    zero, one, alone = alexnet.devices
    last = 4096 * 1000
    assert (zero.parameters, one.parameters) == (32_531_112, 28_434_112)
    assert zero.parameters + one.parameters == alone.parameters == 60_965_224
    assert zero.parameters - one.parameters == last + 1000
    assert zero.macs - one.macs == last
    assert zero.macs + one.macs == alone.macs == 724_406_816
    assert zero.weights == 4 * zero.parameters
    # Both halves together hold more than one: conv3, fc6 and fc7 read the whole of what arrives on each device.
    assert alone.training_peak / 2 < one.training_peak < zero.training_peak < 0.7 * alone.training_peak


def test_the_processes_send_what_the_figures_say(pair: Processes) -> None:
    """Which are of float32; here it is float64, and six images."""
    network = small_alexnet()
    figures = two_devices(network, batch=6)
    found = pair.run(compare_small, dtype=torch.float64, training=True, last=False, freeze=None)
    for rank, compared in enumerate(found):
        expected = {}
        for crossing in figures.crossings:
            forward, backward = crossing[1:3], crossing[3:5]
            for numbers, way in ((forward, Way(crossing.row, False)), (backward, Way(crossing.row, True))):
                if numbers[rank]:
                    expected[way] = 2 * numbers[rank]
        assert compared.sent == expected


def test_a_network_of_one_column_is_refused() -> None:
    one_column: dict[str, dict[str, Any]] = {
        "alexnet": {"gpus": 1},
        "alexnet_single": {},
        "resnext50_32x4d": {},
        "lenet5": {},
    }
    for name, options in one_column.items():
        with pytest.raises(UsageError, match=rf"^{name} has no two towers: of two groups are alexnet"):
            two_devices(build(name, **options))


def test_the_table_names_every_exchange(alexnet: TwoDevices) -> None:
    content = alexnet.to_dict()
    assert content["bytes"] == sum(crossing["bytes"] for crossing in content["crossings"])
    assert [device["device"] for device in content["devices"]] == ["0", "1", "one"]
    assert "75.9 MB" in alexnet.remarks()[0]
