"""How training cuts images to the input size: areas, scales, places, mirrors and margins."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from classicnets.data.images import ImageArray
from classicnets.data.memory import MemoryBatches
from classicnets.data.pixels import augment, padded, resize
from classicnets.data.transforms import Augmentation, Preprocessing, draw, part
from tests.data.augmented import noise, smooth

FIGURES: dict[str, Any] = {"mean": (0.4, 0.5, 0.6), "std": (0.2, 0.25, 0.3)}
ALEXNET = Augmentation(scale=(256, 256), central_square=True, flip=True)
VGG = Augmentation(scale=(256, 512), flip=True)
GOOGLENET = Augmentation(random_area=(0.08, 1.0), any_interpolation=True, flip=True)
INPUT = Preprocessing(size=(224, 224), **FIGURES)


def test_googlenets_crops_have_the_printed_areas_and_proportions() -> None:
    """Section 6: 8% to 100% of the area, evenly, proportions between 3/4 and 4/3."""
    drawn = draw(GOOGLENET, 0, 0, np.arange(20_000))
    assert drawn.area is not None
    assert drawn.interpolation is not None
    assert drawn.area.mean() == pytest.approx(0.54, abs=0.01)
    assert np.median(drawn.aspect) == pytest.approx(1, abs=0.01)
    assert np.abs(np.bincount(drawn.interpolation) - 5000).max() < 250  # four ways, equally likely
    boxes = [
        part(500, 500, area=area, aspect=aspect, place_y=0, place_x=0)
        for area, aspect in zip(drawn.area, drawn.aspect, strict=True)
        if area < 0.7  # larger ones may be cut down to the image
    ]
    shares = np.array([tall * wide / 250_000 for _, _, tall, wide in boxes])
    aspects = np.array([wide / tall for _, _, tall, wide in boxes])
    assert (shares.min(), shares.max()) == pytest.approx((0.08, 0.7), abs=0.005)
    assert (aspects.min(), aspects.max()) == pytest.approx((3 / 4, 4 / 3), abs=0.02)


def test_half_of_the_images_are_mirrored() -> None:
    assert draw(ALEXNET, 0, 0, np.arange(20_000)).flip.mean() == pytest.approx(0.5, abs=0.015)


def test_vggs_shorter_side_takes_every_length_from_256_to_512() -> None:
    sides = draw(VGG, 0, 0, np.arange(50_000)).side
    assert sides is not None
    counts = np.bincount(sides)[256:]
    assert len(counts) == 257
    assert counts.min() > 100
    assert counts.max() < 300


@pytest.mark.parametrize(("height", "width"), [(300, 500), (500, 300), (200, 200)])
@pytest.mark.parametrize("augmentation", [ALEXNET, VGG], ids=["alexnet", "vgg"])
def test_a_scaled_crop_is_what_pillow_makes(augmentation: Augmentation, height: int, width: int) -> None:
    pixels = smooth(1, height, width)[0]
    for at in range(3):
        choice = draw(augmentation, 0, 0, np.arange(3)).choice(at)
        got = augment(pixels, INPUT, augmentation, choice).numpy().astype(int)
        assert choice.side is not None
        tall, wide = (round(side * choice.side / min(height, width)) for side in (height, width))
        image = Image.fromarray(pixels.numpy()).resize((wide, tall), Image.Resampling.BILINEAR)
        if augmentation.central_square:
            top, left = (tall - 256) // 2, (wide - 256) // 2
            image = image.crop((left, top, left + 256, top + 256))
        top, left = int(choice.place_y * (image.height - 223)), int(choice.place_x * (image.width - 223))
        expected = np.asarray(image.crop((left, top, left + 224, top + 224))).astype(int)
        assert np.abs(got - (expected[:, ::-1] if choice.flip else expected)).max() <= 2


def test_alexnets_224_of_256_lie_in_every_place() -> None:
    """Section 4.1 counts 32 x 32 x 2 views (printed); there are 33 x 33 places."""
    drawn = draw(ALEXNET, 0, 0, np.arange(100_000))
    places = np.stack([np.floor(drawn.place_y * 33), np.floor(drawn.place_x * 33)], axis=1)
    assert len(np.unique(places, axis=0)) == 33 * 33


def test_zfnets_crops_are_corners_and_centre() -> None:
    augmentation = Augmentation(scale=(256, 256), central_square=True, crop="corners", flip=True)
    drawn = draw(augmentation, 0, 0, np.arange(5000))
    places, counts = np.unique(np.stack([drawn.place_y, drawn.place_x], axis=1), axis=0, return_counts=True)
    assert places.tolist() == [[0, 0], [0, 1], [0.5, 0.5], [1, 0], [1, 1]]
    assert counts.min() > 850
    pixels = noise(1, 256, 256)[0]
    found = set()
    for at in range(40):
        choice = draw(augmentation, 0, 0, np.arange(40)).choice(at)
        got = augment(pixels, INPUT, augmentation, choice)
        got = got.flip(1) if choice.flip else got
        found.add(next((y, x) for y in (0, 16, 32) for x in (0, 16, 32)
                       if torch.equal(got, pixels[y : y + 224, x : x + 224])))  # fmt: skip
    assert found == {(0, 0), (0, 32), (32, 0), (32, 32), (16, 16)}


@pytest.mark.parametrize(
    ("interpolation", "pillow"),
    [("nearest", Image.Resampling.NEAREST), ("area", Image.Resampling.BOX), ("bicubic", Image.Resampling.BICUBIC)],
)
def test_every_way_of_resizing_is_pillows(interpolation: str, pillow: Image.Resampling) -> None:
    pixels = smooth(1, 60, 48)
    got = resize(pixels, (30, 16), interpolation)[0].numpy().astype(int)
    expected = np.asarray(Image.fromarray(pixels[0].numpy()).resize((16, 30), pillow)).astype(int)
    assert np.abs(got - expected).max() <= (0 if interpolation == "nearest" else 2)


def test_reflected_margins_are_numpys() -> None:
    pixels = noise(2, 9, 7)
    got = padded(pixels, Augmentation(pad=4, pad_with="reflection"))
    assert np.array_equal(got.numpy(), np.pad(pixels.numpy(), ((0, 0), (4, 4), (4, 4), (0, 0)), mode="reflect"))


@pytest.mark.parametrize(
    "augmentation",
    [
        Augmentation(pad=4, pad_with="reflection"),
        Augmentation(pad=3, pad_with="reflection", flip=True),
        Augmentation(scale=(14, 20), flip=True),
        Augmentation(scale=(14, 14), central_square=True, crop="corners", any_interpolation=True),
        Augmentation(random_area=(0.2, 1), any_interpolation=True, pad=2, pad_with="reflection"),
    ],
    ids=["reflection", "mirrored", "scale", "corners", "area"],
)
def test_a_batch_from_memory_is_what_single_images_give(augmentation: Augmentation) -> None:
    data = ImageArray(pixels=noise(17, 16, 14), labels=np.arange(17))
    preprocessing = Preprocessing(size=(14, 12), fit="stretch", **FIGURES)
    batches = MemoryBatches(data, preprocessing, batch_size=5, augmentation=augmentation, seed=3)
    batches.epoch = 4
    indices = np.array([3, 16, 0, 7])
    expected = [
        augment(data.pixels[index], preprocessing, augmentation, draw(augmentation, 3, 4, np.array([index])).choice(0))
        for index in indices
    ]
    assert torch.equal(batches.pixels(indices), torch.stack(expected))
