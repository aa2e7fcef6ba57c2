"""Random erasing (Zhong et al., 2020): a rectangle of the image is painted over."""

import math
from typing import Literal, NamedTuple

import numpy as np
import torch
from pydantic import model_validator

from classicnets.data.augmentation.chance import Chance, Floats
from classicnets.data.augmentation.numbers import Range, Strength, as_given, check_range
from classicnets.data.settings import Settings


class Rectangles(NamedTuple):
    """A rectangle in each of some images.

    Attributes:
        inside: which pixels lie in it, (images, height, width, 1).
        share: how much of the image that is, (images,); it is known without asking the device.
    """

    inside: torch.Tensor
    share: Floats


class Erase(Settings):
    """A rectangle of a random place, area and shape painted over (Zhong et al., section 3.2: their best settings).

    A rectangle that would be taller or wider than the image is cut down to it, where the paper draws another.

    Attributes:
        probability: that an image has one.
        area: its share of the image (from, to), drawn evenly.
        aspect: its height by its width (from, to); drawn so that a shape is as likely upright as lying (the paper draws
            the quotient itself evenly).
        fill: ``noise``, a colour of its own for every pixel, which the paper finds best; or ``black``.
    """

    probability: Strength = 0.5
    area: Range = (0.02, 0.4)
    aspect: Range = (0.3, 1 / 0.3)
    fill: Literal["noise", "black"] = "noise"

    @model_validator(mode="after")
    def _agree(self) -> "Erase":
        check_range("area", self.area, most=1)
        check_range("aspect", self.aspect)
        return self

    @torch.no_grad()
    def __call__(self, pixels: torch.Tensor, chance: Chance) -> torch.Tensor:
        """The batch with its rectangles; see the package for shapes."""
        height, width = pixels.shape[1:3]
        hit = chance.happens("erase", self.probability)
        area = np.where(hit, chance.uniform("erase area", *self.area), 0.0)
        narrow, wide = (math.log(bound) for bound in self.aspect)
        aspect = np.exp(chance.uniform("erase aspect", narrow, wide))
        inside = rectangles(chance, "erase", height, width, area, aspect, pixels.device).inside
        if self.fill == "black":
            return pixels * ~inside
        rows = np.flatnonzero(hit)
        at = torch.from_numpy(rows).to(pixels.device)
        noise = torch.from_numpy(chance.at(rows).noise("erase noise", *pixels.shape[1:])).to(pixels.device)
        erased = pixels.clone()
        erased[at] = torch.where(inside[at], as_given(noise, pixels), pixels[at])
        return erased


def rectangles(
    chance: Chance,
    purpose: str,
    height: int,
    width: int,
    area: Floats,
    aspect: Floats,
    device: torch.device,
) -> Rectangles:
    """A rectangle for each image, anywhere inside it.

    Args:
        chance: decides where.
        purpose: what the rectangles are for.
        height: of the images.
        width: of the images.
        area: share of the image, (images,); with 0 no pixel lies inside.
        aspect: height by width, (images,).
        device: where the result lies.
    """
    tall = np.minimum(height, np.rint(np.sqrt(height * width * area * aspect)))
    wide = np.minimum(width, np.rint(np.sqrt(height * width * area / aspect)))
    top = np.floor(chance.uniform(f"{purpose} y") * (height - tall + 1))
    left = np.floor(chance.uniform(f"{purpose} x") * (width - wide + 1))
    rows, columns = _between(top, tall, height, device), _between(left, wide, width, device)
    return Rectangles(rows[:, :, None, None] & columns[:, None, :, None], tall * wide / (height * width))


def _between(
    first: Floats,
    length: Floats,
    count: int,
    device: torch.device,
) -> torch.Tensor:
    places = np.arange(count)
    inside = (places >= first[:, None]) & (places < (first + length)[:, None])
    return torch.from_numpy(inside).to(device)
