"""The description of what happens to an image, and single images brought to the input size."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from classicnets.data.batches import normalise
from classicnets.data.pixels import augment, preprocess, resize, with_channels
from classicnets.data.transforms import Augmentation, Choice, Preprocessing, draw, part

GREY: dict[str, Any] = {"mean": (0.5,), "std": (0.25,), "channels": 1}
COLOUR: dict[str, Any] = {"mean": (0.4, 0.5, 0.6), "std": (0.2, 0.25, 0.3)}


def noise(height: int, width: int, channels: int = 3) -> torch.Tensor:
    return torch.randint(0, 256, (height, width, channels), dtype=torch.uint8, generator=torch.manual_seed(0))


def smooth(height: int, width: int) -> torch.Tensor:
    """A colourful picture without hard edges, where every resampling filter should agree."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    waves = np.stack([np.sin(5 * x + y), np.cos(4 * y - x), np.sin(3 * x * y + 1)], axis=-1)
    return torch.from_numpy((127.5 + 120 * waves).astype(np.uint8))


@pytest.mark.parametrize(
    "wrong",
    [
        {"mean": (0.5,)},
        {"std": (0.0, 1.0, 1.0)},
        {"size": (0, 8)},
        {"resize": 8},
        {"fit": "pad", "resize": 20},
        {"sise": (8, 8)},
        {"channel_order": "grb"},
        {"channel_order": "bgr", **GREY},
    ],
    ids=["mean", "std", "size", "crop", "pad", "typo", "order", "order of grey"],
)
def test_a_preprocessing_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Preprocessing(**({"size": (16, 16), **COLOUR} | wrong))


@pytest.mark.parametrize("wrong", [{"random_area": (0.0, 1.0)}, {"random_area": (0.9, 0.1)}, {"aspect": (2.0, 1.0)}])
def test_an_augmentation_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Augmentation(**wrong)


@given(
    height=st.integers(1, 3000),
    width=st.integers(1, 3000),
    area=st.floats(0.001, 1),
    aspect=st.floats(0.1, 10),
    place_y=st.floats(0, 1),
    place_x=st.floats(0, 1),
)
def test_a_part_lies_inside_its_image(
    height: int, width: int, area: float, aspect: float, place_y: float, place_x: float
) -> None:
    top, left, tall, wide = part(height, width, area=area, aspect=aspect, place_y=place_y, place_x=place_x)
    assert tall >= 1
    assert wide >= 1
    assert 0 <= top <= height - tall
    assert 0 <= left <= width - wide


@given(st.floats(0.05, 0.5), st.floats(0.75, 1.3))
def test_a_part_has_the_area_and_aspect_asked_for(area: float, aspect: float) -> None:
    _, _, tall, wide = part(1000, 1000, area=area, aspect=aspect, place_y=0.5, place_x=0.5)
    assert tall * wide / 1e6 == pytest.approx(area, rel=0.01)
    assert wide / tall == pytest.approx(aspect, rel=0.01)


def test_a_draw_keeps_to_its_bounds_and_uses_all_of_them() -> None:
    augmentation = Augmentation(random_area=(0.08, 1.0), aspect=(3 / 4, 4 / 3), pad=4, flip=True)
    drawn = draw(augmentation, 0, 0, np.arange(5000))
    assert drawn.area is not None
    assert 0.08 <= drawn.area.min() < 0.1
    assert 0.98 < drawn.area.max() <= 1
    assert 3 / 4 <= drawn.aspect.min() < 0.76
    assert 1.32 < drawn.aspect.max() <= 4 / 3
    assert set(drawn.crop_y) == set(drawn.crop_x) == set(range(9))
    assert abs(drawn.flip.mean() - 0.5) < 0.03


def test_the_choice_for_an_image_does_not_depend_on_the_others() -> None:
    augmentation = Augmentation(random_area=(0.2, 1.0), pad=2, flip=True)
    many = draw(augmentation, 7, 3, np.arange(100, 200))
    assert many.choice(42) == draw(augmentation, 7, 3, np.array([142])).choice(0)


def test_nothing_is_drawn_where_nothing_is_asked_for() -> None:
    assert draw(Augmentation(), 0, 0, np.array([5])).choice(0) == Choice(None, 0.0, 0.0, 0.0, 0, 0, False)


@pytest.mark.parametrize(
    ("fit", "resize_to", "size", "given_size", "resized"),
    [
        ("crop", 256, (224, 224), (480, 640), (256, 341)),
        ("crop", None, (224, 192), (480, 640), (224, 299)),
        ("stretch", None, (20, 30), (480, 640), (20, 30)),
        ("pad", 28, (32, 32), (480, 640), (21, 28)),
        ("pad", None, (32, 32), (1, 1000), (1, 32)),
    ],
)
def test_the_size_between_resizing_and_cropping(
    fit: Any, resize_to: int | None, size: tuple[int, int], given_size: tuple[int, int], resized: tuple[int, int]
) -> None:
    preprocessing = Preprocessing(size=size, fit=fit, resize=resize_to, **COLOUR)
    assert preprocessing.resized(*given_size) == resized
    assert preprocess(noise(*given_size), preprocessing).shape == (*size, 3)


