"""What holds for every kind of augmentation: what it depends on, what it leaves as it was, what it refuses."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from scipy import stats

from classicnets.data.augmentation.chance import Chance
from classicnets.data.augmentation.colour import Colour, Jitter
from classicnets.data.augmentation.erasing import Erase
from classicnets.data.augmentation.geometry import Affine, Elastic
from classicnets.data.augmentation.lighting import Lighting
from classicnets.data.augmentation.policies import RandAugment
from classicnets.data.augmentation.whole import change, changes_pixels
from classicnets.data.folder_batches import FolderBatches
from classicnets.data.images import ImageArray, ImageFiles
from classicnets.data.memory import MemoryBatches
from classicnets.data.pixels import augment
from classicnets.data.transforms import Augmentation, Preprocessing, draw
from classicnets.errors import UsageError
from tests.data.augmented import KINDS, chance, noise, smooth

ALL = Augmentation(pad=2, flip=True, **{name: kind.model_dump() for name, kind in KINDS.items()})
NOTHING = [
    Affine(translate=0, scale=(1, 1), squeeze=1, shear=0),
    Elastic(alpha=0),
    RandAugment(changes=0),
    Colour(brightness=0, contrast=0, saturation=0),
    Jitter(levels=0),
    Lighting(sigma=0),
    Erase(probability=0),
]


@pytest.mark.parametrize("name", KINDS)
def test_an_image_changes_alike_in_any_batch_and_order(name: str) -> None:
    pixels, source = smooth(20), Chance(7, 3, np.arange(100, 120))
    whole = KINDS[name](pixels, source)
    shuffled = np.random.default_rng(0).permutation(20)
    assert torch.equal(KINDS[name](pixels[shuffled], source.at(shuffled)), whole[shuffled])
    for part in (slice(0, 1), slice(1, 8), slice(8, 20)):
        assert torch.equal(KINDS[name](pixels[part], source.at(part)), whole[part])


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("other", [{"epoch": 1}, {"seed": 1}])
def test_another_epoch_or_seed_changes_images_otherwise(name: str, other: dict[str, int]) -> None:
    pixels = smooth(16)
    first, second = KINDS[name](pixels, chance(16)), KINDS[name](pixels, chance(16, **other))
    assert sum(torch.equal(*pair) for pair in zip(first, second, strict=True)) <= 3  # some policies leave some alone


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64])
def test_shape_and_type_stay_and_what_was_given_stays_too(name: str, channels: int, dtype: torch.dtype) -> None:
    pixels = noise(9, channels=channels)
    pixels = pixels if dtype == torch.uint8 else (pixels.to(dtype) / 255)
    before = pixels.clone()
    changed = KINDS[name](pixels, chance(9))
    assert (changed.shape, changed.dtype) == (pixels.shape, dtype)
    assert torch.equal(pixels, before)
    assert changed.data_ptr() != pixels.data_ptr()
    assert bool(torch.isfinite(changed).all())


@pytest.mark.parametrize("name", KINDS)
def test_levels_and_numbers_are_changed_alike(name: str) -> None:
    pixels = smooth(12)
    levels, numbers = (KINDS[name](given, chance(12)) for given in (pixels, pixels.to(torch.float32) / 255))
    assert (levels.to(torch.float32) - (255 * numbers).clamp(0, 255)).abs().max() <= 0.51


@pytest.mark.parametrize("name", KINDS)
def test_no_gradient_passes(name: str) -> None:
    assert not KINDS[name](torch.rand(3, 8, 8, 3, requires_grad=True), chance(3)).requires_grad


@pytest.mark.parametrize("kind", NOTHING, ids=lambda kind: type(kind).__name__)
def test_strength_zero_changes_nothing(kind: Any) -> None:
    pixels = noise(6, 9, 14)
    assert torch.equal(kind(pixels, chance(6)), pixels)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_pixels_stay_on_their_device(name: str, dtype: torch.dtype) -> None:
    """The meta device stands for any other: it refuses to work with what lies elsewhere, and to be read from."""
    changed = KINDS[name](noise(9).to("meta", dtype), chance(9))
    assert (changed.device.type, changed.shape, changed.dtype) == ("meta", (9, 12, 10, 3), dtype)


@pytest.mark.parametrize("name", KINDS)
def test_no_image_at_all_is_no_trouble(name: str) -> None:
    assert KINDS[name](noise(3)[:0], chance(0)).shape == (0, 12, 10, 3)


def test_large_batches_are_cut_without_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = smooth(10)
    whole = change(pixels, ALL, chance(10))
    monkeypatch.setattr("classicnets.data.augmentation.whole._AT_ONCE", 3 * pixels[0].numel())
    assert torch.equal(change(pixels, ALL, chance(10)), whole)


def test_each_kind_is_done_by_its_name_and_by_none_else() -> None:
    pixels = smooth(8)
    assert not changes_pixels(None)
    assert not changes_pixels(Augmentation(pad=4, flip=True, random_area=(0.1, 1)))
    assert torch.equal(change(pixels, Augmentation(), chance(8)), pixels)
    for name, kind in KINDS.items():
        alone = Augmentation(**{name: kind.model_dump()})
        assert changes_pixels(alone)
        assert torch.equal(change(pixels, alone, chance(8)), kind(pixels, chance(8)))


@pytest.mark.parametrize("batch_size", [1, 4, 30])
def test_batches_from_memory_are_changed_by_the_images_index(batch_size: int) -> None:
    data = ImageArray(pixels=smooth(11, 16, 16), labels=np.arange(11))
    figures: dict[str, Any] = {"mean": (0.0,) * 3, "std": (1 / 255,) * 3}
    batches = MemoryBatches(
        data,
        Preprocessing(size=(16, 16), **figures),
        batch_size=batch_size,
        augmentation=Augmentation(**{name: kind.model_dump() for name, kind in KINDS.items()}),
        shuffle=True,
        seed=5,
    )
    batches.epoch = 2
    for images, _, indices in batches:
        expected = change(data.pixels[indices], ALL, Chance(5, 2, indices.numpy()))
        got = images.permute(0, 2, 3, 1).round().to(torch.uint8)
        assert torch.equal(got, expected)


@pytest.mark.parametrize("workers", [0, 2])
def test_files_are_changed_alike_by_any_number_of_workers(tmp_path: Path, workers: int) -> None:
    paths = tuple(tmp_path / f"{at}.png" for at in range(9))
    for path, pixels in zip(paths, smooth(9, 24, 24), strict=True):
        Image.fromarray(pixels.numpy()).save(path)
    preprocessing = Preprocessing(size=(16, 16), mean=(0.0,) * 3, std=(1 / 255,) * 3)
    augmentation = ALL.model_copy(update={"scale": (16, 24)})
    files = ImageFiles(paths=paths, labels=np.arange(9))
    batches = FolderBatches(
        files, preprocessing, batch_size=4, augmentation=augmentation, shuffle=True, seed=2, workers=workers
    )
    batches.epoch = 6
    for images, _, indices in batches:
        positions = indices.numpy()
        drawn = draw(augmentation, 2, 6, positions)
        cut = [
            augment(smooth(9, 24, 24)[index], preprocessing, augmentation, drawn.choice(at))
            for at, index in enumerate(positions)
        ]
        expected = change(torch.stack(cut), augmentation, Chance(2, 6, positions))
        assert torch.equal(images.permute(0, 2, 3, 1).round().to(torch.uint8), expected)


@pytest.mark.parametrize(
    "wrong",
    [
        {"colour": {"brightness": 1.5}},
        {"colour": {"hue": 0.6}},
        {"colour": {"contrst": 0.1}},
        {"jitter": {"levels": -1}},
        {"lighting": {"sigma": -0.1}},
        {"lighting": {"sigma": True}},
        {"lighting": {"sigma": float("nan")}},
        {"lighting": {"scale": "roots"}},
        {"lighting": {"figures": {"values": (1, 1, 1), "vectors": ((1, 0, 0), (0, 1, 0), (0, 1, 0))}}},
        {"affine": {"scale": (1.2, 0.8)}},
        {"affine": {"squeeze": 0.5}},
        {"elastic": {"sigma": 0}},
        {"rand_augment": {"magnitude": 31}},
        {"trivial_augment": {"magnitude": 3}},
        {"erase": {"area": (0.5, 1.2)}},
        {"erase": {"aspect": (0, 1)}},
        {"erase": {"fill": "white"}},
        {"mix": {"mixup": -1}},
        {"scale": (256, 128)},
        {"scale": (256, 256), "random_area": (0.1, 1.0)},
        {"any_interpolation": True},
        {"central_square": True},
        {"crop": "corners"},
        {"pad": 4, "pad_with": "white"},
    ],
    ids=str,
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Augmentation(**wrong)


@pytest.mark.parametrize(
    ("augmentation", "told"),
    [
        (Augmentation(scale=(20, 40)), "scale begins at 20 pixels, too few to crop 32x24"),
        (Augmentation(pad=24, pad_with="reflection"), "augmentation.pad: 24"),
    ],
)
def test_what_does_not_go_with_the_input_size_is_a_users_mistake(augmentation: Augmentation, told: str) -> None:
    data = ImageArray(pixels=noise(3), labels=np.arange(3))
    preprocessing = Preprocessing(size=(32, 24), mean=(0.5,) * 3, std=(0.5,) * 3)
    with pytest.raises(UsageError, match=told):
        MemoryBatches(data, preprocessing, batch_size=2, augmentation=augmentation)


def test_normal_numbers_are_normal_and_independent() -> None:
    drawn = [chance(20_000).normal(purpose) for purpose in ("a", "b")]
    assert stats.kstest(drawn[0], "norm").pvalue > 0.001
    assert abs(np.mean(drawn[0] * drawn[1])) < 0.03


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_numbers_from_beta_have_its_distribution(alpha: float) -> None:
    assert stats.kstest(chance(5000).beta("mixup", alpha), stats.beta(alpha, alpha).cdf).pvalue > 0.001


def test_orders_are_permutations_each_as_likely() -> None:
    orders = chance(12_000).order("colour", 3)
    found, counts = np.unique(orders, axis=0, return_counts=True)
    assert sorted(map(tuple, found)) == sorted({(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)})
    assert np.abs(counts - 2000).max() < 170  # four standard deviations


def test_noise_is_even_and_no_images_is_anothers() -> None:
    fields = chance(200).noise("x", 7, 9).reshape(200, -1)
    assert fields.min() > 0
    assert fields.max() < 1
    assert stats.kstest(fields.ravel(), "uniform").pvalue > 0.001
    assert len(np.unique(fields[:, :8], axis=0)) == 200
    correlations = np.asarray(np.corrcoef(fields[:20]))
    assert np.abs(correlations - np.eye(20)).max() < 0.55
