"""A network begins with another's weights, and its rows learn as fast as the recipe says."""

from pathlib import Path

import pytest
import torch
from torch import nn

from classicnets.errors import UsageError
from classicnets.networks import create
from classicnets.networks.chain import Chain
from classicnets.training.recipe.reading import complete
from classicnets.training.recipe.sections import Optimizer
from classicnets.training.recipe.transfer import Transfer
from classicnets.training.steps import optimizer_of
from classicnets.training.transfer.beginning import begin_from, rates, settle
from classicnets.training.transfer.source import Source, begin_with
from tests.networks.test_chain import DESIGN, IMAGES
from tests.training.transfer.sources import resnet8, saved

CLASSES = ("cat", "dog", "frog", "ship")


def begun(folder: Path, classes: tuple[str, ...] = CLASSES, **transfer: object) -> tuple[Chain, Source]:
    weights = saved(folder / "bundle", resnet8())
    fields, source = begin_with({"data": "digits", "transfer": {"weights": str(weights), **transfer}})
    assert source is not None
    torch.manual_seed(0)
    return begin_from(source, complete(fields), classes), source


def same(one: Chain, other: Chain) -> set[str]:
    """The rows whose tensors are equal, bit for bit."""
    return {
        row
        for row in one.rows
        if all(
            torch.equal(tensor, other.state_dict()[name])
            for name, tensor in one.state_dict().items()
            if name.partition(".")[0] == row
        )
    }


class TestHead:
    def test_is_kept_for_the_same_classes_in_the_same_order(self, tmp_path: Path) -> None:
        network, source = begun(tmp_path)
        assert same(network, source.bundle.network) == set(network.rows)

    @pytest.mark.parametrize("classes", [("dog", "cat", "frog", "ship"), ("cat", "dog", "frog"), tuple("abcd")])
    def test_is_fresh_for_others(self, tmp_path: Path, classes: tuple[str, ...]) -> None:
        network, source = begun(tmp_path, classes)
        assert network.num_classes == len(classes)
        assert set(network.rows) - same(network, source.bundle.network) == {"fc"}

    def test_is_what_the_recipe_wants(self, tmp_path: Path) -> None:
        kept, source = begun(tmp_path, tuple("abcd"), head="keep")
        assert same(kept, source.bundle.network) == set(kept.rows)
        fresh, source = begun(tmp_path, head="fresh")
        assert set(fresh.rows) - same(fresh, source.bundle.network) == {"fc"}
        with pytest.raises(UsageError, match="tells 4 classes apart, the data has 3; leave it out for a fresh head"):
            begun(tmp_path, ("a", "b", "c"), head="keep")

    def test_is_drawn_from_the_seed_alone(self, tmp_path: Path) -> None:
        one, other = (begun(tmp_path / name, tuple("ab"))[0] for name in "ab")
        assert same(one, other) == set(one.rows)


def test_weights_of_half_precision_learn_in_single(tmp_path: Path) -> None:
    made = resnet8()
    made.network.half()
    weights = saved(tmp_path / "bundle", made)
    fields, source = begin_with({"data": "digits", "transfer": {"weights": str(weights)}})
    assert source is not None
    network = begin_from(source, complete(fields), CLASSES)
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


class TestFrozen:
    def test_rows_keep_nothing_for_a_gradient(self) -> None:
        network = settle(create("resnet8_cifar"), Transfer(weights="w", freeze_upto="conv3_x")).train()
        assert [row for row in network.rows if row in network.frozen] == ["conv1", "conv2_1", "conv3_1"]
        kept: list[torch.Size] = []

        def keep(tensor: torch.Tensor) -> torch.Tensor:
            kept.append(tensor.shape)
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            network(torch.randn(2, 3, 32, 32)).sum().backward()
        # What leaves conv3_x, 32 maps of 16x16, is the first that is kept: conv1 and conv2 would keep 32x32.
        assert kept
        assert not any(shape[-2:] == (32, 32) for shape in kept)
        assert {name.partition(".")[0] for name, p in network.named_parameters() if p.grad is not None} == {
            "conv4_1",
            "fc",
        }

    def test_something_must_be_left_to_learn(self) -> None:
        with pytest.raises(UsageError, match="resnet8_cifar has nothing left to learn; name a row before fc"):
            settle(create("resnet8_cifar"), Transfer(weights="w", freeze_upto="fc"))

    def test_an_unknown_row_is_named(self) -> None:
        with pytest.raises(UsageError, match="no row 'conv9'"):
            settle(create("resnet8_cifar"), Transfer(weights="w", freeze_upto="conv9"))


class TestStatistics:
    @pytest.mark.parametrize("batch_norm", ["frozen", "learn"])
    def test_are_held_or_not_while_scales_learn(self, batch_norm: str) -> None:
        torch.manual_seed(0)
        network = Chain(DESIGN, name="small").to_empty(device="cpu").reset()
        settle(network, Transfer.model_validate({"weights": "w", "batch_norm": batch_norm})).train()
        network.eval().train()  # as a test between two epochs does
        before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
        network(IMAGES).square().sum().backward()
        optimizer.step()
        changed = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
        assert "conv2_1.norm.weight" in changed
        assert ("conv2_1.norm.running_mean" in changed) == (batch_norm == "learn")

    def test_of_auxiliary_heads_learn(self) -> None:
        network = Chain(DESIGN, name="small").to_empty(device="cpu").reset()
        network.aux["conv1"].add_module("norm", nn.BatchNorm1d(5))
        network.hold_statistics().train()
        assert not network.get_submodule("conv1.norm").training
        assert network.get_submodule("aux.conv1.norm").training
        assert network.hold_statistics(False).get_submodule("conv1.norm").training


class TestRates:
    def test_fall_from_the_head_to_the_image(self) -> None:
        network = create("resnet8_cifar")
        found = rates(network, Transfer(weights="w", row_rate=0.5, head_rate=3))
        by_row = {name.partition(".")[0]: rate for name, rate in found.items()}
        # The average before the head has no parameters and does not count.
        assert by_row == {"conv1": 0.0625, "conv2_1": 0.125, "conv3_1": 0.25, "conv4_1": 0.5, "fc": 3.0}
        assert found.keys() == {name for name, _ in network.named_parameters()}

    def test_auxiliary_heads_learn_as_the_head_does(self) -> None:
        found = rates(Chain(DESIGN, name="small"), Transfer(weights="w", row_rate=0.1, head_rate=2))
        assert {rate for name, rate in found.items() if name.startswith("aux.")} == {2.0}

    def test_are_those_of_the_optimizer_with_decay_as_before(self) -> None:
        network = create("resnet8_cifar").freeze(upto="conv2_1")
        of_rows = rates(network, Transfer(weights="w", row_rate=0.5, head_rate=3))
        optimizer = optimizer_of(Optimizer(name="adamw", lr=0.1, weight_decay=0.3), network, of_rows)
        found = {
            id(parameter): (group["lr"], group["weight_decay"])
            for group in optimizer.param_groups
            for parameter in group["params"]
        }
        for name, parameter in network.named_parameters():
            row = name.partition(".")[0]
            if row in ("conv1", "conv2_1"):
                assert id(parameter) not in found
                continue
            rate = {"conv3_1": 0.25, "conv4_1": 0.5, "fc": 3.0}[row]
            assert found[id(parameter)] == (pytest.approx(0.1 * rate), 0.3 if parameter.dim() > 1 else 0.0), name

    def test_without_a_transfer_are_those_of_the_recipe(self) -> None:
        assert rates(create("resnet8_cifar"), None) == {}
