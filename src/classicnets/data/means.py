"""The mean image under each image of a batch.

The early networks have the mean of the training images subtracted, a value a pixel. AlexNet (section 2) takes it of the
256x256 squares that its crops are cut from, so the mean under a crop is the part of it where the crop lies; ResNet
(section 3.4) and the ResNets for CIFAR (section 4.2) of the input itself. It is subtracted before an image is padded
and mirrored: margins become zero, and the mean is mirrored with its image. Every other change of an image leaves the
mean where it is.
"""

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F

from classicnets.data.mean_image import MeanImage
from classicnets.data.pixels import padded, place_of_crop
from classicnets.data.transforms import Augmentation, Draw, Preprocessing
from classicnets.errors import UsageError


def must_agree(preprocessing: Preprocessing, augmentation: Augmentation) -> None:
    """Make sure that the mean under every crop is known.

    Raises:
        UsageError: the mean image is of the square that crops are cut from, and they are cut from something else, or
            padded.
    """
    if not _of_square(preprocessing):
        return
    if augmentation.scale is not None and augmentation.pad:
        raise UsageError(
            "augmentation.pad does not go with scale and a mean image of the square that crops are cut from"
        )
    side = preprocessing.side
    if augmentation.random_area is not None or (
        augmentation.scale is not None and (augmentation.scale != (side, side) or not augmentation.central_square)
    ):
        raise UsageError(
            f"preprocessing.mean_image is of the central {side}x{side} square, which training must crop from:"
            f" augmentation.scale [{side}, {side}] with central_square; or take mean_image: input"
        )


def mean_of(preprocessing: Preprocessing) -> MeanImage:
    """The mean image of a preprocessing that has one, and no longer asks for it."""
    assert isinstance(preprocessing.mean_image, MeanImage), "filled in from the data before the first batch"
    return preprocessing.mean_image


def mean_under_test(preprocessing: Preprocessing, height: int, width: int) -> torch.Tensor:
    """The mean under an image of that size, (height, width, channels), as it is without any augmentation.

    It is the centre of the mean image. Under a larger image, in a test at other sizes than the network's, it is the
    mean image resized.
    """
    return _centre(mean_of(preprocessing), height, width)


def means_under(preprocessing: Preprocessing, augmentation: Augmentation, drawn: Draw) -> torch.Tensor:
    """The mean under each image as an augmentation cuts, pads and mirrors it, (images, height, width, channels)."""
    height, width = preprocessing.size
    mean = torch.from_numpy(mean_of(preprocessing).array.copy())
    if drawn.side is not None and _of_square(preprocessing):
        top, left = (
            np.array([place_of_crop(place, given, wanted) for place in places.tolist()])
            for places, given, wanted in zip(
                (drawn.place_y, drawn.place_x), mean.shape[:2], preprocessing.size, strict=True
            )
        )
    else:
        mean = padded(_centre(mean_of(preprocessing), height, width)[None], augmentation)[0]
        top, left = drawn.crop_y, drawn.crop_x
    rows, columns, channels = mean.shape
    windows = mean.contiguous().as_strided(
        (rows - height + 1, columns - width + 1, height, width, channels),
        (columns * channels, channels, columns * channels, channels, 1),
    )
    found = windows[torch.from_numpy(top), torch.from_numpy(left)]
    flip = torch.from_numpy(drawn.flip)[:, None, None, None]
    return torch.where(flip, found.flip(2), found) if drawn.flip.any() else found


def _of_square(preprocessing: Preprocessing) -> bool:
    """Whether the mean image is of more than the input."""
    mean = preprocessing.mean_image
    return mean == "square" or (isinstance(mean, MeanImage) and mean.shape[:2] != preprocessing.size)


@lru_cache(maxsize=8)
def _centre(mean: MeanImage, height: int, width: int) -> torch.Tensor:
    image = torch.from_numpy(mean.array.copy())
    rows, columns = image.shape[:2]
    if height > rows or width > columns:
        planes = image.permute(2, 0, 1)[None]
        return F.interpolate(planes, size=(height, width), mode="bilinear")[0].permute(1, 2, 0).contiguous()
    top, left = (rows - height) // 2, (columns - width) // 2
    return image[top : top + height, left : left + width].contiguous()
