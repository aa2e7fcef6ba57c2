"""Two images in one, with the classes of both: mixup and CutMix."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field

from classicnets.data.augmentation.chance import Chance, Floats, Integers
from classicnets.data.augmentation.erasing import Rectangles, rectangles
from classicnets.data.augmentation.numbers import as_given, numbers, per_image
from classicnets.data.settings import Settings


class Mixed(NamedTuple):
    """Images of which each has two classes.

    Attributes:
        images: as they were given.
        labels: int64, (images,): the class of the first.
        others: int64, (images,): the class of the second.
        weights: float32, (images,): the share of the first; the second has the rest.
    """

    images: torch.Tensor
    labels: torch.Tensor
    others: torch.Tensor
    weights: torch.Tensor

    def targets(self, classes: int, *, smoothing: float = 0.0) -> torch.Tensor:
        """The share of each class, float32 (images, classes), each row summing to 1.

        Args:
            classes: how many there are.
            smoothing: the share that is spread evenly over all classes.
        """
        rows = self.weights.new_zeros(len(self.labels), classes)
        rows.scatter_add_(1, self.labels[:, None], self.weights[:, None])
        rows.scatter_add_(1, self.others[:, None], 1 - self.weights[:, None])
        return rows * (1 - smoothing) + smoothing / classes


class Mixing(Settings):
    """Each image of a batch mixed with its neighbour: the first with the second, the second with the first, and so on.

    An image's neighbour is a matter of the epoch's order, so a batch cut into parts of even size gives the same images
    as the whole. The last image of an odd batch is left alone. How much of the neighbour comes in is drawn for each
    image. Where both ways are asked for, each image is mixed one way or the other with equal chances.

    Attributes:
        mixup: alpha of mixup (Zhang et al., 2018, section 2): images are averaged, the share of the first drawn from
            Beta(alpha, alpha); the paper has 0.2 to 0.4 on ImageNet and 1 on CIFAR-10. 0 for none.
        cutmix: alpha of CutMix (Yun et al., 2019, section 3.1): a rectangle of the image's proportions comes from the
            neighbour, its area drawn from Beta(alpha, alpha), and lies wholly inside (in the paper it may be cut
            off); the classes share as the pixels do. The paper has 1. 0 for none.
    """

    mixup: float = Field(default=0.0, ge=0)
    cutmix: float = Field(default=0.0, ge=0)

    @torch.no_grad()
    def __call__(self, images: torch.Tensor, labels: torch.Tensor, chance: Chance) -> Mixed:
        """The batch mixed.

        Args:
            images: uint8 or floating point, (images, height, width, channels).
            labels: int64, (images,).
            chance: of these images.
        """
        partners = neighbours(len(images))
        others = torch.from_numpy(partners).to(images.device)
        alone = partners == np.arange(len(partners))
        cut = self._is_cut(chance)
        second, mixed = images[others], images
        shares = self._shares(chance, whole=cut | alone)
        if self.mixup:
            blended = as_given(torch.lerp(numbers(second), numbers(images), per_image(shares, images)), images)
            # Where nothing is blended, the very same pixels.
            whole = torch.from_numpy(shares == 1).to(images.device)[:, None, None, None]
            mixed = torch.where(whole, images, blended)
        if self.cutmix:
            patches = self._rectangles(chance, images, cut & ~alone)
            mixed = torch.where(patches.inside, second, mixed)
            shares = np.where(cut, 1 - patches.share, shares)
        weights = torch.from_numpy(shares).to(images.device, torch.float32)
        return Mixed(mixed, labels, labels[others.to(labels.device)], weights)

    def _is_cut(self, chance: Chance) -> npt.NDArray[np.bool_]:
        probability = 0.5 if self.mixup and self.cutmix else float(bool(self.cutmix))
        return chance.happens("mix by cutting", probability)

    def _shares(self, chance: Chance, *, whole: npt.NDArray[np.bool_]) -> Floats:
        return np.where(whole, 1.0, chance.beta("mixup", self.mixup)) if self.mixup else np.ones(len(whole))

    def _rectangles(self, chance: Chance, images: torch.Tensor, cut: npt.NDArray[np.bool_]) -> Rectangles:
        height, width = images.shape[1:3]
        area = chance.beta("cutmix", self.cutmix) * cut
        proportions = np.full(len(cut), height / width)
        return rectangles(chance, "cutmix", height, width, area, proportions, images.device)


def neighbours(count: int) -> Integers:
    """Whom each of ``count`` images is mixed with: 1, 0, 3, 2, ...; the last of an odd number with itself."""
    partners = np.arange(count, dtype=np.int64) ^ 1
    return np.where(partners < count, partners, count - 1)
