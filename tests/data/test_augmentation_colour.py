"""Changes of colour, against Pillow, the standard library and the printed formulas."""

import colorsys
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance

from classicnets.data.augmentation import colour
from classicnets.data.augmentation.colour import Colour, Jitter
from classicnets.data.augmentation.lighting import IMAGENET, Lighting, PrincipalColours
from tests.data.augmented import chance, noise, smooth

Change = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def factor(value: float) -> torch.Tensor:
    return torch.tensor(value).view(1, 1, 1, 1)


@pytest.mark.parametrize("value", [0.5, 0.9, 1.0, 1.5])
@pytest.mark.parametrize(
    ("change", "enhancer"),
    [
        (colour.brightness, ImageEnhance.Brightness),
        (colour.contrast, ImageEnhance.Contrast),
        (colour.saturation, ImageEnhance.Color),
    ],
)
def test_a_factor_does_what_pillow_does(change: Change, enhancer: type[ImageEnhance.Contrast], value: float) -> None:
    pixels = smooth(1)
    expected = np.asarray(enhancer(Image.fromarray(pixels[0].numpy())).enhance(value)).astype(float)
    got = 255 * change(pixels.to(torch.float32) / 255, factor(value))[0].numpy()
    assert np.abs(got - expected).max() <= 1.6  # Pillow rounds greys, means and results


@pytest.mark.parametrize("turn", [-0.4, 0.0, 0.1, 1 / 3, 0.5])
def test_hues_turn_as_in_the_standard_library(turn: float) -> None:
    pixels = noise(1, 6, 7).to(torch.float64) / 255
    got = colour.hue(pixels, torch.full((1, 1, 1, 1), turn, dtype=torch.float64))[0].numpy()
    for given, turned in zip(pixels[0].reshape(-1, 3).numpy(), got.reshape(-1, 3), strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*given)
        assert turned == pytest.approx(colorsys.hsv_to_rgb((hue + turn) % 1, saturation, value), abs=1e-9)


def test_greys_have_no_hue_to_turn() -> None:
    grey = torch.linspace(0, 1, 50).view(1, 10, 5, 1).expand(1, 10, 5, 3)
    assert torch.allclose(colour.hue(grey, factor(0.3)), grey)


def test_changes_come_in_the_images_own_order() -> None:
    """Each image, made again one change at a time in the order and with the factors that were drawn for it."""
    pixels, source, kind = smooth(24), chance(24), Colour(brightness=0.4, contrast=0.3, saturation=0.6)
    got = kind(pixels.to(torch.float32) / 255, source)
    changes = (colour.brightness, colour.contrast, colour.saturation)
    amounts = [
        source.uniform(f"colour {name}", 1 - strength, 1 + strength)
        for name, strength in (("brightness", 0.4), ("contrast", 0.3), ("saturation", 0.6))
    ]
    orders = source.order("colour order", 3)
    assert len(np.unique(orders, axis=0)) == 6
    for at in range(24):
        expected = pixels[at : at + 1].to(torch.float32) / 255
        for step in orders[at]:
            expected = changes[step](expected, factor(float(amounts[step][at])))
        assert torch.allclose(got[at], expected[0], atol=1e-6)


def test_factors_reach_from_one_end_to_the_other() -> None:
    flat = torch.full((2000, 1, 1, 1), 100, dtype=torch.uint8)
    levels = Colour(brightness=0.5, contrast=0, saturation=0)(flat, chance(2000)).flatten().tolist()
    assert (min(levels), max(levels)) == (50, 150)
    assert np.mean(levels) == pytest.approx(100, abs=3)


def test_jitter_moves_every_value_by_its_own_amount() -> None:
    flat = torch.full((4, 30, 30, 3), 0.5, dtype=torch.float64)
    moved = 255 * (Jitter(levels=20)(flat, chance(4)) - flat)
    assert -20 <= moved.min() < -19.5
    assert 19.5 < moved.max() <= 20
    assert moved.std() == pytest.approx(20 / 3**0.5, rel=0.02)
    assert len(np.unique(moved)) > 9000


def test_lighting_adds_one_colour_to_all_pixels_of_an_image() -> None:
    pixels = torch.rand(5, 6, 7, 3, dtype=torch.float64)
    added = Lighting()(pixels, chance(5)) - pixels
    assert torch.allclose(added, added[:, :1, :1].expand_as(added), atol=1e-12)
    assert len(np.unique(added[:, 0, 0], axis=0)) == 5


@pytest.mark.parametrize(
    ("scale", "deviations"),
    [("eigenvalues", (0.02175, 0.00188, 0.00045)), ("deviations", (0.046637, 0.013711, 0.006708))],
)
def test_shifts_vary_along_imagenets_axes_as_printed(scale: str, deviations: tuple[float, float, float]) -> None:
    """AlexNet, section 4.1: a deviation of 0.1 times the eigenvalue along each eigenvector, and no correlation."""
    shifts = Lighting(sigma=0.1, scale=scale).shifts(chance(40_000))  # type: ignore[arg-type]  # one of two
    axes = np.array([[-0.5675, -0.5808, -0.5836], [0.7192, -0.0045, -0.6948], [0.4009, -0.8140, 0.4203]])
    along = shifts @ axes.T
    assert along.std(axis=0) == pytest.approx(deviations, rel=0.02)
    assert np.abs(along.mean(axis=0) / deviations).max() < 0.02
    assert np.abs(np.corrcoef(along.T) - np.eye(3)).max() < 0.03


def test_imagenets_figures_are_variances_of_pixels_from_0_to_1() -> None:
    """Their sum is the variance of the three channels; 0.283 is the deviation of ImageNet's pixels."""
    assert (sum(IMAGENET.values) / 3) ** 0.5 == pytest.approx(0.283, abs=0.001)


def test_other_figures_take_their_place() -> None:
    red = PrincipalColours(values=(1, 0, 0), vectors=((1, 0, 0), (0, 1, 0), (0, 0, 1)))
    shifts = Lighting(figures=red).shifts(chance(1000))
    assert shifts[:, 0].std() == pytest.approx(0.1, rel=0.1)
    assert not shifts[:, 1:].any()


def test_levels_are_cut_where_numbers_may_leave_their_range() -> None:
    white = torch.full((50, 2, 2, 3), 255, dtype=torch.uint8)
    assert Lighting(sigma=1)(white, chance(50)).min() < 255
    assert Lighting(sigma=1)(white / 255, chance(50)).max() > 1.05
