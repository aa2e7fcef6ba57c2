"""Archives from the network, fetched before their images are asked for."""

import contextlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from classicnets.data.images import SHARDS_TOGETHER, PackedImages
from classicnets.errors import UsageError

_CONNECTIONS = 4  # at a time


@contextlib.contextmanager
def fetching_ahead(images: PackedImages, groups: Sequence[npt.NDArray[np.int64]]) -> Iterator["Ahead | None"]:
    """Fetch the archives that the groups of images lie in while these are gone through, a few ahead.

    What fails here fails again where it is needed, and is told there.
    """
    if images.cache is None:
        yield None
        return
    with ThreadPoolExecutor(_CONNECTIONS) as connections:
        try:
            yield Ahead(images, groups, connections)
        finally:
            connections.shutdown(wait=False, cancel_futures=True)


class Ahead:
    """Knows which archives come next; see `fetching_ahead`."""

    def __init__(
        self, images: PackedImages, groups: Sequence[npt.NDArray[np.int64]], connections: ThreadPoolExecutor
    ) -> None:
        self._images = images
        self._connections = connections
        self._next = deque(_first_uses(images, groups))

    def reached(self, group: int) -> None:
        """Say that this group of images has been asked for: archives up to a few beyond its own are fetched."""
        beyond = 0
        while self._next and beyond < SHARDS_TOGETHER:
            used, archive = self._next[0]
            beyond += used > group
            self._connections.submit(self._fetch, archive)
            self._next.popleft()

    def _fetch(self, archive: int) -> None:
        assert self._images.cache is not None
        with contextlib.suppress(UsageError):
            self._images.cache.at_hand(self._images.archives[archive], int(self._images.lengths[archive]))


def _first_uses(images: PackedImages, groups: Sequence[npt.NDArray[np.int64]]) -> Iterator[tuple[int, int]]:
    """Each archive once, with the group that first has an image of it."""
    seen: set[int] = set()
    for at, group in enumerate(groups):
        for archive in np.unique(images.archive_of(group)).tolist():
            if archive not in seen:
                seen.add(archive)
                yield at, archive
