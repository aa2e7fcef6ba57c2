"""RandAugment, TrivialAugment and random erasing, against Pillow and the papers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps

from classicnets.data.augmentation import tones
from classicnets.data.augmentation.erasing import Erase
from classicnets.data.augmentation.policies import AUTOAUGMENT, OPERATIONS, WIDE, RandAugment, TrivialAugment, apply
from tests.data.augmented import chance, noise, smooth

Pixels = np.ndarray[Any, np.dtype[Any]]


def one(name: str, pixels: torch.Tensor, strength: float) -> torch.Tensor:
    chosen = np.full(len(pixels), OPERATIONS.index(name))
    return apply(pixels, chosen, np.full(len(pixels), strength), AUTOAUGMENT)


def images() -> torch.Tensor:
    """A smooth picture, noise, a narrow range of levels, and a picture of one level."""
    plain, wild = smooth(1, 33, 27), noise(1, 33, 27)
    return torch.cat([plain, wild, 90 + wild // 10, torch.full_like(plain, 77)])


@pytest.mark.parametrize(
    ("name", "strength", "pillow", "tolerance"),
    [
        ("identity", 1.0, lambda image: image, 0),
        ("autocontrast", 1.0, ImageOps.autocontrast, 0),
        ("equalize", 1.0, ImageOps.equalize, 0),
        ("posterize", 1.0, lambda image: ImageOps.posterize(image, 4), 0),
        ("posterize", -0.5, lambda image: ImageOps.posterize(image, 6), 0),
        ("solarize", 0.5, lambda image: ImageOps.solarize(image, 128), 0),
        ("solarize", 0.0, lambda image: ImageOps.solarize(image, 256), 0),
        ("sharpness", 0.5, lambda image: ImageEnhance.Sharpness(image).enhance(1.45), 1),
        ("sharpness", -1.0, lambda image: ImageEnhance.Sharpness(image).enhance(0.1), 1),
        ("brightness", -1.0, lambda image: ImageEnhance.Brightness(image).enhance(0.1), 1),
        ("contrast", 1.0, lambda image: ImageEnhance.Contrast(image).enhance(1.9), 2),
        ("saturation", 1.0, lambda image: ImageEnhance.Color(image).enhance(1.9), 2),
    ],
)
def test_a_change_of_tone_is_pillows(
    name: str, strength: float, pillow: Callable[[Image.Image], Image.Image], tolerance: int
) -> None:
    given = images()
    got = one(name, given, strength)
    for before, after in zip(given, got, strict=True):
        expected = np.asarray(pillow(Image.fromarray(before.numpy()))).astype(int)
        assert np.abs(after.numpy().astype(int) - expected).max() <= tolerance


@pytest.mark.parametrize(
    ("name", "inverse"),
    [
        # Where the new pixel (x, y), counted from the centre, comes from.
        ("shear_x", lambda x, y: (x - 0.3 * y, y)),
        ("shear_y", lambda x, y: (x, y - 0.3 * x)),
        ("translate_x", lambda x, y: (x - round(40 * 150 / 331), y)),
        ("translate_y", lambda x, y: (x, y - round(30 * 150 / 331))),
        ("rotate", lambda x, y: (x * 0.75**0.5 + y / 2, y * 0.75**0.5 - x / 2)),  # 30 degrees
    ],
)
def test_a_move_takes_the_nearest_pixel_and_black_from_outside(
    name: str, inverse: Callable[[Pixels, Pixels], tuple[Pixels, Pixels]]
) -> None:
    pixels = noise(1, 30, 40)
    got = one(name, pixels, 1.0)[0].numpy()
    y, x = np.mgrid[0:30, 0:40]
    old_x, old_y = inverse(x - 19.5, y - 14.5)
    column, row = np.rint(old_x + 19.5).astype(int), np.rint(old_y + 14.5).astype(int)
    padded = np.pad(pixels[0].numpy(), ((60, 60), (60, 60), (0, 0)))
    same = (got == padded[row + 60, column + 60]).all(axis=-1)
    assert same.mean() > 0.98  # places half-way between two pixels may go either way


def test_the_spaces_are_the_papers() -> None:
    """AutoAugment, table 6; TrivialAugment, table 1."""
    assert (AUTOAUGMENT.rotate, AUTOAUGMENT.shear, AUTOAUGMENT.factor, AUTOAUGMENT.posterize) == (30, 0.3, 0.9, 4)
    assert AUTOAUGMENT.translate == pytest.approx(0.4532, abs=1e-4)
    assert (WIDE.rotate, WIDE.shear, WIDE.translate_pixels, WIDE.factor, WIDE.posterize) == (135, 0.99, 32, 0.99, 6)
    assert len(set(OPERATIONS)) == 14


def test_rand_augment_makes_its_changes_one_after_the_other() -> None:
    pixels, source = smooth(40), chance(40)
    expected = pixels
    for number in range(3):
        chosen = source.integers(f"rand_augment {number}", below=14)
        signs = source.signs(f"rand_augment sign {number}")
        expected = apply(expected, chosen, 0.7 * signs, AUTOAUGMENT)
    assert torch.equal(RandAugment(changes=3, magnitude=7)(pixels, source), expected)


def test_every_change_is_as_likely_and_so_is_every_strength() -> None:
    source = chance(14_000)
    counts = np.bincount(source.integers("trivial_augment", below=14), minlength=14)
    assert np.abs(counts - 1000).max() < 130  # four standard deviations
    assert np.bincount(source.integers("trivial_augment strength", below=31), minlength=31).min() > 350


def test_a_change_beyond_its_end_stops_there() -> None:
    pixels = images()
    assert torch.equal(one("posterize", pixels, 3.0), pixels // 128 * 128)
    assert torch.equal(one("solarize", pixels, 3.0), 255 - pixels)
    assert not one("brightness", pixels, -3.0).any()
    assert not one("translate_x", pixels, 3.0).any()


def test_tiny_images_have_no_inside_to_sharpen() -> None:
    tiny = torch.rand(2, 2, 5, 3)
    assert torch.equal(tones.sharpness(tiny, torch.full((2, 1, 1, 1), 2.0)), tiny)


def test_trivial_augment_leaves_images_as_good_as_whole_at_strength_zero() -> None:
    pixels = smooth(28)
    chosen = np.arange(28) % 14
    changed = apply(pixels, chosen, np.zeros(28), WIDE)
    untouched = ~np.isin(chosen, [OPERATIONS.index("autocontrast"), OPERATIONS.index("equalize")])
    assert torch.equal(changed[untouched], pixels[untouched])
    assert not torch.equal(TrivialAugment()(pixels, chance(28)), pixels)


def erased(kind: Erase, images: int, height: int, width: int) -> Pixels:
    """Which pixels are painted over, (images, height, width)."""
    pixels = torch.full((images, height, width, 1), 2.0)  # no noise has this value
    return (kind(pixels, chance(images)) != 2)[..., 0].numpy()


def test_erased_rectangles_have_the_papers_areas_and_shapes() -> None:
    """Zhong et al., section 3.2 and 4: half of the images, 2% to 40% of the area, 0.3 to 3.33."""
    painted = erased(Erase(), 2000, 60, 60)
    share = painted.mean(axis=(1, 2))
    hit = share > 0
    assert abs(hit.mean() - 0.5) < 0.045
    tall, wide = painted.any(axis=2).sum(axis=1)[hit], painted.any(axis=1).sum(axis=1)[hit]
    assert np.array_equal(tall * wide, painted.sum(axis=(1, 2))[hit])  # one whole rectangle
    assert 0.017 < share[hit].min() < 0.03
    assert 0.38 < share[hit].max() < 0.41
    inner = (tall < 60) & (wide < 60)
    assert 0.25 < (tall / wide)[inner].min() < 0.34
    assert 2.9 < (tall / wide)[inner].max() < 4
    assert np.mean(tall > wide) == pytest.approx(0.5, abs=0.05)


def test_erased_rectangles_lie_anywhere_inside() -> None:
    painted = erased(Erase(probability=1, area=(0.04, 0.04), aspect=(1, 1)), 2000, 20, 30)
    counts = painted.sum(axis=0)
    assert (painted.sum(axis=(1, 2)) == 25).all()
    assert counts.min() > 0
    assert counts[0, 0] < counts[10, 15] / 4  # a corner has one place, the middle 25


@pytest.mark.parametrize("fill", ["noise", "black"])
def test_the_rest_of_an_image_stays_and_the_rectangle_is_filled(fill: Any) -> None:
    pixels = 1 + noise(6, 40, 40) // 2
    kind = Erase(probability=1, area=(0.3, 0.3), fill=fill)
    got = kind(pixels, chance(6))
    inside = torch.from_numpy(erased(kind, 6, 40, 40))
    assert torch.equal(got[~inside], pixels[~inside])
    if fill == "black":
        assert not got[inside].any()
    else:
        assert got[inside].float().mean() == pytest.approx(127.5, abs=4)
        assert len(np.unique(got[inside])) == 256
