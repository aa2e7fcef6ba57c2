"""All that an augmentation does to whole batches, in its order."""

import math

import torch

from classicnets.data.augmentation.chance import Chance
from classicnets.data.augmentation.geometry import distort
from classicnets.data.augmentation.numbers import as_given, numbers
from classicnets.data.transforms import Augmentation

_AT_ONCE = 1 << 19  # values changed at a time on a processor: what stays in its cache from one change to the next


def changes_pixels(augmentation: Augmentation | None) -> bool:
    """Whether `change` would do anything."""
    return augmentation is not None and any(
        kind is not None
        for kind in (
            augmentation.elastic,
            augmentation.affine,
            augmentation.rand_augment,
            augmentation.trivial_augment,
            augmentation.colour,
            augmentation.jitter,
            augmentation.lighting,
            augmentation.erase,
        )
    )


@torch.no_grad()
def change(pixels: torch.Tensor, augmentation: Augmentation, chance: Chance) -> torch.Tensor:
    """Images that are cut and mirrored already, with everything else done but `Augmentation.mix`.

    Args:
        pixels: uint8 from 0 to 255 or floating point from 0 to 1, (images, height, width, channels).
        augmentation: what to do.
        chance: of these images.

    Returns:
        As given; uint8 values are rounded once after all changes of colour.
    """
    step = max(1, _AT_ONCE // math.prod(pixels.shape[1:]))
    if pixels.device.type != "cpu" or len(pixels) <= step:
        return _change(pixels, augmentation, chance)
    parts = [slice(at, at + step) for at in range(0, len(pixels), step)]
    return torch.cat([_change(pixels[part], augmentation, chance.at(part)) for part in parts])


def _change(pixels: torch.Tensor, augmentation: Augmentation, chance: Chance) -> torch.Tensor:
    if augmentation.elastic or augmentation.affine:
        pixels = distort(pixels, augmentation.affine, augmentation.elastic, chance)
    for policy in (augmentation.rand_augment, augmentation.trivial_augment):
        if policy is not None:
            pixels = policy(pixels, chance)
    colours = [kind for kind in (augmentation.colour, augmentation.jitter, augmentation.lighting) if kind is not None]
    if colours:
        values = numbers(pixels)
        for kind in colours:
            values = kind(values, chance)
        pixels = as_given(values, pixels)
    return pixels if augmentation.erase is None else augmentation.erase(pixels, chance)
