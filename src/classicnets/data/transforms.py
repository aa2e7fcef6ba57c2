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

from classicnets.data.augmentation.colour import Colour, Jitter
from classicnets.data.augmentation.erasing import Erase
from classicnets.data.augmentation.geometry import Affine, Elastic
from classicnets.data.augmentation.lighting import Lighting
from classicnets.data.augmentation.mixing import Mixing
from classicnets.data.augmentation.numbers import check_range
from classicnets.data.augmentation.policies import RandAugment, TrivialAugment
from classicnets.data.mean_image import MeanImage
from classicnets.data.randomness import integers, uniform
from classicnets.data.settings import Settings
from classicnets.errors import UsageError

INTERPOLATIONS = ("bilinear", "area", "nearest", "bicubic")
"""What ``any_interpolation`` chooses from (GoogLeNet, section 6)."""

_CORNERS = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (0.5, 0.5))


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
        mean_image: subtracted instead of ``mean``, a value a pixel; see `classicnets.data.mean_image`. A recipe asks
            for that of its training images: of the ``input``, or of the ``square`` with sides of ``resize`` that the
            input is the centre of. ``beside`` says, in a bundle's file, that it stands among the tensors.
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
    mean_image: MeanImage | Literal["input", "square", "beside"] | None = None

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
        if self.mean_image == "square" and self.fit != "crop":
            raise ValueError("a mean image of the square is of what is cropped: fit must be crop")
        if isinstance(self.mean_image, MeanImage):
            self._must_cover(self.mean_image)
        return self

    def _must_cover(self, mean: MeanImage) -> None:
        height, width, channels = mean.shape
        if channels != self.channels or height < self.size[0] or width < self.size[1]:
            raise ValueError(f"mean_image is {mean.shape}, but the input is {(*self.size, self.channels)}")

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


class Augmentation(Settings):
    """What training does to an image at random, each time anew, in the order in which it is named here.

    First the image is cut to the input size, by ``random_area``, by ``scale``, or else as in a test:

    Attributes:
        random_area: a part of the image whose area is this share of the whole (from, to) and whose aspect ratio lies
            in ``aspect`` is cut out and resized to the input size (GoogLeNet, section 6: 8% to 100%, 3/4 to 4/3).
        aspect: width by height of that part (from, to).
        any_interpolation: resize by one of `INTERPOLATIONS`, each as likely (GoogLeNet, section 6), instead of the
            preprocessing's.
        scale: the image's shorter side becomes any length in pixels (from, to), and a crop of the input size is taken
            (AlexNet, section 4.1: 256; VGG, section 3.1: 256 to 512; ResNet, section 3.4: 256 to 480).
        central_square: of the image scaled so, only the central square is cropped from (AlexNet, section 2).
        crop: from ``anywhere``, or from the four ``corners`` and the centre alone (ZFNet, section 3.1).
        pad: pixels put on each side before a crop of the input size is taken at a random place (ResNet, section 4.2:
            4 on CIFAR).
        pad_with: ``black``, or the image's own ``reflection`` (Wide ResNet, section 3).
        flip: mirror left and right, one time in two.
        elastic: see `Elastic`; it and ``affine`` resample the image once, together.
        affine: see `Affine`.
        rand_augment: see `RandAugment`.
        trivial_augment: see `TrivialAugment`.
        colour: see `Colour`.
        jitter: see `Jitter`.
        lighting: see `Lighting`.
        erase: see `Erase`.
        mix: see `Mixing`; the only one that needs more than one image, and changes what is to be learned.
    """

    random_area: tuple[float, float] | None = None
    aspect: tuple[float, float] = (3 / 4, 4 / 3)
    any_interpolation: bool = False
    scale: tuple[int, int] | None = None
    central_square: bool = False
    crop: Literal["anywhere", "corners"] = "anywhere"
    pad: int = Field(default=0, ge=0)
    pad_with: Literal["black", "reflection"] = "black"
    flip: bool = False
    elastic: Elastic | None = None
    affine: Affine | None = None
    rand_augment: RandAugment | None = None
    trivial_augment: TrivialAugment | None = None
    colour: Colour | None = None
    jitter: Jitter | None = None
    lighting: Lighting | None = None
    erase: Erase | None = None
    mix: Mixing | None = None

    @model_validator(mode="after")
    def _agree(self) -> "Augmentation":
        if self.random_area is not None:
            check_range("random_area", self.random_area, most=1)
        check_range("aspect", self.aspect)
        if self.scale is not None:
            check_range("scale", self.scale)
            if self.random_area is not None:
                raise ValueError("random_area and scale are two ways to cut an image; give one")
        if self.any_interpolation and not self.cuts_anew:
            raise ValueError("any_interpolation is of random_area and scale; give one of them")
        if self.scale is None and (self.central_square or self.crop == "corners"):
            raise ValueError("central_square and crop are of scale; give it")
        return self

    @property
    def cuts_anew(self) -> bool:
        """Whether an image is cut from its original pixels each time, instead of being fitted as in a test."""
        return self.random_area is not None or self.scale is not None

    def check_size(self, size: tuple[int, int]) -> None:
        """Make sure that there is enough of an image for an input of ``size`` (height, width).

        Raises:
            UsageError: there is not.
        """
        if self.scale is not None and self.scale[0] < max(size):
            raise UsageError(
                f"augmentation.scale begins at {self.scale[0]} pixels, too few to crop {size[0]}x{size[1]} from;"
                f" begin at {max(size)} or more"
            )
        if self.pad_with == "reflection" and self.pad >= min(size):
            raise UsageError(f"augmentation.pad: {self.pad} pixels of reflection need an input of more than that")


