"""The pre-activation ResNets of Keras: its counts of parameters, and where its strides stand."""

import pytest
import torch

import classicnets as cn
from classicnets.errors import UsageError
from classicnets.networks import build


# What keras.applications counts as trainable.
@pytest.mark.parametrize(("depth", "parameters"), [(50, 25_568_360), (101, 44_577_896), (152, 60_236_904)])
def test_parameters_are_those_of_keras(depth: int, parameters: int) -> None:
    network = build(f"preact_resnet{depth}", version="keras")
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


def test_the_last_unit_of_a_stage_halves_the_maps() -> None:
    sites = build("preact_resnet50", version="keras").sites
    assert {
        row: sites[row].shape for row in ("conv1", "pool1", "conv2_2", "conv2_3", "conv4_5", "conv4_6", "norm")
    } == {
        "conv1": (64, 112, 112),
        "pool1": (64, 56, 56),
        "conv2_2": (256, 56, 56),
        "conv2_3": (256, 28, 28),
        "conv4_5": (1024, 14, 14),
        "conv4_6": (1024, 7, 7),
        "norm": (2048, 7, 7),
    }


def test_pooling_reads_zeros_at_the_border() -> None:
    pool = build("preact_resnet50", version="keras").get_submodule("pool1")
    assert pool(-torch.ones(1, 1, 4, 4)).tolist() == [[[[0, 0], [0, -1]]]]


def test_it_learns_and_any_number_of_units_goes() -> None:
    torch.manual_seed(0)
    network = cn.create("preact_resnet50", version="keras", blocks=[1, 2, 1, 1], num_classes=3).train()
    images = torch.randn(2, 3, 64, 64)
    torch.autograd.backward(network(images).square().sum())
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("other", [{"stem": "small"}, {"stride_in": "3x3"}, {"activation": "original"}])
def test_it_has_none_of_the_other_choices(other: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="version keras goes with no other activation, stride_in or stem"):
        build("preact_resnet50", version="keras", **other)  # type: ignore[arg-type]  # build takes any option


def test_there_is_no_other_version() -> None:
    with pytest.raises(UsageError, match="version must be paper or keras, not 'slim'"):
        build("preact_resnet50", version="slim")
