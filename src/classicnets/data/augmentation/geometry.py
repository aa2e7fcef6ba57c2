"""Images moved, stretched, slanted and bent at random; each is resampled once."""

import math

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from pydantic import Field, model_validator

from classicnets.data.augmentation.chance import Chance
from classicnets.data.augmentation.numbers import Range, Strength, as_given, check_range, numbers
from classicnets.data.settings import Settings

Matrices = npt.NDArray[np.float64]
"""Where the pixels of new images come from: (images, 2, 3), old (x, y) = matrix (x, y, 1), pixels from the centre."""

_CUT_OFF = 4.0  # deviations after which a Gaussian is taken for 0, as SciPy does


class Affine(Settings):
    """Planar affine distortions, each drawn evenly; what comes from outside the image is black.

    LeNet-5 (1998, section III.B) learned from 540,000 digits that were distorted so, beside the 60,000: moved,
    scaled, squeezed (compressed one way and stretched the other) and slanted along the rows. How far it does not
    print: the defaults are this package's, for digits. SE-ResNet's release turns images by up to 10 degrees.

    Attributes:
        translate: the furthest an image moves either way, as a share of its height and width.
        scale: size after by size before (from, to).
        squeeze: the most by which the width is multiplied and the height divided, or the reverse; 1 for none.
        shear: the furthest a row moves either way for each row that it lies off the middle one.
        rotate: the furthest an image turns either way, in degrees.
    """

    translate: Strength = 0.07
    scale: Range = (0.9, 1.1)
    squeeze: float = Field(default=1.1, ge=1, le=4)
    shear: float = Field(default=0.2, ge=0, le=2)
    rotate: float = Field(default=0.0, ge=0, le=180)

    @model_validator(mode="after")
    def _agree(self) -> "Affine":
        check_range("scale", self.scale)
        return self

    @torch.no_grad()
    def __call__(self, pixels: torch.Tensor, chance: Chance) -> torch.Tensor:
        """The batch distorted; see the package for shapes."""
        return warp(pixels, self.matrices(chance, *pixels.shape[1:3]))

    def matrices(self, chance: Chance, height: int, width: int) -> Matrices:
        """What is drawn for each image."""
        scale = chance.uniform("affine scale", *self.scale)
        squeeze = np.exp(chance.uniform("affine squeeze", -1, 1) * math.log(self.squeeze))
        shear = chance.uniform("affine shear", -self.shear, self.shear)
        angle = np.radians(chance.uniform("affine rotate", -self.rotate, self.rotate))
        forward = _two_by_two(np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)) @ _two_by_two(
            scale * squeeze, shear * scale / squeeze, np.zeros_like(scale), scale / squeeze
        )
        move = np.stack(
            [chance.uniform(f"affine {axis}", -self.translate, self.translate) * side for axis, side in
             (("x", width), ("y", height))], axis=1
        )  # fmt: skip
        return backward(forward, move)


class Elastic(Settings):
    """Elastic distortions: every pixel moves a little, and neighbours much alike.

    Of Simard, Steinkraus and Platt (2003, section 2; recalled), the usual companion of MNIST after LeNet-5, whose own
    paper has affine distortions only. Displacements drawn evenly from -1 to 1 are smoothed by a Gaussian and
    multiplied. What comes from outside the image is black.

    Attributes:
        sigma: deviation of the Gaussian, pixels (their best for digits of 29x29: 4).
        alpha: what the smoothed displacements are multiplied by (their best: 34).
    """

    sigma: float = Field(default=4.0, gt=0, le=100)
    alpha: float = Field(default=34.0, ge=0)

    @torch.no_grad()
    def __call__(self, pixels: torch.Tensor, chance: Chance) -> torch.Tensor:
        """The batch distorted; see the package for shapes."""
        return warp(pixels, displacement=self.displacements(chance, pixels))

    def displacements(self, chance: Chance, pixels: torch.Tensor) -> torch.Tensor:
        """How far from its own place each pixel is fetched, (images, height, width, 2), x before y, in pixels."""
        drawn = torch.from_numpy(chance.noise("elastic", 2, *pixels.shape[1:3])).to(pixels.device, torch.float32)
        planes = (2 * drawn - 1).flatten(0, 1)
        # Products of one size for each plane: their rounding does not depend on how many planes there are.
        rows, columns = (_gaussian(side, self.sigma, planes.device) for side in planes.shape[1:])
        planes = torch.bmm(rows.expand(len(planes), -1, -1), planes)
        planes = torch.bmm(planes, columns.expand(len(planes), -1, -1))
        return self.alpha * planes.view(drawn.shape).permute(0, 2, 3, 1)


@torch.no_grad()
def distort(pixels: torch.Tensor, affine: Affine | None, elastic: Elastic | None, chance: Chance) -> torch.Tensor:
    """The batch bent by ``elastic``, then distorted by ``affine``, in one resampling."""
    matrices = affine.matrices(chance, *pixels.shape[1:3]) if affine else None
    return warp(pixels, matrices, elastic.displacements(chance, pixels) if elastic else None)


def warp(
    pixels: torch.Tensor,
    matrices: Matrices | None = None,
    displacement: torch.Tensor | None = None,
    *,
    interpolation: str = "bilinear",
) -> torch.Tensor:
    """Images whose pixels are fetched from elsewhere; what lies outside is black.

    Args:
        pixels: uint8 or floating point, (images, height, width, channels).
        matrices: see `Matrices`; None for each pixel's own place.
        displacement: what is added to that place, (images, height, width, 2), x before y, in pixels.
        interpolation: ``bilinear`` or ``nearest``.
    """
    if not len(pixels) or (matrices is None and displacement is None):
        return pixels.clone()
    values = numbers(pixels).permute(0, 3, 1, 2)
    images, _, height, width = values.shape
    # grid_sample counts from -1 to 1 across the whole image.
    halves = np.array([width / 2, height / 2])
    matrices = np.broadcast_to(np.eye(2, 3), (images, 2, 3)) if matrices is None else matrices
    units = matrices * np.append(halves, 1) / halves[:, None]
    theta = torch.from_numpy(np.ascontiguousarray(units)).to(values.device, values.dtype)
    grid = F.affine_grid(theta, list(values.shape), align_corners=False)
    if displacement is not None:
        grid = grid + displacement.to(values.dtype) / torch.from_numpy(halves).to(values.device, values.dtype)
    fetched = F.grid_sample(values, grid, mode=interpolation, padding_mode="zeros", align_corners=False)
    return as_given(fetched.permute(0, 2, 3, 1), pixels).contiguous()


def backward(forward: Matrices, move: Matrices) -> Matrices:
    """Where pixels come from when they go by ``forward``, (images, 2, 2), and then ``move``, (images, 2), pixels."""
    inverse = np.linalg.inv(forward)
    return np.concatenate([inverse, -inverse @ move[:, :, None]], axis=2)


def _gaussian(side: int, sigma: float, device: torch.device) -> torch.Tensor:
    """The matrix, (side, side), that smooths numbers in a row; beyond their ends are zeros."""
    radius = int(_CUT_OFF * sigma + 0.5)
    taps = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * sigma**2))
    apart = np.abs(np.subtract.outer(np.arange(side), np.arange(side)))
    weights = np.where(apart <= radius, np.exp(-(apart**2) / (2 * sigma**2)), 0) / taps.sum()
    return torch.from_numpy(weights).to(device, torch.float32)


def _two_by_two(*entries: npt.NDArray[np.float64]) -> Matrices:
    return np.stack(entries, axis=1).reshape(-1, 2, 2)
