"""Optimizers of the papers against their formulas by hand."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn

from classicnets.networks import create
from classicnets.training.optimizers.levenberg_marquardt import LevenbergMarquardt
from classicnets.training.optimizers.momentum import ScaledVelocity
from classicnets.training.optimizers.rmsprop import RMSProp
from classicnets.training.recipe.sections import Optimizer
from classicnets.training.steps import limit_filters, optimizer_of

RATES = (0.1, 0.1, 0.01, 0.01, 0.2)
GRADIENTS = (1.0, -0.5, 2.0, 0.25, -1.0)


def walk(make: Callable[[list[nn.Parameter]], torch.optim.Optimizer]) -> list[float]:
    """Where a weight that starts at 1 stands after each step along `GRADIENTS` at `RATES`."""
    weight = nn.Parameter(torch.tensor(1.0, dtype=torch.float64))
    optimizer = make([weight])
    places = []
    for rate, gradient in zip(RATES, GRADIENTS, strict=True):
        optimizer.param_groups[0]["lr"] = rate
        weight.grad = torch.tensor(gradient, dtype=torch.float64)
        optimizer.step()
        places.append(weight.item())
    return places


class TestMomentum:
    def test_is_alexnets_formula_though_the_rate_moves(self) -> None:
        weight, velocity, by_hand = 1.0, 0.0, []
        for rate, gradient in zip(RATES, GRADIENTS, strict=True):
            velocity = 0.9 * velocity - 0.0005 * rate * weight - rate * gradient
            weight += velocity
            by_hand.append(weight)
        found = walk(lambda weights: ScaledVelocity(weights, lr=0.1, momentum=0.9, weight_decay=0.0005))
        assert found == pytest.approx(by_hand, rel=1e-12)

    def test_is_pytorchs_until_the_rate_moves(self) -> None:
        plain = walk(lambda weights: torch.optim.SGD(weights, lr=0.1, momentum=0.9))
        scaled = walk(lambda weights: ScaledVelocity(weights, lr=0.1, momentum=0.9))
        assert scaled[:2] == pytest.approx(plain[:2], rel=1e-12)
        assert scaled[2] != pytest.approx(plain[2], rel=1e-3)

    def test_goes_on_from_its_state(self) -> None:
        weights = [nn.Parameter(torch.ones(3)) for _ in range(2)]
        first = ScaledVelocity(weights[:1], lr=0.1, momentum=0.9)
        weights[0].grad = torch.ones(3)
        first.step()
        second = ScaledVelocity(weights[1:], lr=0.1, momentum=0.9)
        second.load_state_dict(copy.deepcopy(first.state_dict()))
        weights[1].data.copy_(weights[0].data)
        for optimizer, weight in zip((first, second), weights, strict=True):
            optimizer.param_groups[0]["lr"] = 0.01
            weight.grad = torch.ones(3)
            optimizer.step()
        assert torch.equal(*weights)


class TestRMSProp:
    def test_is_tensorflows_formula(self) -> None:
        weight, square, velocity, by_hand = 1.0, 1.0, 0.0, []
        for rate, gradient in zip(RATES, GRADIENTS, strict=True):
            slope = gradient + 0.00004 * weight
            square = 0.9 * square + 0.1 * slope**2
            velocity = 0.9 * velocity + rate * slope / (square + 1.0) ** 0.5
            weight -= velocity
            by_hand.append(weight)
        found = walk(lambda weights: RMSProp(weights, lr=0.1, rho=0.9, momentum=0.9, epsilon=1.0, weight_decay=0.00004))
        assert found == pytest.approx(by_hand, rel=1e-12)

    def test_is_what_inception_v3_gets(self) -> None:
        optimizer = optimizer_of(Optimizer(name="rmsprop", lr=0.045, epsilon=1.0), create("lenet5"))
        assert isinstance(optimizer, RMSProp)
        (group, *_) = optimizer.param_groups
        assert (group["rho"], group["epsilon"], group["momentum"], group["lr"]) == (0.9, 1.0, 0.9, 0.045)


class TestGroups:
    def test_biases_learn_twice_as_fast_in_caffe(self) -> None:
        net = create("lenet5_dense")
        groups = optimizer_of(Optimizer(lr=0.01, bias_rate=2, weight_decay=0.0005), net).param_groups
        found = {id(p): (group["lr"], group["weight_decay"]) for group in groups for p in group["params"]}
        for name, parameter in net.named_parameters():
            assert found[id(parameter)] == ((0.02, 0.0) if name.endswith("bias") else (0.01, 0.0005)), name

    @pytest.mark.parametrize("name", ["sgd", "adamw", "rmsprop"])
    def test_a_rate_beyond_float32_is_refused_in_one_line(self, name: str) -> None:
        with pytest.raises(ValueError, match="beyond what float32 can hold; take a smaller lr"):
            Optimizer.model_validate({"name": name, "lr": 2e38})
        Optimizer.model_validate({"name": name, "lr": 1e36})

    def test_adamw_divides_by_what_its_beta_leaves(self) -> None:
        with pytest.raises(ValueError, match="take a smaller lr"):
            Optimizer(name="adamw", lr=1e38)


class TestFilterLimit:
    def test_scales_back_the_filters_that_exceed_it_and_no_others(self) -> None:
        convolution = nn.Conv2d(2, 3, 3)
        with torch.no_grad():
            convolution.weight.copy_(torch.tensor([0.05, 0.1, 0.4])[:, None, None, None].expand(3, 2, 3, 3))
        before = convolution.weight.detach().clone()
        limit_filters(nn.Sequential(convolution), 0.1)
        assert torch.equal(convolution.weight[0], before[0])
        assert convolution.weight[2].square().mean().sqrt().item() == pytest.approx(0.1)
        assert torch.allclose(convolution.weight[2] / before[2], torch.tensor(0.25))

    def test_a_filter_of_zeros_stays(self) -> None:
        convolution = nn.Conv2d(1, 1, 3)
        nn.init.zeros_(convolution.weight)
        limit_filters(convolution, 0.1)
        assert not convolution.weight.any()


class TestLevenbergMarquardt:
    def test_a_step_is_the_formula(self) -> None:
        weight = nn.Parameter(torch.tensor([1.0, 1.0], dtype=torch.float64))
        optimizer = LevenbergMarquardt([weight], lr=0.0005, damping=0.02)
        optimizer.heed({weight: torch.tensor([0.0, 0.48], dtype=torch.float64)})
        weight.grad = torch.tensor([2.0, 2.0], dtype=torch.float64)
        optimizer.step()
        assert weight.tolist() == pytest.approx([1 - 0.0005 / 0.02 * 2, 1 - 0.0005 / 0.5 * 2])

    def test_its_curvature_is_part_of_its_state(self) -> None:
        weight = nn.Parameter(torch.ones(2))
        optimizer = LevenbergMarquardt([weight], lr=0.1, damping=0.02)
        optimizer.heed({weight: torch.tensor([1.0, 2.0])})
        other = LevenbergMarquardt([weight], lr=0.1, damping=0.02)
        other.load_state_dict(optimizer.state_dict())
        assert other.state[weight]["curvature"].tolist() == [1.0, 2.0]
