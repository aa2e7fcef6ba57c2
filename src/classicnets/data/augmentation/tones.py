"""Changes of tone that policies choose from, as Pillow's ImageOps and ImageEnhance make them, a batch at a time."""

import torch
import torch.nn.functional as F

_LEVELS = 256


def autocontrast(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 images, (images, height, width, channels), each channel stretched to reach from 0 to 255."""
    values = pixels.to(torch.float64)
    low, high = values.amin((1, 2), keepdim=True), values.amax((1, 2), keepdim=True)
    flat = high <= low
    # A tensor above the stroke: for a number there torch multiplies by a rounded reciprocal.
    scale = torch.full_like(low, 255) / torch.where(flat, 1, high - low)
    stretched = values * scale - low * scale
    return torch.where(flat, values, stretched.clamp_(0, 255)).to(torch.uint8)  # cut off, not rounded, as Pillow does


def equalize(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 images, each channel's levels spread so that all are about equally frequent."""
    images, height, width, channels = pixels.shape
    planes = pixels.permute(0, 3, 1, 2).reshape(images * channels, height * width).to(torch.int64)
    histogram = torch.zeros(images * channels, _LEVELS, dtype=torch.int64, device=pixels.device)
    histogram.scatter_add_(1, planes, torch.ones_like(planes))
    # A level's new value is the pixels below it by the pixels of a 255th of all but the highest level.
    highest = torch.where(histogram > 0, torch.arange(_LEVELS, device=pixels.device), 0).amax(1, keepdim=True)
    step = (height * width - histogram.gather(1, highest)) // (_LEVELS - 1)
    below = histogram.cumsum(1) - histogram
    table = torch.div(step // 2 + below, step.clamp(min=1), rounding_mode="floor").clamp_(0, _LEVELS - 1)
    table = torch.where(step == 0, torch.arange(_LEVELS, device=pixels.device), table)
    return table.gather(1, planes).to(torch.uint8).view(images, channels, height, width).permute(0, 2, 3, 1)


def posterize(pixels: torch.Tensor, bits: torch.Tensor) -> torch.Tensor:
    """uint8 images with the highest ``bits`` of each level alone, int64 (images, 1, 1, 1), 0 to 8."""
    return (pixels.to(torch.int64) >> (8 - bits) << (8 - bits)).to(torch.uint8)


def solarize(pixels: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
    """uint8 images whose levels from ``threshold``, (images, 1, 1, 1), on are inverted."""
    return torch.where(pixels >= threshold, 255 - pixels, pixels)


def sharpness(values: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    """Numbers from 0 to 1; their distance from a smoothed image times ``factor``, (images, 1, 1, 1).

    The outermost pixels, which have not all their neighbours, stay as they are.
    """
    if min(values.shape[1:3]) < 3:
        return values
    planes = values.permute(0, 3, 1, 2)
    kernel = torch.ones(3, 3, dtype=values.dtype, device=values.device)
    kernel[1, 1] = 5
    kernel = (kernel / 13).expand(planes.shape[1], 1, 3, 3)
    smooth = planes.clone()
    smooth[:, :, 1:-1, 1:-1] = F.conv2d(planes, kernel, groups=planes.shape[1])
    return torch.lerp(smooth.permute(0, 2, 3, 1), values, factor).clamp_(0, 1)
