"""What the kinds of augmentation share: numbers that settings may be, and the way between levels and numbers."""

from typing import Annotated

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field

_WHITE = 255

Strength = Annotated[float, Field(ge=0, le=1)]
Range = tuple[float, float]


def check_range(name: str, given: Range, *, above: float = 0.0, most: float = float("inf")) -> None:
    """Make sure of above < from <= to <= most.

    Raises:
        ValueError: it is not so.
    """
    low, high = given
    if not above < low <= high <= most:
        end = "" if most == float("inf") else f" <= {most:g}"
        raise ValueError(f"{name} needs {above:g} < from <= to{end}")


def numbers(pixels: torch.Tensor) -> torch.Tensor:
    """Pixels as numbers from 0 to 1: uint8 ones as float32, others as they are."""
    return pixels.to(torch.float32) / _WHITE if pixels.dtype == torch.uint8 else pixels


def as_given(values: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
    """Numbers from 0 to 1 in the type of the pixels ``given``; for uint8 rounded, and cut where they leave 0 to 255."""
    if given.dtype == torch.uint8:
        return (values * _WHITE).round_().clamp_(0, _WHITE).to(torch.uint8)
    return values.to(given.dtype)


def levels(pixels: torch.Tensor) -> torch.Tensor:
    """Pixels as uint8 levels."""
    return as_given(pixels, torch.empty(0, dtype=torch.uint8)) if pixels.dtype != torch.uint8 else pixels


def from_levels(pixels: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
    """uint8 levels in the type of the pixels ``given``."""
    return pixels if given.dtype == torch.uint8 else numbers(pixels).to(given.dtype)


def per_image(values: npt.NDArray[np.float64], pixels: torch.Tensor) -> torch.Tensor:
    """One number an image, (images,), as (images, 1, 1, 1) beside ``pixels``, to be multiplied with `numbers`."""
    kind = torch.float32 if pixels.dtype == torch.uint8 else pixels.dtype
    return torch.from_numpy(values).to(pixels.device, kind)[:, None, None, None]
