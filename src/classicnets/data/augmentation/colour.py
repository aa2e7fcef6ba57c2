"""Colours changed at random: brightness, contrast, saturation, hue; and noise on single values."""

from collections.abc import Callable

import numpy as np
import torch
from pydantic import Field

from classicnets.data.augmentation.chance import Chance, Floats
from classicnets.data.augmentation.numbers import Strength, as_given, numbers, per_image
from classicnets.data.settings import Settings

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
_LONGEST_HUE = 6.0  # a full turn, in the six edges of the colour hexagon


class Colour(Settings):
    """Photometric distortions in an order of each image's own.

    A factor is drawn evenly from 1 - strength to 1 + strength. Howard (2013, section 2.2; recalled) takes brightness,
    contrast and saturation from 0.5 to 1.5 in random order, then shifts colours as AlexNet does; GoogLeNet (section
    6) names him as its source, and BN-Inception takes less of it. ResNet-D ("Bag of tricks", section 2.1) takes
    brightness, saturation and hue from 0.6 to 1.4.

    Attributes:
        brightness: strength; all values are multiplied by the factor.
        contrast: strength; the distance from the image's mean grey is.
        saturation: strength; the distance from each pixel's own grey is.
        hue: strength; hues, from 0 to 1 around the circle, turn by up to this much either way, whole turn 1.
    """

    brightness: Strength = 0.5
    contrast: Strength = 0.5
    saturation: Strength = 0.5
    hue: float = Field(default=0.0, ge=0, le=0.5)

    @torch.no_grad()
    def __call__(self, pixels: torch.Tensor, chance: Chance) -> torch.Tensor:
        """The batch with its colours changed; see the package for shapes."""
        values = numbers(pixels).clone()
        steps: list[tuple[Callable[[torch.Tensor, torch.Tensor], torch.Tensor], Floats]] = [
            (change, chance.uniform(f"colour {name}", 1 - strength, 1 + strength))
            for name, change, strength in (
                ("brightness", brightness, self.brightness),
                ("contrast", contrast, self.contrast),
                ("saturation", saturation, self.saturation),
            )
            if strength
        ]
        if self.hue and pixels.shape[-1] == 3:
            steps.append((hue, chance.uniform("colour hue", -self.hue, self.hue)))
        if not steps:
            return pixels.clone()
        order = chance.order("colour order", len(steps))
        for place in range(len(steps)):
            for step, (change, amounts) in enumerate(steps):
                rows = np.flatnonzero(order[:, place] == step)
                if len(rows):
                    at = torch.from_numpy(rows).to(values.device)
                    values[at] = change(values[at], per_image(amounts[rows], values))
        return as_given(values, pixels)


class Jitter(Settings):
    """Every value of every pixel moved a little.

    The release of SE-ResNet names "pixel jitter" of up to 20 levels; whether a number is drawn for each value, pixel or
    image it leaves unsaid (here: for each value).

    Attributes:
        levels: the furthest a value moves either way, of 255.
    """

    levels: float = Field(default=20, ge=0, le=255)

    @torch.no_grad()
    def __call__(self, pixels: torch.Tensor, chance: Chance) -> torch.Tensor:
        """The batch with noise on it; see the package for shapes."""
        values = numbers(pixels)
        noise = torch.from_numpy(chance.noise("jitter", *pixels.shape[1:])).to(values.device, values.dtype)
        return as_given((values + (2 * noise - 1) * (self.levels / 255)).clamp_(0, 1), pixels)


def grey(values: torch.Tensor) -> torch.Tensor:
    """The luma of each pixel, (..., 1); of grey images their only channel."""
    if values.shape[-1] == 1:
        return values
    red, green, blue = values.unbind(-1)
    return (_LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue)[..., None]


def brightness(values: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    """Numbers from 0 to 1 times ``factor``, (images, 1, 1, 1)."""
    return (values * factor).clamp_(0, 1)


def contrast(values: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    """The distance from the image's mean grey times ``factor``."""
    # In float64 the mean is the same to float32's last digit however torch shares out the sum among its threads.
    middle = grey(values).mean(dim=(1, 2, 3), keepdim=True, dtype=torch.float64).to(values.dtype)
    return torch.lerp(middle.expand_as(values), values, factor).clamp_(0, 1)


def saturation(values: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    """The distance from each pixel's grey times ``factor``; grey images stay as they are."""
    return torch.lerp(grey(values).expand_as(values), values, factor).clamp_(0, 1)


def hue(values: torch.Tensor, turn: torch.Tensor) -> torch.Tensor:
    """Hues turned by ``turn`` of the circle, whole turn 1; value and saturation (of HSV) stay as they are."""
    red, green, blue = values.unbind(-1)
    high, low = values.amax(-1), values.amin(-1)
    chroma = high - low
    spread = torch.where(chroma > 0, chroma, 1)
    of_red, of_green, of_blue = (green - blue) / spread, (blue - red) / spread + 2, (red - green) / spread + 4
    around = torch.where(high == red, of_red, torch.where(high == green, of_green, of_blue))
    around = around + _LONGEST_HUE * turn[..., 0]
    # A channel stays high for two edges of the hexagon, falls along one, stays low for two and rises along one.
    channels = []
    for start in (5.0, 3.0, 1.0):
        edge = torch.remainder(start + around, _LONGEST_HUE)
        channels.append(high - chroma * torch.minimum(edge, 4 - edge).clamp(0, 1))
    return torch.stack(channels, dim=-1)