class Draw(NamedTuple):
    """The random choices for some images, one entry an image.

    ``area`` is None where no part is cut out, else its share of the image's area; ``aspect`` its width by height;
    ``place_y`` and ``place_x`` say where it lies, 0 at the top (left), 1 at the bottom (right). ``crop_y`` and
    ``crop_x`` are pixels from the top left of the padded image. ``side`` is None where images are not scaled, else
    the length of the shorter side, and ``place_y`` and ``place_x`` say where the crop lies. ``interpolation`` is a
    position in `INTERPOLATIONS`, None for the preprocessing's.
    """

    area: npt.NDArray[np.float64] | None
    aspect: npt.NDArray[np.float64]
    place_y: npt.NDArray[np.float64]
    place_x: npt.NDArray[np.float64]
    crop_y: npt.NDArray[np.int64]
    crop_x: npt.NDArray[np.int64]
    flip: npt.NDArray[np.bool_]
    side: npt.NDArray[np.int64] | None = None
    interpolation: npt.NDArray[np.int64] | None = None

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
            side=None if self.side is None else int(self.side[at]),
            interpolation=None if self.interpolation is None else INTERPOLATIONS[self.interpolation[at]],
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
    side: int | None = None
    interpolation: str | None = None


def draw(augmentation: Augmentation, seed: int, epoch: int, indices: npt.NDArray[np.int64]) -> Draw:
    """The random choices for the images at ``indices``: functions of (seed, epoch, index) alone."""

    def unit(purpose: str) -> npt.NDArray[np.float64]:
        return uniform(seed, epoch, indices, purpose)

    nothing = np.zeros(indices.shape)
    area, aspect, place_y, place_x, side, interpolation = None, nothing, nothing, nothing, None, None
    if augmentation.random_area is not None:
        smallest, largest = augmentation.random_area
        narrow, wide = (math.log(bound) for bound in augmentation.aspect)
        area = smallest + (largest - smallest) * unit("area")
        aspect = np.exp(narrow + (wide - narrow) * unit("aspect"))
    if augmentation.scale is not None:
        least, most = augmentation.scale
        side = least + integers(seed, epoch, indices, "side", below=most - least + 1)
    if augmentation.cuts_anew:
        place_y, place_x = unit("place_y"), unit("place_x")
    if augmentation.crop == "corners":
        corner = integers(seed, epoch, indices, "corner", below=len(_CORNERS))
        place_y, place_x = np.array(_CORNERS)[corner].T
    if augmentation.any_interpolation:
        interpolation = integers(seed, epoch, indices, "interpolation", below=len(INTERPOLATIONS))
    places = 2 * augmentation.pad + 1
    crop_y = integers(seed, epoch, indices, "crop_y", below=places)
    crop_x = integers(seed, epoch, indices, "crop_x", below=places)
    flip = unit("flip") < 0.5 if augmentation.flip else np.zeros(indices.shape, dtype=np.bool_)
    return Draw(area, aspect, place_y, place_x, crop_y, crop_x, flip, side, interpolation)


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
