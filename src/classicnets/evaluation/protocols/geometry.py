"""Where the views of an image lie: whole pixels, no images."""

from collections import Counter
from typing import NamedTuple

from classicnets.data.transforms import Preprocessing
from classicnets.evaluation.protocols.protocol import PAPER_INPUT, Crops, Look

Pair = tuple[int, int]
"""Height and width."""

_ALONG = 5  # crops along each side of a grid


class Window(NamedTuple):
    """A part of an image, in pixels."""

    top: int
    left: int
    height: int
    width: int


def box(size: int, look: Look, given: Pair) -> Pair:
    """Height and width of the square whose side a protocol's size is; of an input that is no square, in its shape.

    A size of the papers is multiplied by the side of the input over 224 and rounded to the nearest pixel, halves up:
    256 is 37 for an input of 32 pixels.

    Args:
        size: one of the look's.
        look: tells whether it is a size of the papers.
        given: of the network's input.
    """
    side = min(given)
    shorter = _nearest(size * side, PAPER_INPUT) if look.of_paper else size
    return _nearest(shorter * given[0], side), _nearest(shorter * given[1], side)


def rescaled(image: Pair, box: Pair, preprocessing: Preprocessing) -> Pair:
    """What the sides of an image become, which then covers ``box``.

    As the preprocessing has it: the proportions stay (``crop``); or the image, or the black canvas that it stands on,
    takes those of the input (``stretch``, ``pad``), and the box is all of it.
    """
    if preprocessing.fit != "crop":
        return box
    scale = max(box[0] / image[0], box[1] / image[1])
    return max(box[0], round(image[0] * scale)), max(box[1], round(image[1] * scale))


def canvas(image: Pair, preprocessing: Preprocessing) -> Pair:
    """The sides of the black canvas that an image stands on where the preprocessing pads, before any resizing."""
    longer, side = max(image), preprocessing.side
    height, width = (_nearest(longer * given, side) for given in preprocessing.size)
    return max(height, image[0]), max(width, image[1])


def windows(crops: Crops, image: Pair, box: Pair, given: Pair) -> dict[Window, int]:
    """The crops of a rescaled image, and how often each of them counts: some are the same in small images.

    A window that is larger than the input is to be resized to it.

    Args:
        crops: which; not ``dense``.
        image: the sides of the rescaled image.
        box: see `box`; not larger.
        given: of the network's input; not larger than the box.
    """
    if crops == "grid":
        return Counter(_at(image, given, row, column) for row in range(_ALONG) for column in range(_ALONG))
    if crops == "squares":
        ends = ((0, 0), (_centre(image[0], box[0]), _centre(image[1], box[1])), (image[0] - box[0], image[1] - box[1]))
        found: Counter[Window] = Counter()
        for place in ends:
            square = Window(*place, *box)
            found.update((*_corners(square, given), square))
        return found
    cut = given if crops == "center" else box
    centre = Window(_centre(image[0], cut[0]), _centre(image[1], cut[1]), *cut)
    return Counter([centre] if crops == "center" else _corners(centre, given))


def _corners(square: Window, given: Pair) -> list[Window]:
    """The crops in the four corners and in the centre."""
    below, beside = square.height - given[0], square.width - given[1]
    places = ((0, 0), (0, beside), (below, 0), (below, beside), (below // 2, beside // 2))
    return [Window(square.top + down, square.left + across, *given) for down, across in places]


def _at(image: Pair, given: Pair, row: int, column: int) -> Window:
    """A crop of the grid; its first and last rows and columns lie at the border."""
    last = _ALONG - 1
    return Window(_nearest(row * (image[0] - given[0]), last), _nearest(column * (image[1] - given[1]), last), *given)


def _centre(image: int, cut: int) -> int:
    return (image - cut) // 2


def _nearest(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)
