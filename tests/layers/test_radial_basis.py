"""The output of LeNet-5 and its losses, beside the formulas of section II.B and equations 8 and 9."""

import math

import numpy as np
import pytest
import torch

from classicnets.layers.radial_basis import (
    RadialBasis,
    bitmaps,
    maximum_a_posteriori_loss,
    minimum_distance_loss,
)


def made(classes: int) -> RadialBasis:
    layer = RadialBasis(84, classes)
    layer.reset_parameters()
    return layer


def test_ten_different_drawings_of_minus_and_plus_one() -> None:
    targets = bitmaps(10)
    assert targets.shape == (10, 84)
    assert set(targets.flatten().tolist()) == {-1.0, 1.0}
    differing = (targets[:, None] != targets).sum(dim=2) + 84 * torch.eye(10, dtype=torch.int64)
    assert differing.min() >= 12, "two digits are hard to tell apart"


def test_the_drawings_are_read_row_by_row() -> None:
    seven = bitmaps(10)[7].view(12, 7)
    assert (seven[0] == 1).all()
    assert (seven[-1] == 1).tolist() == [True, True, False, False, False, False, False]
    one = bitmaps(10)[1].view(12, 7)
    assert (one[:, 3] == 1).all()


@pytest.mark.parametrize("classes", [11, 47, 300])
def test_classes_beyond_ten_have_codes_that_stay(classes: int) -> None:
    targets = bitmaps(classes)
    assert targets.shape == (classes, 84)
    assert len({tuple(target) for target in targets.tolist()}) == classes
    assert torch.equal(targets[:10], bitmaps(10))
    assert torch.equal(targets, bitmaps(400)[:classes])
    torch.manual_seed(123)
    assert torch.equal(targets, bitmaps(classes))


def test_the_targets_are_drawn_on_the_processor_whatever_the_default_device() -> None:
    expected = bitmaps(12)
    with torch.device("meta"):
        assert torch.equal(bitmaps(12), expected)


def test_drawing_the_targets_leaves_the_seed_of_others_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    bitmaps(20)
    assert torch.equal(torch.rand(3), expected)


def test_logits_are_minus_the_squared_distances() -> None:
    layer = made(10)
    inputs = torch.randn(5, 84, generator=torch.manual_seed(0))
    logits = layer(inputs)
    for image in range(5):
        for digit in range(10):
            distance = sum(
                (x - w) ** 2 for x, w in zip(inputs[image].tolist(), layer.targets[digit].tolist(), strict=True)
            )
            assert logits[image, digit].item() == pytest.approx(-distance, rel=1e-5)


def test_the_largest_logit_is_the_nearest_target() -> None:
    layer = made(10)
    noisy = layer.targets + 0.8 * torch.randn(10, 84, generator=torch.manual_seed(0))
    assert layer(noisy).argmax(dim=1).tolist() == list(range(10))
    assert (layer(layer.targets).diagonal() == 0).all()


def test_the_targets_are_kept_and_not_trained() -> None:
    layer = made(10)
    assert list(layer.parameters()) == []
    assert list(layer.state_dict()) == ["targets"]


DISTANCES = np.random.default_rng(0).uniform(0.1, 12, (6, 10))
LABELS = np.array([3, 1, 4, 1, 5, 9])


def test_the_minimum_distance_loss_is_equation_8() -> None:
    expected = sum(DISTANCES[pattern, label] for pattern, label in enumerate(LABELS)) / len(LABELS)
    loss = minimum_distance_loss(torch.from_numpy(-DISTANCES), torch.from_numpy(LABELS))
    assert loss.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("rubbish", [0.1, 1.0, 30.0])
def test_the_discriminative_loss_is_equation_9(rubbish: float) -> None:
    expected = 0.0
    for pattern, label in enumerate(LABELS):
        competitive = math.log(math.exp(-rubbish) + sum(math.exp(-y) for y in DISTANCES[pattern]))
        expected += (DISTANCES[pattern, label] + competitive) / len(LABELS)
    loss = maximum_a_posteriori_loss(torch.from_numpy(-DISTANCES), torch.from_numpy(LABELS), rubbish=rubbish)
    assert loss.item() == pytest.approx(expected, rel=1e-12)


def test_the_discriminative_loss_is_finite_where_exponentials_vanish() -> None:
    logits = torch.full((2, 10), -5000.0, requires_grad=True)
    loss = maximum_a_posteriori_loss(logits, torch.tensor([0, 1]), rubbish=0.1)
    torch.autograd.backward(loss)
    assert loss.item() == pytest.approx(5000 - 0.1)
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
