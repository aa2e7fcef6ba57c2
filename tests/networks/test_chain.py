"""The chain itself, on a small network with auxiliary heads made here."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import classicnets as cn
from classicnets.errors import UsageError
from classicnets.networks.chain import Chain, Design, rows
from classicnets.networks.rows import (
    average_pool,
    batch_norm,
    convolution,
    flatten,
    global_average_pool,
    linear,
    relu,
    sequence,
)

DESIGN = Design(
    rows=rows(
        conv1=sequence(convolution=convolution(4, 3, padding=1), norm=batch_norm(), relu=relu()),
        conv2_1=sequence(convolution=convolution(6, 3, stride=2), norm=batch_norm(), relu=relu()),
        conv2_2=sequence(convolution=convolution(8, 3, padding=1), norm=batch_norm(), relu=relu()),
        average=global_average_pool(),
        fc=linear(),
    ),
    aux={
        "conv1": sequence(pool=average_pool(8), flatten=flatten(), fc=linear()),
        "conv2_1": sequence(average=global_average_pool(), fc=linear()),
    },
    input_shape=(3, 16, 16),
    num_classes=5,
)
IMAGES = torch.randn(4, 3, 16, 16, generator=torch.manual_seed(2))


@pytest.fixture
def network() -> Chain:
    torch.manual_seed(0)
    return Chain(DESIGN, name="small").to_empty(device="cpu").reset()


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_auxiliary_logits_come_only_when_asked_for(network: Chain, training: bool) -> None:
    network.train(training)
    assert network(IMAGES).shape == (4, 5)
    logits, auxiliary = network.forward_with_aux(IMAGES)
    assert torch.equal(logits, network(IMAGES))
    assert {row: tuple(head.shape) for row, head in auxiliary.items()} == {"conv1": (4, 5), "conv2_1": (4, 5)}
    if not training:
        assert torch.equal(auxiliary["conv2_1"], network.aux["conv2_1"](network.upto("conv2_1")(IMAGES)))


def test_a_network_without_heads_has_no_auxiliary_logits() -> None:
    network = cn.create("lenet5")
    images = torch.zeros(1, 1, 32, 32)
    logits, auxiliary = network.forward_with_aux(images)
    assert torch.equal(logits, network(images))
    assert auxiliary == {}


def test_replace_head_renews_the_auxiliary_heads_too(network: Chain) -> None:
    body = {name: tensor.clone() for name, tensor in network.upto("average").state_dict().items()}
    before = network.aux["conv1"].get_parameter("fc.weight").clone()
    network.replace_head(9)
    logits, auxiliary = network.forward_with_aux(IMAGES)
    assert [tuple(head.shape) for head in (logits, *auxiliary.values())] == [(4, 9)] * 3
    assert not torch.equal(network.aux["conv1"].get_parameter("fc.weight")[:5], before)
    for name, tensor in network.upto("average").state_dict().items():
        assert torch.equal(tensor, body[name]) or "running" in name or "tracked" in name


def test_an_auxiliary_head_is_frozen_with_its_row(network: Chain) -> None:
    network.freeze(upto="conv1").train()
    trainable = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert not any(name.startswith(("conv1.", "aux.conv1.")) for name in trainable)
    assert any(name.startswith("aux.conv2_1.") for name in trainable)
    assert not network.aux["conv1"].training
    assert network.aux["conv2_1"].training


def test_what_is_frozen_stays_so_when_the_head_is_replaced(network: Chain) -> None:
    network.freeze(upto="fc").replace_head(3).train()
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert not any(module.training for module in network.children() if module is not network.aux)


def test_freezing_less_frees_the_rows_behind(network: Chain) -> None:
    network.freeze(upto="average").freeze(upto="conv1")
    assert not network.get_submodule("conv1").training
    assert network.get_submodule("conv2_1").training
    assert all(parameter.requires_grad for parameter in network.get_submodule("conv2_1").parameters())


def test_the_frozen_rows_of_features_keep_their_statistics(network: Chain) -> None:
    network.freeze(upto="conv2_1")
    backbone = cn.features(network, ["conv2_x"])
    backbone.train()
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    backbone(IMAGES)
    after = backbone.state_dict()
    changed = {name for name, tensor in before.items() if not torch.equal(tensor, after[name])}
    assert changed == {f"trunk.conv2_2.norm.{what}" for what in ("running_mean", "running_var", "num_batches_tracked")}


def test_a_new_head_follows_device_dtype_and_mode(network: Chain) -> None:
    network.double().eval().replace_head(3)
    assert network(IMAGES.double()).dtype == torch.float64
    assert not any(module.training for module in network.modules())
    with torch.device("meta"):
        empty = Chain(DESIGN).replace_head(3)
    assert all(tensor.is_meta for tensor in empty.state_dict().values())


def test_a_chain_of_one_row_gets_a_new_head() -> None:
    only = Design(rows=rows(fc=sequence(flatten=flatten(), linear=linear())), input_shape=(1, 4, 4), num_classes=2)
    network = Chain(only).to_empty(device="cpu").reset().replace_head(6)
    assert network(torch.zeros(1, 1, 4, 4)).shape == (1, 6)


def test_the_auxiliary_losses_reach_the_rows_before_them(network: Chain) -> None:
    _, auxiliary = network.forward_with_aux(IMAGES)
    torch.autograd.backward(F.cross_entropy(auxiliary["conv2_1"], torch.arange(4)))
    assert network.get_parameter("conv1.convolution.weight").grad is not None
    assert network.get_parameter("conv2_2.convolution.weight").grad is None


@pytest.mark.parametrize(("asked", "found"), [("conv1", "conv1"), ("conv2_1", "conv2_1"), ("conv2_x", "conv2_2")])
def test_a_stage_stands_for_its_last_row(network: Chain, asked: str, found: str) -> None:
    assert network.find_row(asked) == found


@pytest.mark.parametrize("wrong", ["conv3", "conv3_x", "con1", ""])
def test_an_unknown_row_is_named_with_near_ones(network: Chain, wrong: str) -> None:
    for act in (network.find_row, network.upto, network.freeze, lambda row: cn.features(network, [row])):
        with pytest.raises(UsageError, match=f"^small has no row '{wrong}'; .*conv1") as caught:
            act(wrong)
        assert "\n" not in str(caught.value)


def test_features_answer_under_every_name_asked_for(network: Chain) -> None:
    backbone = cn.features(network, ["conv2_2", "conv2_x", "conv1"]).eval()
    found = backbone(IMAGES)
    assert list(found) == ["conv2_2", "conv2_x", "conv1"]
    assert torch.equal(found["conv2_2"], found["conv2_x"])
    assert backbone.channels == {"conv2_2": 8, "conv2_x": 8, "conv1": 4}
    assert backbone.strides == {"conv2_2": 2, "conv2_x": 2, "conv1": 1}
    assert not any(name.startswith("trunk.average") for name, _ in backbone.named_modules())


@pytest.mark.parametrize("wrong", [[], "conv1"])
def test_features_of_no_list_of_rows_are_refused(network: Chain, wrong: list[str]) -> None:
    with pytest.raises(UsageError, match="at must list the rows of small"):
        cn.features(network, wrong)


def test_a_design_too_deep_for_its_image_says_where(network: Chain) -> None:
    tiny = Design(rows=rows(conv1=convolution(2, 3), conv2=convolution(2, 3)), input_shape=(1, 4, 4), num_classes=2)
    with pytest.raises(
        UsageError, match="chain takes images of at least 5x5 pixels, not 4x4: 2x2 pixels arrive at a 3x3 convolution"
    ):
        Chain(tiny)


def test_rows_hold_only_their_own_modules(network: Chain) -> None:
    assert isinstance(network.upto("conv2_1"), nn.Sequential)
    assert [name for name, _ in network.upto("conv2_1").named_children()] == ["conv1", "conv2_1"]
    assert [name for name, _ in network.upto("conv2_1")[:1].named_children()] == ["conv1"]
