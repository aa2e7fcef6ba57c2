"""Losses, optimizers and learning rates against what their formulas give by hand."""

import itertools
import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from classicnets.networks import create
from classicnets.training.rates import learning_rate_of
from classicnets.training.recipe.sections import Loss, Optimizer, Schedule
from classicnets.training.steps import loss_of, optimizer_of

LOGITS = torch.tensor([[-1.0, -2.0, -4.0], [-3.0, -0.5, -2.0]])
LABELS = torch.tensor([0, 2])
SHARE = st.floats(0, 1)
BELOW_ONE = st.floats(0, 0.99)

SCHEDULES = st.builds(
    Schedule,
    name=st.sampled_from(["constant", "step", "cosine"]),
    warmup=BELOW_ONE,
    warmup_from=SHARE,
    milestones=st.lists(SHARE, max_size=4).map(tuple),
    factor=st.floats(0.01, 1),
    final=SHARE,
) | st.builds(Schedule, name=st.just("one_cycle"), rise=st.floats(0.01, 0.99), final=SHARE)


def shares(steps: int, **schedule: Any) -> list[float]:
    share = learning_rate_of(Schedule(**schedule), steps)
    return [share(step) for step in range(steps)]


def mean(*values: float) -> float:
    return sum(values) / len(values)


class TestLoss:
    def test_cross_entropy(self) -> None:
        by_hand = mean(
            1 + math.log(math.exp(-1) + math.exp(-2) + math.exp(-4)),
            2 + math.log(math.exp(-3) + math.exp(-0.5) + math.exp(-2)),
        )
        assert loss_of(Loss(), LOGITS, LABELS).item() == pytest.approx(by_hand)

    def test_label_smoothing_spreads_its_share_over_all_classes(self) -> None:
        targets = 0.3 / 3 + 0.7 * F.one_hot(LABELS, 3)
        by_hand = -(targets * LOGITS.log_softmax(dim=1)).sum(dim=1).mean().item()
        assert loss_of(Loss(label_smoothing=0.3), LOGITS, LABELS).item() == pytest.approx(by_hand)

    def test_maximum_a_posteriori_is_equation_9(self) -> None:
        by_hand = mean(
            1 + math.log(math.exp(-0.7) + math.exp(-1) + math.exp(-2) + math.exp(-4)),
            2 + math.log(math.exp(-0.7) + math.exp(-3) + math.exp(-0.5) + math.exp(-2)),
        )
        loss = Loss(name="maximum_a_posteriori", rubbish=0.7)
        assert loss_of(loss, LOGITS, LABELS).item() == pytest.approx(by_hand)

    def test_minimum_distance_is_equation_8(self) -> None:
        assert loss_of(Loss(name="minimum_distance"), LOGITS, LABELS).item() == pytest.approx(mean(1, 2))


