"""What a data set is: images with labels, held in memory or lying in files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch


@dataclass(frozen=True, kw_only=True)
class ImageArray:
    """Images that fit in memory.

    Attributes:
        pixels: uint8, (images, height, width, channels), channels 1 or 3.
        labels: int64, (images,).
    """

    pixels: torch.Tensor
    labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, kw_only=True)
class ImageFiles:
    """Images that are read from their files each time.

    Attributes:
        paths: one an image, in a fixed order.
        labels: int64, (images,).
    """

    paths: tuple[Path, ...]
    labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


Images = ImageArray | ImageFiles


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """A data set with the part to learn from and the part to test on.

    Attributes:
        name: as the user gave it ("cifar10", "folder:photos").
        classes: the names of the classes; a label is a position in it.
        train: what to learn from.
        test: what to count errors on.
    """

    name: str
    classes: tuple[str, ...]
    train: Images
    test: Images
