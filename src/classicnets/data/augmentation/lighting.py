"""Colours shifted along the axes in which a data set's colours vary (AlexNet, section 4.1)."""

from typing import Literal

import numpy as np
import torch
from pydantic import Field, model_validator

from classicnets.data.augmentation.chance import Chance
from classicnets.data.augmentation.numbers import as_given, numbers
from classicnets.data.settings import Settings

_NEARLY = 1e-3  # published vectors have four digits

Vector = tuple[float, float, float]


class PrincipalColours(Settings):
    """Eigenvalues and eigenvectors of the covariance of red, green and blue over a set's pixels, counted from 0 to 1.

    Attributes:
        values: the largest first.
        vectors: one a value, (red, green, blue), of length 1.
    """

    values: Vector
    vectors: tuple[Vector, Vector, Vector]

    @model_validator(mode="after")
    def _agree(self) -> "PrincipalColours":
        vectors = np.array(self.vectors)
        if min(self.values) < 0 or np.abs(vectors @ vectors.T - np.eye(3)).max() > _NEARLY:
            raise ValueError("values must not be negative, and vectors must be of length 1 and at right angles")
        return self


IMAGENET = PrincipalColours(
    values=(0.2175, 0.0188, 0.0045),
    vectors=((-0.5675, -0.5808, -0.5836), (0.7192, -0.0045, -0.6948), (0.4009, -0.8140, 0.4203)),
)
"""Of ImageNet's training photographs, as fb.resnet.torch and much code after it has them (recalled); no paper prints
them. The values sum to 0.2408, three times a deviation of 0.283, so they are variances of pixels from 0 to 1."""


class Lighting(Settings):
    """The same colour added to all pixels of an image: the sum of a_i l_i p_i, a_i normal with deviation ``sigma``.

    l and p are eigenvalues and eigenvectors of the covariance of colours (AlexNet, section 4.1: sigma 0.1; VGG, ResNet
    and others take it over). Of pixels from 0 to 255 the printed formula would shift by 1,400 levels: code in common
    use takes it for pixels from 0 to 1, and shifts by 5.5 levels along the first axis. The author's own release
    (cuda-convnet; recalled) takes roots of the eigenvalues for l, and shifts by 12; ``scale: deviations`` does so.

    Floating-point pixels may leave 0 to 1, as in the paper. Grey images stay as they are.

    Attributes:
        sigma: deviation of the a_i.
        scale: what l is.
        colours: whose eigenvalues and eigenvectors: `IMAGENET`'s, or computed from the training ``data``.
        figures: others to take instead of these.
    """

    sigma: float = Field(default=0.1, ge=0)
    scale: Literal["eigenvalues", "deviations"] = "eigenvalues"
    colours: Literal["imagenet", "data"] = "imagenet"
    figures: PrincipalColours | None = None

    @torch.no_grad()
    def __call__(self, pixels: torch.Tensor, chance: Chance) -> torch.Tensor:
        """The batch, each image with its shift; see the package for shapes."""
        if pixels.shape[-1] == 1:
            return pixels.clone()
        values = numbers(pixels)
        shift = torch.from_numpy(self.shifts(chance)).to(values.device, values.dtype)
        return as_given(values + shift[:, None, None, :], pixels)

    def shifts(self, chance: Chance) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        """What is added to red, green and blue of each image, (images, 3), pixels counting from 0 to 1."""
        assert self.figures or self.colours == "imagenet", "computed before the images are gone through"
        colours = self.figures or IMAGENET
        axes = np.array(colours.values)
        if self.scale == "deviations":
            axes = np.sqrt(axes)
        drawn = np.stack([chance.normal(f"lighting {axis}") for axis in range(3)], axis=1)
        shifts: np.ndarray[tuple[int, int], np.dtype[np.float64]] = (self.sigma * drawn * axes) @ np.array(
            colours.vectors
        )
        return shifts
