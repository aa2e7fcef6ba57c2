"""AlexNet in two towers is the AlexNet of one process: outputs, losses, gradients."""

from typing import Any

import pytest
import torch

from tests.training.devices.processes import Processes
from tests.training.devices.tower_jobs import Compared, compare_alexnet, compare_small

USUAL = {"dtype": torch.float64, "training": True, "last": False, "freeze": None}
SETTINGS: dict[str, dict[str, Any]] = {
    "as the formula is printed": {},
    "evaluation": {"training": False},
    "normalised within a tower": {"norm_groups": 2},
    "normalised after pooling": {"order": "pool_norm"},
    "a convolutional head": {"head": "convolutional", "last": True},
    "without dropout": {"drop": None},
    "frozen up to conv2": {"freeze": "conv2"},
    "frozen up to fc7": {"freeze": "fc7"},
    "float32": {"dtype": torch.float32},
    "float32, channels last": {"dtype": torch.float32, "last": True},
}


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS.keys())
def test_two_towers_are_the_whole_network(pair: Processes, setting: dict[str, Any]) -> None:
    usual = USUAL | setting
    for found in pair.run(compare_small, **usual):
        must_be_equal(found, 1e-12 if usual["dtype"] == torch.float64 else 2e-6)


def test_so_are_those_of_the_paper(pair: Processes) -> None:
    for found in pair.run(compare_alexnet):
        must_be_equal(found, 1e-12)


def must_be_equal(found: Compared, near: float) -> None:
    assert found.loss < near
    assert found.logits < near
    assert max(found.gradients.values()) < near, found.gradients
    assert set(found.weights.values()) == {0.0}
    assert found.smallest_gradient > 1e-9, "a gradient of nothing shows nothing"
