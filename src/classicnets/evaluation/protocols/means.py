"""The mean image under a view, for networks that have one subtracted."""

from functools import lru_cache

import torch
import torch.nn.functional as F

from classicnets.data.mean_image import MeanImage
from classicnets.data.transforms import Preprocessing
from classicnets.evaluation.protocols.geometry import Pair, Window


def mean_under(preprocessing: Preprocessing, window: Window, image: Pair, box: Pair) -> torch.Tensor | None:
    """The part of the mean image where a crop lies, (height, width, channels) of the input.

    A mean image of the square that crops are cut from (AlexNet, section 2) lies on the central square, at every size;
    under a crop that reaches beyond, it is the nearest part. One of the input lies under every crop as it is.

    Args:
        preprocessing: of the network; None is returned where it has no mean image.
        window: the crop.
        image: the sides of the rescaled image.
        box: those of its square.
    """
    mean = preprocessing.mean_image
    if not isinstance(mean, MeanImage):
        return None
    given = preprocessing.size
    if mean.shape[:2] == given or (window.height, window.width) != given:
        return _resized(mean, given)
    top, left = (
        min(max(0, place - (whole - square) // 2), square - side)
        for place, whole, square, side in zip((window.top, window.left), image, box, given, strict=True)
    )
    return _resized(mean, box)[top : top + given[0], left : left + given[1]]


@lru_cache(maxsize=16)
def _resized(mean: MeanImage, size: Pair) -> torch.Tensor:
    array = torch.from_numpy(mean.array.copy())
    if mean.shape[:2] == size:
        return array
    planes = array.permute(2, 0, 1)[None]
    return F.interpolate(planes, size=size, mode="bilinear", antialias=True)[0].permute(1, 2, 0)
