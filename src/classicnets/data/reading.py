"""The bytes of an encoded image, wherever it lies."""

from pathlib import Path

from classicnets.data.archive_cache import ArchiveCache
from classicnets.data.decode import UnreadableImage
from classicnets.data.images import Place


def read(place: Place, cache: ArchiveCache | None = None) -> bytes:
    """What a file holds, or the part of an archive that is an image's.

    Args:
        place: where the image lies.
        cache: where copies of archives from the network are kept; needed for these alone.

    Raises:
        UnreadableImage: the file cannot be read, or the archive ends before the image does.
        UsageError: an archive cannot be got from the network.
    """
    try:
        if place.size is None:
            return Path(place.source).read_bytes()
        content = _read_part(place, cache)
    except OSError as error:
        raise UnreadableImage(place.name, (error.strerror or str(error)).lower()) from error
    if len(content) < place.size:
        raise UnreadableImage(place.name, "the archive ends before it")
    return content


def _read_part(place: Place, cache: ArchiveCache | None) -> bytes:
    assert place.size is not None
    while True:
        path = place.source if cache is None else cache.at_hand(place.source, place.whole)
        try:
            with Path(path).open("rb", buffering=0) as file:
                file.seek(place.offset)
                return file.read(place.size)
        except FileNotFoundError:
            if cache is None:
                raise
            # It had to make room for another copy just now.
