"""Every image once, from its pixels or its file to the sizes that a protocol asks for."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from classicnets.data.ahead import fetching_ahead
from classicnets.data.archive_cache import ArchiveCache
from classicnets.data.decode import decode_bytes
from classicnets.data.folder_batches import start_method, usable_cores
from classicnets.data.images import EncodedImages, ImageArray, Images, PackedImages, Place
from classicnets.data.reading import read
from classicnets.errors import UsageError
from classicnets.evaluation.protocols.plan import Plan, Prepared

_Request = tuple[int, Place]  # an image's position in its data set, and where it lies

_AT_ONCE = 64  # images of one size that are resized together


def prepared(images: Images, plan: Plan, *, workers: int | None) -> Iterator[Prepared]:
    """The images in their order, ready to be looked at.

    An image that lies in a file is read and decoded once, by one of ``workers`` processes (None for one a usable
    core, 0 for none), which does all the resizing too. They hand back the image at each size, not its views.

    Raises:
        UsageError: at the first image that cannot be had, or is none.
    """
    if isinstance(images, ImageArray):
        for start in range(0, len(images), _AT_ONCE):
            pixels = images.pixels[start : start + _AT_ONCE]
            yield plan.prepare(np.arange(start, start + len(pixels)), pixels)
        return
    workers = min(usable_cores() if workers is None else workers, len(images))
    loader = DataLoader(
        _Reader(plan, images.cache if isinstance(images, PackedImages) else None),
        batch_size=None,  # one request is one image
        sampler=_requests(images),
        num_workers=workers,
        collate_fn=_as_it_is,
        multiprocessing_context=start_method() if workers else None,
        generator=torch.Generator(),  # else it would draw from torch's own
    )
    for found in loader:
        if isinstance(found, UsageError):
            raise found
        yield found


def _requests(images: EncodedImages) -> Iterator[_Request]:
    if not isinstance(images, PackedImages):
        yield from ((index, images.place(index)) for index in range(len(images)))
        return
    with fetching_ahead(images, [np.array([index]) for index in range(len(images))]) as ahead:
        for index in range(len(images)):
            if ahead is not None:
                ahead.reached(index)
            yield (index, images.place(index))


class _Reader(Dataset[Prepared | UsageError]):
    """What a worker does: from the place of an image to all its sizes."""

    def __init__(self, plan: Plan, cache: ArchiveCache | None) -> None:
        self._plan = plan
        self._cache = cache

    def __getitem__(self, request: _Request) -> Prepared | UsageError:
        """The image, or the error as a value: raised here, it would reach the user inside a worker's traceback."""
        index, place = request
        try:
            content = read(place, self._cache)
            pixels = decode_bytes(content, name=place.name, channels=self._plan.preprocessing.channels)
        except UsageError as error:
            return error
        return self._plan.prepare(np.array([index]), pixels[None])


def _as_it_is(found: Any) -> Any:  # what DataLoader's own collation would do, less its search for arrays
    return found