class TestOptimizer:
    @pytest.mark.parametrize("name", ["sgd", "adamw"])
    @pytest.mark.parametrize("network", ["lenet5", "resnet8_cifar"])
    def test_only_kernels_and_matrices_decay(self, name: str, network: str) -> None:
        net = create(network)
        optimizer = optimizer_of(Optimizer.model_validate({"name": name, "lr": 0.02, "weight_decay": 0.3}), net)
        decay = {
            id(parameter): group["weight_decay"] for group in optimizer.param_groups for parameter in group["params"]
        }
        assert len(decay) == len(list(net.parameters()))
        for parameter_name, parameter in net.named_parameters():
            # A kernel or matrix joins inputs to outputs; what is one number a channel is a bias, scale or shift.
            assert decay[id(parameter)] == (0.3 if parameter.dim() > 1 else 0.0), parameter_name
        assert {group["lr"] for group in optimizer.param_groups} == {0.02}

    def test_of_a_residual_network_it_is_convolutions_and_the_head_that_decay(self) -> None:
        net = create("resnet8_cifar")
        (decayed, others) = optimizer_of(Optimizer(weight_decay=1e-4), net).param_groups
        matrices = [m.weight for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
        assert {id(p) for p in decayed["params"]} == {id(p) for p in matrices}
        norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
        assert {id(p) for norm in norms for p in norm.parameters()} <= {id(p) for p in others["params"]}

    def test_decay_all_leaves_none_out(self) -> None:
        net = create("lenet5")
        (group,) = optimizer_of(Optimizer(weight_decay=0.3, decay_all=True), net).param_groups
        assert group["weight_decay"] == 0.3
        assert len(group["params"]) == len(list(net.parameters()))

    def test_frozen_parameters_are_left_out(self) -> None:
        net = create("lenet5").freeze(upto="C5")
        groups = optimizer_of(Optimizer(weight_decay=0.3), net).param_groups
        assert {id(p) for group in groups for p in group["params"]} == {
            id(p) for p in net.get_submodule("F6").parameters()
        }

    def test_the_recipes_numbers_arrive(self) -> None:
        net = create("lenet5")
        sgd = optimizer_of(Optimizer(momentum=0.8, nesterov=True), net)
        assert isinstance(sgd, torch.optim.SGD)
        assert all((group["momentum"], group["nesterov"]) == (0.8, True) for group in sgd.param_groups)
        adamw = optimizer_of(Optimizer(name="adamw", betas=(0.8, 0.95)), net)
        assert isinstance(adamw, torch.optim.AdamW)
        assert all(group["betas"] == (0.8, 0.95) for group in adamw.param_groups)


class TestLearningRate:
    def test_constant(self) -> None:
        assert shares(5, name="constant") == [1.0] * 5

    def test_step_falls_at_each_milestone(self) -> None:
        found = shares(8, name="step", milestones=(0.5, 0.75), factor=0.1)
        assert found == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01])

    def test_cosine_at_known_points(self) -> None:
        # Four steps, each at its middle: 1/8, 3/8, 5/8 and 7/8 of the half circle.
        found = shares(4, name="cosine", final=0.2)
        assert found == pytest.approx([0.2 + 0.8 * (1 + math.cos(math.pi * eighth / 8)) / 2 for eighth in (1, 3, 5, 7)])

    def test_one_cycle_at_known_points(self) -> None:
        found = shares(8, name="one_cycle", rise=0.5)
        falling = [(1 + math.cos(math.pi * eighth / 8)) / 2 for eighth in (1, 3, 5, 7)]
        assert found == pytest.approx([1 / 8, 3 / 8, 5 / 8, 7 / 8, *falling])

    def test_warm_up_at_known_points(self) -> None:
        found = shares(8, name="constant", warmup=0.5, warmup_from=0.2)
        assert found == pytest.approx([0.3, 0.5, 0.7, 0.9, 1, 1, 1, 1])

    @given(schedule=SCHEDULES, steps=st.integers(1, 300), step=st.integers(0, 300))
    def test_is_a_share_at_every_step_and_at_the_one_after_the_last(
        self, schedule: Schedule, steps: int, step: int
    ) -> None:
        assert -1e-12 <= learning_rate_of(schedule, steps)(min(step, steps)) <= 1 + 1e-12

    @given(rise=st.floats(0.01, 0.99), final=SHARE, steps=st.integers(1, 300))
    def test_one_cycle_rises_then_falls(self, rise: float, final: float, steps: int) -> None:
        found = shares(steps, name="one_cycle", rise=rise, final=final)
        top = found.index(max(found))
        assert all(before < after for before, after in itertools.pairwise(found[: top + 1]))
        assert all(before >= after for before, after in itertools.pairwise(found[top:]))
        assert abs((top + 0.5) / steps - rise) <= 1.01 / steps

    @given(warmup=st.floats(0, 0.9), final=SHARE, steps=st.integers(1, 300))
    def test_cosine_never_rises_after_its_warm_up(self, warmup: float, final: float, steps: int) -> None:
        found = shares(steps, name="cosine", warmup=warmup, final=final)
        after = [share for step, share in enumerate(found) if (step + 0.5) / steps >= warmup]
        assert all(before >= later for before, later in itertools.pairwise(after))
        assert all(final - 1e-12 <= share for share in after)

    @given(name=st.sampled_from(["constant", "cosine"]), warmup=st.floats(0.1, 0.9), start=SHARE)
    def test_warm_up_joins_without_a_jump(self, name: str, warmup: float, start: float) -> None:
        steps = 2000
        found = shares(steps, name=name, warmup=warmup, warmup_from=start)
        # Neither a climb over a tenth of the run nor a half cosine over as much moves further than this in a step.
        assert all(abs(after - before) <= 20 / steps for before, after in itertools.pairwise(found))
        assert found[0] == pytest.approx(start, abs=10 / steps)

    @pytest.mark.parametrize("name", ["constant", "step", "cosine"])
    @pytest.mark.parametrize("warmup", [0.0, 0.9])
    def test_a_run_of_one_step_learns(self, name: str, warmup: float) -> None:
        (share,) = shares(1, name=name, warmup=warmup)
        assert share > 0

    def test_a_run_of_one_step_learns_in_one_cycle(self) -> None:
        (share,) = shares(1, name="one_cycle")
        assert share > 0

    def test_one_cycle_with_a_warm_up_is_refused(self) -> None:
        with pytest.raises(ValueError, match="warmup is for the other schedules"):
            Schedule(name="one_cycle", warmup=0.1)
