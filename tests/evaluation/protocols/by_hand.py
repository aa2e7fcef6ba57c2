"""A protocol carried out by hand: one view after the other, each cut out and run alone."""

import torch

from classicnets.data.batches import normalise
from classicnets.data.pixels import resize
from classicnets.networks.chain import Chain
from classicnets.weights.bundle import Bundle

Pair = tuple[int, int]


def scores(bundle: Bundle, network: Chain, view: torch.Tensor, *, mirrored: bool) -> torch.Tensor:
    """The logits of one view, uint8, (height, width, channels)."""
    image = normalise(view[None], bundle.preprocessing)
    with torch.inference_mode():
        logits: torch.Tensor = network(image.flip(3) if mirrored else image)[0].double()
    return logits


def shorter_side(image: torch.Tensor, side: int) -> torch.Tensor:
    """The image, (height, width, channels), with that shorter side."""
    height, width, _ = image.shape
    scale = side / min(height, width)
    return resize(image[None], (round(height * scale), round(width * scale)), "bilinear")[0]


def corners(image: torch.Tensor, side: int) -> list[torch.Tensor]:
    """The crops in the four corners and in the centre."""
    height, width, _ = image.shape
    middle = ((height - side) // 2, (width - side) // 2)
    places = [(0, 0), (0, width - side), (height - side, 0), (height - side, width - side), middle]
    return [image[top : top + side, left : left + side] for top, left in places]


def central_square(image: torch.Tensor) -> torch.Tensor:
    """As large as the shorter side allows."""
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    return image[top : top + side, left : left + side]


def three_squares(image: torch.Tensor) -> list[torch.Tensor]:
    """Left, centre, right; or top, centre, bottom."""
    side = min(image.shape[:2])
    return [image[:side, :side], central_square(image), image[-side:, -side:]]


def ten_crop(bundle: Bundle, image: torch.Tensor, *, side: int = 37) -> torch.Tensor:
    """The mean softmax."""
    views = corners(central_square(shorter_side(image, side)), bundle.preprocessing.size[0])
    return _mean_softmax(bundle, bundle.network, views)


def crops_144(bundle: Bundle, image: torch.Tensor, *, sides: tuple[int, ...] = (37, 41, 46, 50)) -> torch.Tensor:
    """The mean softmax."""
    size = bundle.preprocessing.size
    views = []
    for side in sides:
        for square in three_squares(shorter_side(image, side)):
            views += [*corners(square, size[0]), resize(square[None], size, "bilinear")[0]]
    assert 2 * len(views) == 144
    return _mean_softmax(bundle, bundle.network, views)


def vgg_dense(
    bundle: Bundle, dense: Chain, image: torch.Tensor, *, sides: tuple[int, ...] = (37, 55, 73)
) -> torch.Tensor:
    """The mean softmax over sizes and mirror images, of scores that are averaged over places."""
    return _mean_softmax(bundle, dense, [shorter_side(image, side) for side in sides])


def vgg_multicrop(bundle: Bundle, image: torch.Tensor, *, sides: tuple[int, ...] = (37, 55, 73)) -> torch.Tensor:
    """The mean softmax of 150 crops."""
    size = bundle.preprocessing.size[0]
    views = []
    for side in sides:
        scaled = shorter_side(image, side)
        tops, lefts = ([int(i * (whole - size) / 4 + 0.5) for i in range(5)] for whole in scaled.shape[:2])
        views += [scaled[top : top + size, left : left + size] for top in tops for left in lefts]
    assert 2 * len(views) == 150
    return _mean_softmax(bundle, bundle.network, views)


def resnet_dense(
    bundle: Bundle, dense: Chain, image: torch.Tensor, *, sides: tuple[int, ...] = (32, 37, 55, 69, 91)
) -> torch.Tensor:
    """The softmax of the mean score."""
    said = [
        scores(bundle, dense, shorter_side(image, side), mirrored=mirrored)
        for side in sides
        for mirrored in (False, True)
    ]
    return torch.stack(said).mean(dim=0).softmax(dim=0)


def _mean_softmax(bundle: Bundle, network: Chain, views: list[torch.Tensor]) -> torch.Tensor:
    said = [scores(bundle, network, view, mirrored=mirrored) for view in views for mirrored in (False, True)]
    return torch.stack(said).softmax(dim=1).mean(dim=0)
