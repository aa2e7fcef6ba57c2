"""Random numbers that derive from (seed, epoch, image index) alone.

A generator with a state would make an image's crop depend on which worker drew it and on where a run was
interrupted. Here every number is a hash of what it is for, computed for a whole array of images at once.
"""

import zlib

import numpy as np
import numpy.typing as npt

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # constants of the splitmix64 finaliser (Steele et al., OOPSLA 2014)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def uniform(seed: int, epoch: int, indices: npt.NDArray[np.int64], purpose: str) -> npt.NDArray[np.float64]:
    """A number in [0, 1) for each image, the same whenever the same arguments come again.

    Args:
        seed: the run's seed.
        epoch: counted from 0.
        indices: the images' positions in their data set, of any shape.
        purpose: what the number is for ("flip", "crop_x"); different purposes are independent of each other.
    """
    return (bits(seed, epoch, indices, purpose) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def bits(seed: int, epoch: int, indices: npt.NDArray[np.int64], purpose: str) -> npt.NDArray[np.uint64]:
    """64 random bits for each image; see `uniform`."""
    with np.errstate(over="ignore"):  # the arithmetic is modulo 2^64 by design
        state = np.full(1, np.uint64(zlib.crc32(purpose.encode())))
        for part in (seed, epoch):
            state = _mix(state ^ np.uint64(part & 0xFFFF_FFFF_FFFF_FFFF))
        return _mix(_mix(state) ^ indices.astype(np.uint64))


def integers(
    seed: int, epoch: int, indices: npt.NDArray[np.int64], purpose: str, *, below: int
) -> npt.NDArray[np.int64]:
    """An integer in [0, below) for each image; see `uniform`."""
    return (uniform(seed, epoch, indices, purpose) * below).astype(np.int64)


def order(seed: int, epoch: int, count: int) -> npt.NDArray[np.int64]:
    """The order in which an epoch visits ``count`` images: a permutation that (seed, epoch) alone decide."""
    generator = np.random.Generator(np.random.Philox(key=np.array([seed, epoch], dtype=np.uint64)))
    return generator.permutation(count).astype(np.int64)


def order_of_runs(seed: int, epoch: int, lengths: npt.NDArray[np.int64], *, together: int) -> npt.NDArray[np.int64]:
    """The order in which an epoch visits images that lie in runs, reading a few runs at a time.

    The runs are put in a random order, and ``together`` of them after another are mixed: every image of these comes,
    in random order, before any of the next ones. (seed, epoch) and the runs' lengths alone decide.

    Args:
        seed: the run's seed.
        epoch: counted from 0.
        lengths: images in each run; they are numbered from the first of the first run on.
        together: runs that are mixed with each other.
    """
    generator = np.random.Generator(np.random.Philox(key=np.array([seed, epoch], dtype=np.uint64)))
    ends = np.cumsum(lengths)
    runs = generator.permutation(len(lengths))
    visited = []
    for first in range(0, len(runs), together):
        chosen = runs[first : first + together]
        images = np.concatenate([np.arange(ends[run] - lengths[run], ends[run], dtype=np.int64) for run in chosen])
        visited.append(generator.permutation(images))
    return np.concatenate(visited) if visited else np.empty(0, dtype=np.int64)


def _mix(state: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    state = state + _GOLDEN
    state = (state ^ (state >> np.uint64(30))) * _MIX_1
    state = (state ^ (state >> np.uint64(27))) * _MIX_2
    return state ^ (state >> np.uint64(31))