def pillow_fitted(pixels: torch.Tensor, preprocessing: Preprocessing) -> np.ndarray[Any, Any]:
    """The same fitting, done with Pillow."""
    height, width = preprocessing.size
    filters = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
    tall, wide = preprocessing.resized(*pixels.shape[:2])
    image = Image.fromarray(pixels.numpy()).resize((wide, tall), filters[preprocessing.interpolation])
    if preprocessing.fit == "pad":
        canvas = Image.new("RGB", (width, height))
        canvas.paste(image, ((width - wide) // 2, (height - tall) // 2))
        return np.asarray(canvas)
    left, top = (wide - width) // 2, (tall - height) // 2
    return np.asarray(image.crop((left, top, left + width, top + height)))


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("fit", "resize_to"), [("crop", 40), ("stretch", None), ("pad", 30)])
@pytest.mark.parametrize("given_size", [(97, 61), (33, 150), (20, 24)], ids=["tall", "wide", "small"])
def test_fitting_gives_pillows_pixels(
    fit: Any, resize_to: int | None, interpolation: Any, given_size: tuple[int, int]
) -> None:
    preprocessing = Preprocessing(size=(32, 36), fit=fit, resize=resize_to, interpolation=interpolation, **COLOUR)
    pixels = smooth(*given_size)
    difference = preprocess(pixels, preprocessing).numpy().astype(int) - pillow_fitted(pixels, preprocessing)
    assert np.abs(difference).max() <= 2
    assert np.abs(difference).mean() < 0.3


def test_an_image_of_the_right_size_is_left_alone() -> None:
    pixels = noise(32, 32)
    assert torch.equal(preprocess(pixels, Preprocessing(size=(32, 32), **COLOUR)), pixels)


def test_resizing_one_image_or_many_gives_the_same_pixels() -> None:
    images = torch.stack([noise(50, 41), smooth(50, 41)])
    together = resize(images, (32, 24), "bilinear")
    alone = torch.cat([resize(image[None], (32, 24), "bilinear") for image in images])
    assert torch.equal(together, alone)


def test_grey_is_pillows_luma_to_the_last_bit() -> None:
    pixels = noise(64, 64)
    assert np.array_equal(
        with_channels(pixels, 1)[..., 0].numpy(), np.asarray(Image.fromarray(pixels.numpy()).convert("L"))
    )


def test_colour_from_grey_repeats_it() -> None:
    pixels = noise(5, 4, 1)
    assert torch.equal(with_channels(pixels, 3), torch.cat([pixels] * 3, dim=-1))


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(("crop_y", "crop_x"), [(0, 0), (4, 4), (8, 1), (3, 8)])
def test_a_padded_crop_is_what_numpy_makes(crop_y: int, crop_x: int, flip: bool) -> None:
    pixels = noise(12, 10)
    preprocessing = Preprocessing(size=(12, 10), fit="stretch", **COLOUR)
    choice = Choice(None, 1.0, 0.0, 0.0, crop_y, crop_x, flip)
    expected = np.pad(pixels.numpy(), ((4, 4), (4, 4), (0, 0)))[crop_y : crop_y + 12, crop_x : crop_x + 10]
    got = augment(pixels, preprocessing, Augmentation(pad=4, flip=True), choice)
    assert np.array_equal(got.numpy(), expected[:, ::-1] if flip else expected)


def test_a_random_part_is_what_pillow_makes() -> None:
    pixels = smooth(120, 90)
    choice = Choice(0.3, 1.2, 0.25, 0.75, 0, 0, False)
    top, left, tall, wide = part(120, 90, area=0.3, aspect=1.2, place_y=0.25, place_x=0.75)
    got = augment(pixels, Preprocessing(size=(48, 48), **COLOUR), Augmentation(random_area=(0.1, 1.0)), choice)
    image = Image.fromarray(pixels.numpy()).crop((left, top, left + wide, top + tall))
    expected = np.asarray(image.resize((48, 48), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(got.numpy() - expected).max() <= 1


@pytest.mark.parametrize(("channels", "figures"), [(1, GREY), (3, COLOUR)])
def test_normalised_values_are_the_formulas(channels: int, figures: dict[str, Any]) -> None:
    pixels = torch.stack([noise(7, 5, channels), noise(7, 5, channels) // 2])
    preprocessing = Preprocessing(size=(7, 5), **figures)
    got = normalise(pixels, preprocessing)
    expected = (pixels.numpy().astype(np.float64) / 255 - preprocessing.mean) / preprocessing.std
    assert got.shape == (2, channels, 7, 5)
    assert got.dtype == torch.float32
    assert got.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_allclose(got.permute(0, 2, 3, 1).numpy(), expected, atol=2e-6)


def test_a_normalised_value_does_not_depend_on_its_place_in_the_batch() -> None:
    pixels = torch.stack([noise(33, 17) for _ in range(40)])
    pixels[1:] = pixels[0]
    got = normalise(pixels, Preprocessing(size=(33, 17), fit="stretch", **COLOUR))
    alone = normalise(pixels[:1], Preprocessing(size=(33, 17), fit="stretch", **COLOUR))
    assert torch.equal(got, alone.expand_as(got))


def test_channels_come_in_the_networks_order_and_so_do_the_figures() -> None:
    pixels = torch.stack([noise(7, 5), noise(7, 5) // 2])
    preprocessing = Preprocessing(size=(7, 5), channel_order="bgr", **COLOUR)
    got = normalise(pixels, preprocessing)
    expected = (pixels.numpy()[..., ::-1].astype(np.float64) / 255 - preprocessing.mean) / preprocessing.std
    assert got.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_allclose(got.permute(0, 2, 3, 1).numpy(), expected, atol=2e-6)


def test_caffes_pixels_are_a_matter_of_the_figures() -> None:
    caffe = Preprocessing(
        size=(7, 5),
        channel_order="bgr",
        mean=(103.939 / 255, 116.779 / 255, 123.68 / 255),
        std=(1 / 255, 1 / 255, 1 / 255),
    )
    pixels = noise(7, 5)[None]
    expected = pixels.numpy()[..., ::-1].astype(np.float64) - (103.939, 116.779, 123.68)
    np.testing.assert_allclose(normalise(pixels, caffe).permute(0, 2, 3, 1).numpy(), expected, atol=2e-4)
