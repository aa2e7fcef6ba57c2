"""What the tests of augmentation share: pictures, and the kinds with settings under which they act on every image."""

from typing import Any

import numpy as np
import torch

from classicnets.data.augmentation.chance import Chance
from classicnets.data.augmentation.colour import Colour, Jitter
from classicnets.data.augmentation.erasing import Erase
from classicnets.data.augmentation.geometry import Affine, Elastic
from classicnets.data.augmentation.lighting import Lighting
from classicnets.data.augmentation.policies import RandAugment, TrivialAugment

KINDS: dict[str, Any] = {
    "affine": Affine(rotate=20),
    "elastic": Elastic(),
    "rand_augment": RandAugment(),
    "trivial_augment": TrivialAugment(),
    "colour": Colour(hue=0.2),
    "jitter": Jitter(),
    "lighting": Lighting(),
    "erase": Erase(probability=1),
}


def noise(images: int, height: int = 12, width: int = 10, channels: int = 3) -> torch.Tensor:
    """Pixels without any order, uint8."""
    shape = (images, height, width, channels)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.manual_seed(images))


def smooth(images: int, height: int = 40, width: int = 32, channels: int = 3) -> torch.Tensor:
    """Coloured pictures without hard edges, uint8."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    waves = [np.sin((4 + at % 3) * x + (2 + at % 5) * y + at) for at in range(images * channels)]
    pixels = np.stack(waves).reshape(images, channels, height, width).transpose(0, 2, 3, 1)
    return torch.from_numpy((127.5 + 120 * pixels).astype(np.uint8))


def chance(images: int, *, seed: int = 0, epoch: int = 0) -> Chance:
    """That of the first images of a data set."""
    return Chance(seed, epoch, np.arange(images))
