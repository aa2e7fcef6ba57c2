"""Policies without a search: some of fourteen changes, chosen at random for each image."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field

from classicnets.data.augmentation import colour, tones
from classicnets.data.augmentation.chance import Chance, Floats
from classicnets.data.augmentation.geometry import backward, warp
from classicnets.data.augmentation.numbers import as_given, from_levels, levels, numbers, per_image
from classicnets.data.settings import Settings

OPERATIONS = (
    "identity",
    "autocontrast",
    "equalize",
    "rotate",
    "solarize",
    "saturation",
    "posterize",
    "contrast",
    "brightness",
    "sharpness",
    "shear_x",
    "shear_y",
    "translate_x",
    "translate_y",
)
"""What both policies choose from (RandAugment, section 3, figure 2; TrivialAugment, section 3)."""

_GEOMETRIC = ("rotate", "shear_x", "shear_y", "translate_x", "translate_y")
_FACTORS: Mapping[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "saturation": colour.saturation,
    "contrast": colour.contrast,
    "brightness": colour.brightness,
    "sharpness": tones.sharpness,
}


@dataclass(frozen=True, kw_only=True)
class Space:
    """The most that each change does.

    Attributes:
        rotate: degrees.
        shear: pixels for each row or column from the middle.
        translate: share of the height or width, and None where ``translate_pixels`` holds.
        translate_pixels: pixels.
        factor: distance from 1 of the factor of brightness, contrast, saturation and sharpness.
        posterize: bits taken from the 8 of a level.
    """

    rotate: float
    shear: float
    translate: float | None = None
    translate_pixels: float = 0.0
    factor: float
    posterize: int


AUTOAUGMENT = Space(rotate=30, shear=0.3, translate=150 / 331, factor=0.9, posterize=4)
"""AutoAugment's (Cubuk et al., 2019, table 6), which RandAugment takes over."""

WIDE = Space(rotate=135, shear=0.99, translate_pixels=32, factor=0.99, posterize=6)
"""TrivialAugment's wide one (Müller and Hutter, 2021, table 1)."""


class RandAugment(Settings):
    """``changes`` changes in a row, each one of fourteen, all with one strength (Cubuk et al., 2020, section 3).

    What comes from outside the image is black, and pixels are taken from the nearest place. Changes that go two ways
    go either way with equal chances.

    Attributes:
        changes: how many, N in the paper.
        magnitude: M; 10 stands for AutoAugment's most, and beyond it the strength grows on in proportion, as far as a
            change can (the paper tries up to 30). ResNet-50 on ImageNet takes N = 2, M = 9 (recalled).
    """

    changes: int = Field(default=2, ge=0, le=20)
    magnitude: float = Field(default=9, ge=0, le=30)

    @torch.no_grad()
    def __call__(self, pixels: torch.Tensor, chance: Chance) -> torch.Tensor:
        """The batch changed; see the package for shapes."""
        changed = levels(pixels).clone()
        strength = np.full(len(pixels), self.magnitude / 10)
        for number in range(self.changes):
            chosen = chance.integers(f"rand_augment {number}", below=len(OPERATIONS))
            signs = chance.signs(f"rand_augment sign {number}")
            changed = apply(changed, chosen, strength * signs, AUTOAUGMENT)
        return from_levels(changed, pixels)


class TrivialAugment(Settings):
    """One of fourteen changes, with a strength of its own for each image (Müller and Hutter, 2021, section 3).

    The strength is drawn evenly from 31, in the wide space of the paper; all else is as in `RandAugment`.
    """

    @torch.no_grad()
    def __call__(self, pixels: torch.Tensor, chance: Chance) -> torch.Tensor:
        """The batch changed; see the package for shapes."""
        chosen = chance.integers("trivial_augment", below=len(OPERATIONS))
        strength = chance.integers("trivial_augment strength", below=31) / 30
        signs = chance.signs("trivial_augment sign")
        return from_levels(apply(levels(pixels), chosen, strength * signs, WIDE), pixels)


def apply(pixels: torch.Tensor, chosen: npt.NDArray[np.int64], strength: Floats, space: Space) -> torch.Tensor:
    """uint8 images, each changed by the operation chosen for it.

    Args:
        pixels: (images, height, width, channels).
        chosen: positions in `OPERATIONS`, (images,).
        strength: -1 to 1 for the most of ``space``, further as far as a change can go, (images,).
        space: the most.
    """
    changed = pixels.clone()
    moved = np.isin(chosen, [OPERATIONS.index(name) for name in _GEOMETRIC])
    groups = [(np.flatnonzero(chosen == at), name) for at, name in enumerate(OPERATIONS) if name not in _GEOMETRIC]
    for rows, name in [*groups, (np.flatnonzero(moved), "")]:
        if not len(rows):
            continue
        at = torch.from_numpy(rows).to(pixels.device)
        if name:
            changed[at] = _retoned(pixels[at], name, strength[rows], space)
        else:
            changed[at] = _moved(pixels[at], chosen[rows], strength[rows], space)
    return changed


def _retoned(pixels: torch.Tensor, name: str, strength: Floats, space: Space) -> torch.Tensor:
    if name in _FACTORS:
        values = numbers(pixels)
        factor = per_image(np.maximum(0.0, 1 + space.factor * strength), values)
        return as_given(_FACTORS[name](values, factor), pixels)
    size = np.abs(strength)[:, None, None, None]
    match name:
        case "autocontrast":
            return tones.autocontrast(pixels)
        case "equalize":
            return tones.equalize(pixels)
        case "posterize":
            bits = np.maximum(1, 8 - np.rint(space.posterize * size)).astype(np.int64)
            return tones.posterize(pixels, torch.from_numpy(bits).to(pixels.device))
        case "solarize":
            threshold = np.maximum(0, np.rint(256 * (1 - size))).astype(np.int64)
            return tones.solarize(pixels, torch.from_numpy(threshold).to(pixels.device))
        case _:
            return pixels


def _moved(pixels: torch.Tensor, chosen: npt.NDArray[np.int64], strength: Floats, space: Space) -> torch.Tensor:
    height, width = pixels.shape[1:3]

    def amount(name: str, most: float) -> Floats:
        return np.where(chosen == OPERATIONS.index(name), strength * most, 0.0)

    angle = np.radians(amount("rotate", space.rotate))
    forward = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], axis=1).reshape(-1, 2, 2)
    forward[:, 0, 1] += amount("shear_x", space.shear)
    forward[:, 1, 0] += amount("shear_y", space.shear)
    furthest_x, furthest_y = (
        space.translate_pixels if space.translate is None else space.translate * side for side in (width, height)
    )
    # Whole pixels: nothing of a moved image is to be resampled.
    move = np.stack([amount("translate_x", furthest_x), amount("translate_y", furthest_y)], axis=1).round()
    return warp(pixels, backward(forward, move), interpolation="nearest")
