"""How the images of a batch are shared out among processes, and taken a piece at a time."""

from typing import NamedTuple


class Share(NamedTuple):
    """A process's part in every batch.

    Attributes:
        rank: of the process, from 0.
        ranks: processes that share a batch.
        pieces: how many pieces a process takes its part in, one after the other.
    """

    rank: int = 0
    ranks: int = 1
    pieces: int = 1


ALL = Share()
"""One process that takes whole batches."""


class Piece(NamedTuple):
    """Images that stand in a row in a batch.

    Attributes:
        start: where the first stands.
        end: where the last stands, and one more.
        whole: images in the batch.
        weight: what the mean over the piece counts for: the mean of all pieces' weighted means is that of the batch.
        counts: whether these images are no other piece's too.
    """

    start: int
    end: int
    whole: int
    weight: float
    counts: bool


def piece_of(images: int, share: Share, number: int) -> Piece:
    """The piece that a process takes of a batch.

    Pieces stand in the batch in the order of their numbers, and among those of one number in that of the processes.
    They begin at even places, so that neighbours stay together, and differ by two images at the most. Of a batch with
    too few images to go round every piece is the whole: the mean of equal means is the batch's too.

    Args:
        images: in the batch.
        share: of the process.
        number: of the piece, from 0 to ``share.pieces`` - 1.
    """
    of = share.ranks * share.pieces
    place = number * share.ranks + share.rank
    pairs = -(-images // 2)
    if pairs < of:
        return Piece(0, images, images, 1.0, counts=place == 0)
    start, end = (min(2 * (pairs * at // of), images) for at in (place, place + 1))
    return Piece(start, end, images, (end - start) * of / images, counts=True)
