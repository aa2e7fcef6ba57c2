"""Single images as uint8 pixels: channels, resizing, and the way from any size to the network's input.

Every pipeline goes through these functions, so an image looks the same whether it came from memory, from a folder in
training, or alone to be predicted.
"""

import torch
import torch.nn.functional as F

from classicnets.data.transforms import Augmentation, Choice, Preprocessing, part


def preprocess(pixels: torch.Tensor, preprocessing: Preprocessing) -> torch.Tensor:
    """Bring one decoded image to the network's input size, as a test does.

    Args:
        pixels: uint8, (height, width, channels), channels 1 or 3.
        preprocessing: what to bring it to.

    Returns:
        uint8, (height, width, channels) of ``preprocessing``; `classicnets.data.batches.normalise` comes next.
    """
    return fit(with_channels(pixels, preprocessing.channels)[None], preprocessing)[0]


def augment(
    pixels: torch.Tensor, preprocessing: Preprocessing, augmentation: Augmentation, choice: Choice
) -> torch.Tensor:
    """Bring one decoded image to the network's input size, as training does.

    With ``random_area`` or ``scale`` a part of the image takes the place of the test's fitting; then come the padded
    crop and the flip. What else an augmentation asks for is done to whole batches, by
    `classicnets.data.augmentation.whole.change`. Shapes as for `preprocess`.
    """
    pixels = with_channels(pixels, preprocessing.channels)
    interpolation = choice.interpolation or preprocessing.interpolation
    if choice.area is not None:
        fitted = resize(_cut_part(pixels, choice)[None], preprocessing.size, interpolation)[0]
    elif choice.side is not None:
        fitted = _scaled_crop(pixels, preprocessing.size, interpolation, choice, augmentation.central_square)
    else:
        fitted = fit(pixels[None], preprocessing)[0]
    cropped = _padded_crop(fitted, augmentation, choice)
    return cropped.flip(1) if choice.flip else cropped


def with_channels(pixels: torch.Tensor, channels: int) -> torch.Tensor:
    """The same images, (..., given channels), in grey (1) or in red, green and blue (3).

    Grey is the luma of ITU-R BT.601, 0.299 R + 0.587 G + 0.114 B, in Pillow's fixed-point arithmetic; grey becomes
    coloured by repetition.
    """
    if pixels.shape[-1] == channels:
        return pixels
    if channels == 3:
        return pixels.expand(*pixels.shape[:-1], 3)
    red, green, blue = (pixels[..., channel].to(torch.int32) for channel in range(3))
    luma = (19595 * red + 38470 * green + 7471 * blue + (1 << 15)) >> 16
    return luma.to(torch.uint8)[..., None]


def fit(pixels: torch.Tensor, preprocessing: Preprocessing) -> torch.Tensor:
    """Images of one size, (images, height, width, channels), brought to the input size without any chance."""
    height, width = preprocessing.size
    pixels = resize(pixels, preprocessing.resized(*pixels.shape[1:3]), preprocessing.interpolation)
    given_height, given_width = pixels.shape[1:3]
    if preprocessing.fit == "pad":
        top, left = (height - given_height) // 2, (width - given_width) // 2
        margins = (0, 0, left, width - given_width - left, top, height - given_height - top)
        return F.pad(pixels, margins)
    top, left = (given_height - height) // 2, (given_width - width) // 2
    return pixels[:, top : top + height, left : left + width]


def resize(pixels: torch.Tensor, size: tuple[int, int], interpolation: str) -> torch.Tensor:
    """Images, (images, height, width, channels), resampled to ``size`` (height, width).

    ``bilinear`` and ``bicubic`` with antialiasing, in 8 bits throughout, as Pillow does; the results differ from
    Pillow's by rounding, two levels of 255 at most. ``nearest`` takes single pixels, ``area`` the mean of the pixels
    under the new one.
    """
    if tuple(pixels.shape[1:3]) == size:
        return pixels
    # Contiguous pixels seen as NCHW are channels_last, the layout that PyTorch's vector code for uint8 wants.
    planes = pixels.contiguous().permute(0, 3, 1, 2)
    if interpolation == "nearest":
        resized = F.interpolate(planes, size=size, mode="nearest-exact")
    elif interpolation == "area":
        resized = F.interpolate(planes.to(torch.float32), size=size, mode="area").round_().to(torch.uint8)
    else:
        resized = F.interpolate(planes, size=size, mode=interpolation, antialias=True, align_corners=False)
    return resized.permute(0, 2, 3, 1)


def _cut_part(pixels: torch.Tensor, choice: Choice) -> torch.Tensor:
    assert choice.area is not None
    top, left, height, width = part(
        *pixels.shape[:2], area=choice.area, aspect=choice.aspect, place_y=choice.place_y, place_x=choice.place_x
    )
    return pixels[top : top + height, left : left + width]


def _scaled_crop(
    pixels: torch.Tensor, size: tuple[int, int], interpolation: str, choice: Choice, central_square: bool
) -> torch.Tensor:
    assert choice.side is not None
    height, width = pixels.shape[:2]
    scale = choice.side / min(height, width)
    pixels = resize(pixels[None], (round(height * scale), round(width * scale)), interpolation)[0]
    if central_square:
        top, left = (pixels.shape[0] - choice.side) // 2, (pixels.shape[1] - choice.side) // 2
        pixels = pixels[top : top + choice.side, left : left + choice.side]
    top, left = (
        place_of_crop(place, given, wanted)
        for place, given, wanted in zip((choice.place_y, choice.place_x), pixels.shape[:2], size, strict=True)
    )
    return pixels[top : top + size[0], left : left + size[1]]


def place_of_crop(place: float, given: int, wanted: int) -> int:
    """Where a crop of ``wanted`` of ``given`` pixels begins, ``place`` running from 0, the first, to 1, the last."""
    return min(int(place * (given - wanted + 1)), given - wanted)


def padded(pixels: torch.Tensor, augmentation: Augmentation) -> torch.Tensor:
    """Images, (images, height, width, channels), with the margins that the augmentation asks for."""
    pad = augmentation.pad
    if augmentation.pad_with == "black":
        return F.pad(pixels, (0, 0, pad, pad, pad, pad))
    rows, columns = (_reflected(side, pad) for side in pixels.shape[1:3])
    return pixels[:, rows][:, :, columns]


def _reflected(side: int, pad: int) -> torch.Tensor:
    places = torch.arange(-pad, side + pad).abs()
    return side - 1 - (side - 1 - places).abs()


def _padded_crop(pixels: torch.Tensor, augmentation: Augmentation, choice: Choice) -> torch.Tensor:
    if augmentation.pad == 0:
        return pixels
    height, width = pixels.shape[:2]
    return padded(pixels[None], augmentation)[
        0, choice.crop_y : choice.crop_y + height, choice.crop_x : choice.crop_x + width
    ]
