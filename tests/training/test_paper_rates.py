"""The learning rates of the papers' recipes, step by step."""

import pytest

from classicnets.training.rates import learning_rate_of
from classicnets.training.recipe.reading import complete
from classicnets.training.recipe.shipped import shipped_recipe


def rates_of(name: str, network: str, steps: int) -> list[float]:
    recipe = complete(shipped_recipe(name, network) | {"network": network, "data": "digits"})
    share = learning_rate_of(recipe.schedule, steps)
    return [recipe.optimizer.lr * share(step) for step in range(steps)]


def test_of_lenet5_is_its_table() -> None:
    rates = rates_of("lenet5/paper", "lenet5", 20 * 7)
    by_hand = [5e-4] * 2 + [2e-4] * 3 + [1e-4] * 3 + [5e-5] * 4 + [1e-5] * 8
    assert rates == pytest.approx([rate for rate in by_hand for _ in range(7)])


def test_of_resnet_cifar_falls_after_32k_and_48k_steps() -> None:
    rates = rates_of("resnet_cifar/paper", "resnet20_cifar", 64000)
    falls = [step for step in range(1, 64000) if rates[step] != rates[step - 1]]
    assert falls == [32000, 48000]
    assert [rates[0], rates[32000], rates[-1]] == pytest.approx([0.1, 0.01, 0.001])


def test_of_110_layers_begins_low_for_400_steps() -> None:
    rates = rates_of("resnet_cifar/paper", "resnet110_cifar", 64000)
    assert [rates[0], rates[399], rates[400]] == pytest.approx([0.01, 0.01, 0.1])


def test_of_resnet_cifar_shrinks_with_the_run() -> None:
    rates = rates_of("resnet_cifar/paper", "resnet20_cifar", 1600)
    assert [step for step in range(1, 1600) if rates[step] != rates[step - 1]] == [800, 1200]


def test_of_inception_v3_is_times_094_every_two_epochs() -> None:
    rates = rates_of("inception_v3/paper", "inception_v3", 100 * 3)
    assert rates == pytest.approx([0.045 * 0.94 ** (epoch // 2) for epoch in range(100) for _ in range(3)])


def test_of_googlenet_is_four_percent_less_every_eight_epochs() -> None:
    recipe = complete(shipped_recipe("googlenet/paper") | {"network": "googlenet", "data": "digits"})
    share = learning_rate_of(recipe.schedule, 7743)  # ten steps an epoch
    assert [share(79), share(80), share(160)] == pytest.approx([1, 0.96, 0.9216])


def test_of_wide_resnet() -> None:
    rates = rates_of("wide_resnet/paper", "wide_resnet28_10_cifar", 200)
    by_hand = [0.1] * 60 + [0.02] * 60 + [0.004] * 40 + [0.0008] * 40
    assert rates == pytest.approx(by_hand)


def test_of_one_weird_trick_ends_at_a_250th() -> None:
    rates = rates_of("alexnet_owt/paper", "alexnet_owt", 8)
    assert rates[0] / rates[-1] == pytest.approx(250, rel=1e-3)
