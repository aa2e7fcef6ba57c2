"""How a network's images are prepared where no recipe says it."""

from classicnets.data.descriptions import SETS
from classicnets.data.transforms import Preprocessing

# Of ImageNet's training photographs, as torchvision and most releases since 2016 use them.
PHOTOGRAPH_MEAN = (0.485, 0.456, 0.406)
PHOTOGRAPH_STD = (0.229, 0.224, 0.225)
_SHARE_CROPPED = 224 / 256  # of the shorter side, as in most single-crop tests on ImageNet


def default_preprocessing(data: str, channels: int, size: tuple[int, int]) -> Preprocessing:
    """The preprocessing for a data set and a network that takes ``channels`` and ``size`` (height, width).

    A built-in set's images are resized whole and normalised by the set's own figures. Photographs from a folder are
    resized and cut from the centre, and normalised by ImageNet's figures. A network that takes grey images gets the
    mean of the three channels' figures.
    """
    if data in SETS:
        mean, std, fit, resize = SETS[data].mean, SETS[data].std, "stretch", None
    else:
        mean, std, fit, resize = PHOTOGRAPH_MEAN, PHOTOGRAPH_STD, "crop", round(max(size) / _SHARE_CROPPED)
    return Preprocessing(
        channels=channels,  # type: ignore[arg-type]  # checked by the model
        size=size,
        fit=fit,  # type: ignore[arg-type]  # one of two literals above
        resize=resize,
        mean=_for_channels(mean, channels),
        std=_for_channels(std, channels),
    )


def _for_channels(figures: tuple[float, ...], channels: int) -> tuple[float, ...]:
    if len(figures) == channels:
        return figures
    return (sum(figures) / len(figures),) * channels
