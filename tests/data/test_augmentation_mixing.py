"""Mixup and CutMix: what comes out for pixels and for classes."""

import numpy as np
import pytest
import torch
from scipy import stats

from classicnets.data.augmentation.chance import Chance
from classicnets.data.augmentation.mixing import Mixing, neighbours
from tests.data.augmented import chance, noise

MIXUP, CUTMIX, BOTH = Mixing(mixup=0.4), Mixing(cutmix=1), Mixing(mixup=1, cutmix=1)


def labels(count: int) -> torch.Tensor:
    return torch.arange(count) * 3 % 7


def test_neighbours_are_each_others() -> None:
    assert neighbours(6).tolist() == [1, 0, 3, 2, 5, 4]
    assert neighbours(5).tolist() == [1, 0, 3, 2, 4]
    assert neighbours(1).tolist() == [0]


def test_mixup_is_the_weighted_mean_of_two_images() -> None:
    images = torch.rand(8, 5, 6, 3, dtype=torch.float64)
    mixed = MIXUP(images, labels(8), chance(8))
    weights = mixed.weights.to(torch.float64).view(-1, 1, 1, 1)
    partner = images[[1, 0, 3, 2, 5, 4, 7, 6]]
    assert torch.allclose(mixed.images, weights * images + (1 - weights) * partner, atol=1e-6)
    assert mixed.labels.tolist() == labels(8).tolist()
    assert mixed.others.tolist() == labels(8)[[1, 0, 3, 2, 5, 4, 7, 6]].tolist()


def test_mixups_shares_have_the_papers_distribution() -> None:
    mixed = MIXUP(torch.zeros(4000, 1, 1, 1), labels(4000), chance(4000))
    assert stats.kstest(mixed.weights.numpy(), stats.beta(0.4, 0.4).cdf).pvalue > 0.001


def test_cutmix_puts_a_rectangle_of_one_image_into_the_other() -> None:
    count = 400
    images = torch.arange(count, dtype=torch.float32).view(-1, 1, 1, 1).expand(count, 20, 30, 1)
    mixed = CUTMIX(images, labels(count), chance(count))
    foreign = (mixed.images != images)[..., 0].numpy()
    partner = torch.from_numpy(neighbours(count).astype(np.float32)).view(-1, 1, 1, 1)
    assert bool(((mixed.images == images) | (mixed.images == partner)).all())
    assert mixed.weights.numpy() == pytest.approx(1 - foreign.mean(axis=(1, 2)), abs=1e-6)
    tall, wide = foreign.any(axis=2).sum(axis=1), foreign.any(axis=1).sum(axis=1)
    assert np.array_equal(tall * wide, foreign.sum(axis=(1, 2)))
    assert np.abs(wide - 1.5 * tall).max() <= 1.5  # the image's own proportions
    assert stats.kstest(foreign.mean(axis=(1, 2)), "uniform").statistic < 0.1  # Beta(1, 1), in whole pixels


def test_both_ways_are_as_likely() -> None:
    images = torch.rand(1000, 6, 6, 3)
    mixed = BOTH(images, labels(1000), chance(1000)).images
    partner = images[torch.from_numpy(neighbours(1000))]
    cut = ((mixed == images) | (mixed == partner)).flatten(1).all(dim=1)
    assert cut.float().mean() == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("kind", [MIXUP, CUTMIX, BOTH], ids=["mixup", "cutmix", "both"])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_parts_of_even_size_give_the_images_of_the_whole(kind: Mixing, dtype: torch.dtype) -> None:
    images = noise(12) if dtype == torch.uint8 else noise(12).float() / 255
    source = Chance(3, 1, np.arange(50, 62))
    whole = kind(images, labels(12), source)
    assert whole.images.dtype == dtype
    for part in (slice(0, 4), slice(4, 10), slice(10, 12)):
        again = kind(images[part], labels(12)[part], source.at(part))
        for got, expected in zip(again, whole, strict=True):
            assert torch.equal(got, expected[part])
    other = kind(images, labels(12), Chance(3, 2, np.arange(50, 62)))
    assert not torch.equal(other.images, whole.images)


@pytest.mark.parametrize("kind", [MIXUP, CUTMIX, BOTH, Mixing()])
def test_an_image_without_a_neighbour_is_left_alone(kind: Mixing) -> None:
    images = noise(7)
    mixed = kind(images, labels(7), chance(7))
    assert torch.equal(mixed.images[6], images[6])
    assert mixed.weights[6] == 1
    assert mixed.targets(7)[6].tolist() == [float(at == labels(7)[6]) for at in range(7)]


def test_nothing_is_mixed_where_nothing_is_asked_for() -> None:
    images = torch.rand(6, 4, 4, 3, requires_grad=True)
    mixed = Mixing()(images, labels(6), chance(6))
    assert torch.equal(mixed.images, images)
    assert mixed.weights.tolist() == [1] * 6
    assert not MIXUP(images, labels(6), chance(6)).images.requires_grad


def test_images_stay_on_their_device() -> None:
    """The meta device stands for any other: it refuses to work with what lies elsewhere, and to be read from."""
    mixed = BOTH(noise(8).to("meta"), labels(8).to("meta"), chance(8))
    assert {part.device.type for part in mixed} == {"meta"}
    assert mixed.targets(7).shape == (8, 7)


def test_targets_share_out_one_among_two_classes() -> None:
    mixed = MIXUP(noise(6), torch.tensor([0, 1, 2, 2, 3, 0]), chance(6))
    targets = mixed.targets(4)
    assert torch.allclose(targets.sum(dim=1), torch.ones(6))
    assert targets[0].tolist() == pytest.approx([float(mixed.weights[0]), 1 - float(mixed.weights[0]), 0, 0])
    assert targets[2].tolist() == [0, 0, 1, 0]  # both of one class
    smoothed = mixed.targets(4, smoothing=0.1)
    assert torch.allclose(smoothed, 0.9 * targets + 0.025)
