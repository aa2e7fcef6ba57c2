"""The random numbers of a batch's images, each a function of (seed, epoch, index) and of what it is for."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classicnets.data import randomness

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Chance:
    """Where the randomness of some images comes from.

    Attributes:
        seed: the run's.
        epoch: counted from 0.
        indices: int64, (images,): their positions in the data set.
    """

    seed: int
    epoch: int
    indices: Integers

    def uniform(self, purpose: str, low: float = 0.0, high: float = 1.0) -> Floats:
        """A number in [low, high) for each image; different purposes are independent of each other."""
        return low + (high - low) * randomness.uniform(self.seed, self.epoch, self.indices, purpose)

    def integers(self, purpose: str, *, below: int) -> Integers:
        """An integer in [0, below) for each image."""
        return randomness.integers(self.seed, self.epoch, self.indices, purpose, below=below)

    def happens(self, purpose: str, probability: float) -> npt.NDArray[np.bool_]:
        """Whether something with that probability happens to each image."""
        return self.uniform(purpose) < probability

    def signs(self, purpose: str) -> Floats:
        """1 or -1 for each image."""
        return np.where(self.happens(purpose, 0.5), 1.0, -1.0)

    def normal(self, purpose: str) -> Floats:
        """A number from the standard normal distribution for each image (Box and Muller, 1958)."""
        distance = np.sqrt(-2 * np.log1p(-self.uniform(f"{purpose} distance")))
        drawn: Floats = distance * np.cos(2 * math.pi * self.uniform(f"{purpose} angle"))
        return drawn

    def beta(self, purpose: str, alpha: float) -> Floats:
        """A number from the distribution Beta(alpha, alpha) for each image."""
        if alpha == 1:
            return self.uniform(purpose)
        from scipy.special import betaincinv  # slow to import, and mixing alone asks for it

        return np.asarray(betaincinv(alpha, alpha, self.uniform(purpose)), dtype=np.float64)

    def order(self, purpose: str, count: int) -> Integers:
        """A permutation of 0 to count - 1 for each image, (images, count)."""
        keys = np.stack([self.uniform(f"{purpose} {place}") for place in range(count)], axis=1)
        return np.argsort(keys, axis=1, kind="stable")

    def noise(self, purpose: str, *shape: int) -> npt.NDArray[np.float32]:
        """Numbers between 0 and 1 of that shape for each image, (images, *shape): odd multiples of 2^-17.

        They have 16 bits each, four of them from one random number: whole images of noise are wanted fast.
        """
        count = math.prod(shape)
        words = -(-count // 4)
        # Each word has an index of its own that no other image's can meet, as long as the shape is one.
        places = self.indices[:, None] * words + np.arange(words, dtype=np.int64)
        drawn = randomness.bits(self.seed, self.epoch, places, purpose).astype("<u8", copy=False).view("<u2")
        numbers = (drawn[:, :count].astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-16)
        return numbers.reshape(len(self.indices), *shape)

    def at(self, rows: slice | Integers) -> "Chance":
        """That of some of these images alone."""
        return Chance(self.seed, self.epoch, self.indices[rows])
