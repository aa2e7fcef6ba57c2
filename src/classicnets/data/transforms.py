"""What happens to an image between its file and the network: one description for every pipeline.

`Preprocessing` is what a test does and what travels with the weights in a bundle; `Augmentation` is what training
adds. Sets held in memory (`memory.py`) and folders of files (`folder.py`) both read these, and both draw an image's
random choices through `draw`, so an image is treated alike whichever way it came.
"""

import math
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from classicnets.data.randomness import integers, uniform


class Preprocessing(BaseModel):
    """How an image becomes the network's input.

    Attributes:
        channels: 1 (grey) or 3 (red, green, blue).
        size: height and width of the input, pixels.
        fit: how the image is brought to ``size``. ``crop``: its shorter side becomes ``resize``, then the centre is
            cut out. ``stretch``: the whole image is resized to ``size``. ``pad``: its longer side becomes ``resize``,
            and it is centred on black.
        resize: pixels; see ``fit``. None stands for the smaller of ``size``.
        interpolation: how pixels are resampled; always with antialiasing.
        channel_order: in which the network takes the channels of a colour; ``bgr`` is OpenCV's and Caffe's.
        mean: subtracted from each channel, in the network's order; pixels count from 0 to 1.
        std: what each channel is divided by afterwards.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: Literal[1, 3] = 3
    size: tuple[int, int]
    fit: Literal["crop", "stretch", "pad"] = "crop"
    resize: int | None = Field(default=None, gt=0)
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    channel_order: Literal["rgb", "bgr"] = "rgb"
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @model_validator(mode="after")
    def _agree(self) -> "Preprocessing":
        if len(self.mean) != self.channels or len(self.std) != self.channels:
            raise ValueError(f"mean and std need {self.channels} values, one a channel")
        if self.channels == 1 and self.channel_order != "rgb":
            raise ValueError("channel_order is of colours: grey has none")
        if min(self.size) < 1 or min(self.std) <= 0:
            raise ValueError("size and std must be positive")
        side = self.side
        if self.fit == "crop" and side < max(self.size):
            raise ValueError(f"resize ({side}) is smaller than size {self.size}: nothing to crop from")
        if self.fit == "pad" and side > min(self.size):
            raise ValueError(f"resize ({side}) is larger than size {self.size}: nothing to pad")
        return self

    @property
    def side(self) -> int:
        """The length in pixels that ``resize`` stands for."""
        if self.resize is not None:
            return self.resize
        return max(self.size) if self.fit == "crop" else min(self.size)

    def resized(self, height: int, width: int) -> tuple[int, int]:
        """Height and width that an image has after resizing and before cropping or padding."""
        if self.fit == "stretch":
            return self.size
        scale = self.side / (min(height, width) if self.fit == "crop" else max(height, width))
        return max(1, round(height * scale)), max(1, round(width * scale))


class Augmentation(BaseModel):
    """What training does to an image at random, each time anew.

    Attributes:
        random_area: a part of the image whose area is this share of the whole (from, to) and whose aspect ratio lies
            in ``aspect`` is cut out and resized to the input size (GoogLeNet, section 6: 8% to 100%, 3/4 to 4/3).
        aspect: width by height of that part (from, to).
        pad: black pixels put on each side before a crop of the input size is taken at a random place (ResNet, section
            4.2: 4 on CIFAR).
        flip: mirror left and right, one time in two.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    random_area: tuple[float, float] | None = None
    aspect: tuple[float, float] = (3 / 4, 4 / 3)
    pad: int = Field(default=0, ge=0)
    flip: bool = False

    @model_validator(mode="after")
    def _agree(self) -> "Augmentation":
        if self.random_area is not None and not 0 < self.random_area[0] <= self.random_area[1] <= 1:
            raise ValueError("random_area needs 0 < from <= to <= 1")
        if not 0 < self.aspect[0] <= self.aspect[1]:
            raise ValueError("aspect needs 0 < from <= to")
        return self


class Draw(NamedTuple):
    """The random choices for some images, one entry an image.

    ``area`` is None where no part is cut out, else its share of the image's area; ``aspect`` its width by height;
    ``place_y`` and ``place_x`` say where it lies, 0 at the top (left), 1 at the bottom (right). ``crop_y`` and
    ``crop_x`` are pixels from the top left of the padded image.
    """

    area: npt.NDArray[np.float64] | None
    aspect: npt.NDArray[np.float64]
    place_y: npt.NDArray[np.float64]
    place_x: npt.NDArray[np.float64]
    crop_y: npt.NDArray[np.int64]
    crop_x: npt.NDArray[np.int64]
    flip: npt.NDArray[np.bool_]

    def choice(self, at: int) -> "Choice":
        """What was drawn for the image at position ``at`` of these."""
        return Choice(
            area=None if self.area is None else float(self.area[at]),
            aspect=float(self.aspect[at]),
            place_y=float(self.place_y[at]),
            place_x=float(self.place_x[at]),
            crop_y=int(self.crop_y[at]),
            crop_x=int(self.crop_x[at]),
            flip=bool(self.flip[at]),
        )


class Choice(NamedTuple):
    """What a `Draw` holds for one of its images."""

    area: float | None
    aspect: float
    place_y: float
    place_x: float
    crop_y: int
    crop_x: int
    flip: bool


def draw(augmentation: Augmentation, seed: int, epoch: int, indices: npt.NDArray[np.int64]) -> Draw:
    """The random choices for the images at ``indices``: functions of (seed, epoch, index) alone."""

    def unit(purpose: str) -> npt.NDArray[np.float64]:
        return uniform(seed, epoch, indices, purpose)

    nothing = np.zeros(indices.shape)
    area, aspect, place_y, place_x = None, nothing, nothing, nothing
    if augmentation.random_area is not None:
        smallest, largest = augmentation.random_area
        narrow, wide = (math.log(bound) for bound in augmentation.aspect)
        area = smallest + (largest - smallest) * unit("area")
        aspect = np.exp(narrow + (wide - narrow) * unit("aspect"))
        place_y, place_x = unit("place_y"), unit("place_x")
    places = 2 * augmentation.pad + 1
    crop_y = integers(seed, epoch, indices, "crop_y", below=places)
    crop_x = integers(seed, epoch, indices, "crop_x", below=places)
    flip = unit("flip") < 0.5 if augmentation.flip else np.zeros(indices.shape, dtype=np.bool_)
    return Draw(area, aspect, place_y, place_x, crop_y, crop_x, flip)


def part(
    height: int, width: int, *, area: float, aspect: float, place_y: float, place_x: float
) -> tuple[int, int, int, int]:
    """Top, left, height and width, in pixels, of the part of an image that a `Draw` asks for.

    A part that would be taller or wider than the image is cut down to it, so that the result always lies inside.
    """
    part_height = min(height, max(1, round(math.sqrt(height * width * area / aspect))))
    part_width = min(width, max(1, round(math.sqrt(height * width * area * aspect))))
    return (
        round(place_y * (height - part_height)),
        round(place_x * (width - part_width)),
        part_height,
        part_width,
    )
