"""The built-in sets as users open them: the embedded digits, and the real images of the others."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from classicnets.data.descriptions import SETS
from classicnets.data.images import DataSet, ImageArray, ImageFiles, Images
from classicnets.data.sets import default_data_dir, open_data
from classicnets.errors import UsageError

DIGITS_TEST_SHA256 = "f44a46cf7de98e69e80d09f0f2ac47978c05313acc958f0ab69e6b63768d9d64"


def held(images: Images) -> ImageArray:
    assert isinstance(images, ImageArray)
    return images


@pytest.fixture(scope="module")
def digits() -> DataSet:
    return open_data("digits")


def test_digits_are_split_four_to_one_in_each_class(digits: DataSet) -> None:
    train, test = held(digits.train), held(digits.test)
    assert train.pixels.shape == (1437, 8, 8, 1)
    assert test.pixels.shape == (360, 8, 8, 1)
    assert train.pixels.dtype == torch.uint8
    whole = np.bincount(np.concatenate([train.labels, test.labels]), minlength=10)
    assert np.abs(np.bincount(test.labels, minlength=10) - whole / 5).max() < 1


def test_no_digit_is_in_both_parts(digits: DataSet) -> None:
    train, test = ({image.numpy().tobytes() for image in held(part).pixels} for part in (digits.train, digits.test))
    assert len(train) + len(test) == 1797
    assert not train & test


def test_digits_are_the_same_everywhere_and_whatever_the_seed(digits: DataSet) -> None:
    for data in (digits, open_data("digits", seed=7)):
        test = held(data.test)
        content = test.pixels.numpy().tobytes() + test.labels.tobytes()
        assert hashlib.sha256(content).hexdigest() == DIGITS_TEST_SHA256


def test_digits_use_the_whole_range_of_a_byte(digits: DataSet) -> None:
    values = np.unique(held(digits.train).pixels).tolist()
    assert values == [round(level * 255 / 16) for level in range(17)]


def test_digits_have_the_mean_and_deviation_of_their_description(digits: DataSet) -> None:
    assert_described(digits)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar10"])
def test_the_real_images_are_as_described(real_data: Path, name: str) -> None:
    data = open_data(name, data_dir=real_data)
    assert_described(data)
    counts = np.bincount(held(data.test).labels, minlength=10)
    assert counts.tolist() == (
        [1000] * 10 if name != "mnist" else [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    )


def test_images_of_cifar10_have_their_channels_in_order(real_data: Path) -> None:
    """The first test image is a cat between a brown wall, above, and a blue cloth, below."""
    data = open_data("cifar10", data_dir=real_data)
    image = held(data.test).pixels[0].float()
    assert data.classes[held(data.test).labels[0]] == "cat"
    above, below = image[:6].mean(dim=(0, 1)), image[-6:].mean(dim=(0, 1))
    assert above[0] > above[1] + 30 > above[2] + 60
    assert below[2] > below[1] + 30 > below[0] + 60
    neighbours = (image[1:] - image[:-1]).abs().mean()
    assert neighbours < 20  # scrambled pixels would differ by several times that


def assert_described(data: DataSet) -> None:
    description = SETS[data.name]
    train, test = held(data.train), held(data.test)
    assert (len(train), len(test)) == (description.train_count, description.test_count)
    assert train.pixels.shape == (description.train_count, *description.shape)
    assert test.pixels.shape == (description.test_count, *description.shape)
    assert train.pixels.is_contiguous()
    assert train.labels.dtype == np.int64
    assert np.unique(train.labels).tolist() == list(range(len(description.classes)))
    assert data.classes == description.classes
    for channel, (mean, std) in enumerate(zip(description.mean, description.std, strict=True)):
        levels = torch.bincount(train.pixels[..., channel].flatten(), minlength=256).double()
        share, value = levels / levels.sum(), torch.arange(256) / 255
        found_mean = (share * value).sum()
        assert found_mean.item() == pytest.approx(mean, abs=5e-5)
        assert (share * (value - found_mean) ** 2).sum().sqrt().item() == pytest.approx(std, abs=5e-5)


def test_a_set_that_is_not_there_names_the_command_that_gets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "my data"
    with pytest.raises(UsageError, match=f"classicnets data get mnist --data-dir '{folder}'$"):
        open_data("mnist", data_dir=folder)
    monkeypatch.setenv("CLASSICNETS_DATA", str(folder))
    with pytest.raises(UsageError, match=f"mnist is not in {folder}/mnist .*: classicnets data get mnist$"):
        open_data("mnist")


@pytest.mark.parametrize(
    ("spec", "near"),
    [("mnits", "did you mean mnist"), ("cifar-10", "did you mean cifar10"), ("photos", "known: digits")],
)
def test_an_unknown_set_names_near_ones_and_folders(spec: str, near: str) -> None:
    with pytest.raises(UsageError, match=f"no data set '{spec}'; {near}.*folder:PATH"):
        open_data(spec)


def test_a_folder_without_a_path_is_refused() -> None:
    with pytest.raises(UsageError, match="'folder:' names no folder; write folder:PATH"):
        open_data("folder:")


def test_a_folder_of_images_is_opened(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(5):
            Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / name / f"{number}.png")
    data = open_data(f"folder:{tmp_path}")
    assert isinstance(data.train, ImageFiles)
    assert data.classes == ("cat", "dog")
    assert len(data.train) + len(data.test) == 10


def test_the_data_folder_is_the_environments_or_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLASSICNETS_DATA", str(tmp_path))
    assert default_data_dir() == tmp_path
    monkeypatch.delenv("CLASSICNETS_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert default_data_dir().parts[-2:] == ("classicnets", "data")


@pytest.mark.parametrize(
    ("module", "absent"), [("classicnets.data.sets", "sklearn"), ("classicnets.data.download", "torch")]
)
def test_slow_libraries_are_not_imported_for_nothing(module: str, absent: str) -> None:
    code = f"import sys, {module}; sys.exit({absent!r} in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
