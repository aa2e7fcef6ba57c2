"""Means, deviations and principal colours of a data set's images, in one pass and without holding them all."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from classicnets.data.augmentation.lighting import PrincipalColours
from classicnets.data.batches import Batches
from classicnets.data.images import Images
from classicnets.data.randomness import order

ENOUGH_FOR_COLOURS = 5000
"""Images that principal colours are computed from at most: of CIFAR-10 they give every axis to 0.3 degrees."""

ENOUGH_FOR_A_MEAN = 10_000
"""Images that lie in files of which a mean image is computed at most: each pixel of it is known to 0.003 (of 1)."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """What images have in common; pixels count from 0 to 1, channels are grey or red, green and blue.

    Attributes:
        images: how many there are.
        mean_image: of each pixel, (height, width, channels).
        covariance: of the channels over all pixels, (channels, channels).
    """

    images: int
    mean_image: Floats
    covariance: Floats

    @property
    def mean(self) -> Floats:
        """Of each channel, (channels,)."""
        means: Floats = self.mean_image.mean(axis=(0, 1))
        return means

    @property
    def std(self) -> Floats:
        """The deviation of each channel, (channels,)."""
        deviations: Floats = np.sqrt(np.diag(self.covariance))
        return deviations

    @property
    def colours(self) -> PrincipalColours:
        """The axes in which colours vary, for `Lighting`; of images in colour only.

        An axis has no direction of its own: it is turned so that red grows along it.
        """
        values, vectors = np.linalg.eigh(self.covariance)
        axes = vectors.T[::-1]
        axes = axes * np.where(axes[:, :1] < 0, -1, 1)
        return PrincipalColours(values=np.maximum(values[::-1], 0).tolist(), vectors=axes.tolist())


def statistics(batches: Batches) -> Statistics:
    """The statistics of all images that ``batches`` goes through, as they are before normalisation.

    Args:
        batches: whole, not augmented, all of one size; what it subtracts and divides by is undone.
    """
    preprocessing = batches.preprocessing
    assert preprocessing.mean_image is None
    mean, std = (torch.tensor(given, dtype=torch.float64) for given in (preprocessing.mean, preprocessing.std))
    count, total, products = 0, torch.zeros(()), torch.zeros(())
    for images, _, _ in batches:
        values = images.permute(0, 2, 3, 1).to(torch.float64) * std + mean
        flat = values.flatten(0, 2)
        count += len(images)
        total = total + values.sum(dim=0)
        products = products + flat.T @ flat
    mean_image = (total / count).numpy()
    means = mean_image.mean(axis=(0, 1))
    pixels = count * mean_image.shape[0] * mean_image.shape[1]
    covariance = products.numpy() / pixels - np.outer(means, means)
    if preprocessing.channel_order == "bgr":
        mean_image, covariance = mean_image[..., ::-1], covariance[::-1, ::-1]
    return Statistics(images=count, mean_image=mean_image, covariance=covariance)


def some(images: Images, most: int) -> Images:
    """``most`` of the images at random, the same ones each time; all of them where there are no more."""
    chosen = np.sort(order(0, 0, len(images))[:most])
    return images.taken(chosen)
