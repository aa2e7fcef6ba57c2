"""Images are prepared as the bundle says, whatever size a protocol asks for."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from classicnets.data.batches import normalise
from classicnets.data.mean_image import MeanImage
from classicnets.data.pixels import preprocess, resize
from classicnets.data.transforms import Preprocessing
from classicnets.evaluation.protocols.named import PROTOCOLS, read_protocol
from classicnets.evaluation.protocols.plan import Plan, View
from tests.evaluation.protocols.conftest import bundle_of, small


def noise(height: int, width: int, channels: int = 3) -> torch.Tensor:
    return torch.randint(0, 256, (height, width, channels), generator=torch.manual_seed(0), dtype=torch.uint8)


def views(name: str, preprocessing: Preprocessing, image: torch.Tensor) -> list[View]:
    plan = Plan(protocol=read_protocol(name), preprocessing=preprocessing)
    return list(plan.views(plan.prepare(np.array([0]), image[None])))


@pytest.mark.parametrize("fields", [{}, {"resize": 40}, {"fit": "stretch"}, {"interpolation": "bicubic", "resize": 50}])
@pytest.mark.parametrize("shape", [(60, 44), (44, 61), (35, 35)])
def test_the_center_crop_is_that_of_the_preprocessing(fields: dict[str, object], shape: tuple[int, int]) -> None:
    preprocessing = bundle_of(small(), **fields).preprocessing
    image = noise(*shape)
    (view,) = views(f"multi-scale:{preprocessing.side}:crops=center:mirror=no", preprocessing, image)
    assert torch.equal(view.pixels[0], preprocess(image, preprocessing))


def test_digits_stand_on_their_canvas_before_they_grow() -> None:
    preprocessing = bundle_of(small(1), fit="pad", resize=28).preprocessing
    image = noise(28, 28, 1)
    on_canvas = F.pad(image, (0, 0, 2, 2, 2, 2))
    (same,) = views("multi-scale:32:crops=center:mirror=no", preprocessing, image)
    assert torch.equal(same.pixels[0], on_canvas)
    assert torch.equal(same.pixels[0], preprocess(image, preprocessing))
    (larger,) = views("multi-scale:40:mirror=no", preprocessing, image)
    assert torch.equal(larger.pixels, resize(on_canvas[None], (40, 40), "bilinear"))


def test_a_grey_network_sees_grey_and_a_colour_network_colour() -> None:
    for channels, given in ((1, 3), (3, 1)):
        preprocessing = bundle_of(small(channels)).preprocessing
        assert {view.pixels.shape[-1] for view in views("ten-crop", preprocessing, noise(50, 50, given))} == {channels}


def mean_of(height: int, width: int) -> MeanImage:
    return MeanImage.of(np.random.default_rng(0).random((height, width, 3), dtype=np.float32))


def test_the_mean_image_lies_where_the_crop_does() -> None:
    # Krizhevsky et al., section 2: the mean of each pixel of the squares that crops are taken from, 256 to an input of
    # 224, here 37 to 32.
    mean = mean_of(37, 37)
    preprocessing = bundle_of(small(), resize=37, mean_image=mean).preprocessing
    found = [view for view in views("ten-crop", preprocessing, noise(37, 50)) if not view.mirrored]
    places = [(0, 0), (0, 5), (5, 0), (5, 5), (2, 2)]
    assert len(found) == 5
    for view, (top, left) in zip(found, places, strict=True):
        assert view.mean is not None
        np.testing.assert_array_equal(view.mean, mean.array[top : top + 32, left : left + 32])


def test_in_the_centre_it_is_the_mean_of_any_test() -> None:
    preprocessing = bundle_of(small(), resize=37, mean_image=mean_of(37, 37)).preprocessing
    image = noise(37, 37)
    (view,) = views("multi-scale:37:crops=center:mirror=no", preprocessing, image)
    assert view.mean is not None
    torch.testing.assert_close(
        normalise(view.pixels, preprocessing, view.mean[None]),
        normalise(preprocess(image, preprocessing)[None], preprocessing),
    )


def test_a_mean_of_the_input_lies_under_every_crop() -> None:
    mean = mean_of(32, 32)
    preprocessing = bundle_of(small(), mean_image=mean).preprocessing
    found = views("crops-144", preprocessing, noise(40, 50))
    assert sum(view.weight for view in found) == 144
    for view in found:
        assert view.mean is not None
        np.testing.assert_array_equal(view.mean, mean.array)


def test_beyond_the_square_it_is_the_nearest_part() -> None:
    preprocessing = bundle_of(small(), resize=37, mean_image=mean_of(37, 37)).preprocessing
    for view in views("vgg-multicrop", preprocessing, noise(37, 60)):
        assert view.mean is not None
        assert view.mean.shape == (32, 32, 3)
    assert all(view.mean is None for view in views("vgg-dense", preprocessing, noise(37, 60)))


def test_every_size_comes_from_the_original_pixels() -> None:
    preprocessing = bundle_of(small()).preprocessing
    image = noise(64, 64)
    found = [view for view in views("vgg-dense", preprocessing, image) if not view.mirrored]
    for view, side in zip(found, (37, 55, 73), strict=True):
        assert torch.equal(view.pixels, resize(image[None], (side, side), "bilinear"))


def test_center_has_no_plan() -> None:
    assert PROTOCOLS["center"].looks == ()
