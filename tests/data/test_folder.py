"""Folders as data sets, and their batches."""

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from classicnets.data.batches import Batch, normalise
from classicnets.data.decode import UnreadableImage, decode
from classicnets.data.folder import SUFFIXES, open_folder, scan
from classicnets.data.folder_batches import FolderBatches
from classicnets.data.images import ImageFiles
from classicnets.data.memory import MemoryBatches
from classicnets.data.pipeline import batches
from classicnets.data.pixels import augment, preprocess
from classicnets.data.sets import open_data
from classicnets.data.transforms import Augmentation, Preprocessing, draw
from classicnets.errors import UsageError

PREPROCESSING = Preprocessing(size=(24, 20), resize=28, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))
AUGMENTATIONS = [
    None,
    Augmentation(random_area=(0.1, 1.0), flip=True),
    Augmentation(pad=3, flip=True),
    Augmentation(random_area=(0.3, 1.0), pad=2),
]


def write_image(path: Path, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((40 + seed % 7, 30 + seed % 11)).save(path)


def write_classes(path: Path, counts: dict[str, int]) -> None:
    for name, count in counts.items():
        for at in range(count):
            write_image(path / name / f"{at:02}{'.jpg' if at % 2 else '.png'}", seed=at)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    write_classes(tmp_path, {"dogs": 10, "cats": 7, "eels": 2})
    return tmp_path


def refusal(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        open_folder(path, seed=0)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def files(images: object) -> ImageFiles:
    assert isinstance(images, ImageFiles)
    return images


def test_a_fifth_of_each_class_is_held_out(photos: Path) -> None:
    data = open_folder(photos, seed=0)
    assert data.classes == ("cats", "dogs", "eels")
    train, test = files(data.train), files(data.test)
    assert np.bincount(test.labels).tolist() == [1, 2, 1]
    assert np.bincount(train.labels).tolist() == [6, 8, 1]
    assert sorted([*train.paths, *test.paths]) == sorted(path for path in photos.rglob("*") if path.is_file())
    for images in (train, test):
        assert [data.classes[label] for label in images.labels] == [path.parent.name for path in images.paths]


def test_the_split_does_not_depend_on_the_file_systems_order(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = open_folder(photos, seed=3)
    scandir = os.scandir

    class Reversed:
        def __init__(self, path: Path) -> None:
            with scandir(path) as entries:
                self._entries = list(entries)[::-1]

        def __enter__(self) -> list[os.DirEntry[str]]:
            return self._entries

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(os, "scandir", Reversed)
    after = open_folder(photos, seed=3)
    assert list(files(after.train).paths) == list(files(before.train).paths)
    assert list(files(after.test).paths) == list(files(before.test).paths)


def test_the_split_does_not_depend_on_where_the_folder_lies(
    photos: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("other") / "deeper" / "photos"
    write_classes(elsewhere, {"dogs": 10, "cats": 7, "eels": 2})
    one, other = (files(open_folder(path, seed=1).test).paths for path in (photos, elsewhere))
    assert [path.relative_to(photos) for path in one] == [path.relative_to(elsewhere) for path in other]


def test_the_split_is_the_one_that_bundles_were_trained_with(tmp_path: Path) -> None:
    for name, count in (("ant", 7), ("bee café", 12), ("cow", 2), ("dog", 23)):
        (tmp_path / name / "inner").mkdir(parents=True)
        for at in range(count):
            (tmp_path / name / ("inner" if at % 5 == 3 else ".") / f"{at}.png").touch()
    test = files(open_folder(tmp_path, seed=7).test).paths
    assert [path.relative_to(tmp_path).as_posix() for path in test] == [
        *("ant/1.png", "bee café/11.png", "bee café/2.png", "cow/0.png", "dog/0.png", "dog/10.png", "dog/19.png"),
        *("dog/22.png", "dog/inner/3.png"),
    ]


def test_the_seed_decides_the_split(photos: Path) -> None:
    splits = {tuple(files(open_folder(photos, seed=seed).test).paths) for seed in range(8)}
    assert len(splits) > 4


def test_a_new_image_leaves_the_others_where_they_are(photos: Path) -> None:
    before = set(files(open_folder(photos, seed=0).test).paths)
    write_image(photos / "dogs" / "aardvark.png")
    after = set(files(open_folder(photos, seed=0).test).paths)
    assert len(before - after) <= 1


@pytest.mark.parametrize("test_folder", ["val", "test"])
def test_train_and_test_folders_are_taken_as_they_are(tmp_path: Path, test_folder: str) -> None:
    write_classes(tmp_path / "train", {"a": 3, "b": 2})
    write_classes(tmp_path / test_folder, {"a": 1, "b": 2})
    data = open_data(f"folder:{tmp_path}")
    assert data.name == f"folder:{tmp_path}"
    assert data.classes == ("a", "b")
    assert files(data.train).labels.tolist() == [0, 0, 0, 1, 1]
    assert files(data.test).labels.tolist() == [0, 1, 1]
    assert all(path.parent.parent.name == test_folder for path in files(data.test).paths)


def test_val_comes_before_test(tmp_path: Path) -> None:
    for name in ("train", "val", "test"):
        write_classes(tmp_path / name, {"a": 1, "b": 1})
    assert all("val" in path.parts for path in files(open_folder(tmp_path, seed=0).test).paths)


def test_scanning_goes_deep_and_knows_images_from_others(tmp_path: Path) -> None:
    wanted = [tmp_path / "deep" / "deeper" / f"image{at}{suffix}" for at, suffix in enumerate(SUFFIXES)]
    wanted += [tmp_path / "SHOUTED.JPG", tmp_path / "Mixed.PnG"]
    unwanted = [tmp_path / "notes.txt", tmp_path / ".hidden.jpg", tmp_path / ".thumbnails" / "a.jpg", tmp_path / "jpg"]
    for path in wanted + unwanted:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "deep" / "round").symlink_to(tmp_path, target_is_directory=True)
    assert scan(tmp_path) == sorted(wanted)


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    assert "no folder" in refusal(tmp_path / "gone")
    (tmp_path / "file").touch()
    assert "is not a folder" in refusal(tmp_path / "file")


def test_a_folder_without_classes_is_refused(tmp_path: Path) -> None:
    write_image(tmp_path / "loose.png")
    assert "no subfolders" in refusal(tmp_path)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    assert "no images" in refusal(tmp_path)


def test_one_class_is_refused(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cats": 3})
    assert "one class only, cats" in refusal(tmp_path)


def test_empty_classes_are_named(photos: Path) -> None:
    for name in ("ants", "bats"):
        (photos / name).mkdir()
    assert "without images: ants, bats" in refusal(photos)


def test_a_class_of_one_image_cannot_be_split(photos: Path) -> None:
    write_image(photos / "ants" / "only.png")
    assert "class ants" in refusal(photos)


def test_train_without_a_test_folder_is_refused(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", {"a": 2, "b": 2})
    assert "neither val/ nor test/" in refusal(tmp_path)


def test_parts_with_different_classes_are_refused(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", {"a": 1, "b": 1, "c": 1})
    write_classes(tmp_path / "val", {"a": 1, "b": 1})
    assert "classes in train/ that are not in val/: c" in refusal(tmp_path)
    write_classes(tmp_path / "val", {"c": 1, "d": 1})
    assert "classes in val/ that are not in train/: d" in refusal(tmp_path)


def together(source: Iterable[Batch]) -> Batch:
    return Batch(*(torch.cat(parts) for parts in zip(*source, strict=True)))


def folder_batches(
    path: Path, augmentation: Augmentation | None, *, batch_size: int = 4, workers: int = 0
) -> FolderBatches:
    images = files(open_folder(path, seed=0).train)
    source = batches(
        images, PREPROCESSING, batch_size=batch_size, augmentation=augmentation, shuffle=True, seed=5, workers=workers
    )
    assert isinstance(source, FolderBatches)
    source.epoch = 2
    return source


@pytest.mark.parametrize("augmentation", AUGMENTATIONS, ids=["none", "area", "pad", "both"])
def test_a_batch_is_what_single_images_give(photos: Path, augmentation: Augmentation | None) -> None:
    images = files(open_folder(photos, seed=0).train)
    for got, labels, indices in folder_batches(photos, augmentation):
        expected = []
        for index in indices.tolist():
            pixels = decode(images.paths[index], channels=3)
            if augmentation is None:
                expected.append(preprocess(pixels, PREPROCESSING))
            else:
                choice = draw(augmentation, 5, 2, np.array([index])).choice(0)
                expected.append(augment(pixels, PREPROCESSING, augmentation, choice))
        assert torch.equal(got, normalise(torch.stack(expected), PREPROCESSING))
        assert got.is_contiguous(memory_format=torch.channels_last)
        assert labels.tolist() == images.labels[indices].tolist()


@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")  # on a machine with one core
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of forks with threads, see `_start_method`
def test_the_number_of_workers_changes_nothing(photos: Path) -> None:
    augmentation = AUGMENTATIONS[1]
    alone = list(folder_batches(photos, augmentation))
    for workers in (1, 2):
        shared = list(folder_batches(photos, augmentation, workers=workers))
        assert len(shared) == len(alone)
        for one, other in zip(shared, alone, strict=True):
            assert all(map(torch.equal, one, other))


def test_the_batch_size_and_the_start_change_no_image(photos: Path) -> None:
    augmentation = AUGMENTATIONS[1]
    whole = list(folder_batches(photos, augmentation))
    in_sevens = folder_batches(photos, augmentation, batch_size=7)
    assert all(map(torch.equal, together(in_sevens), together(whole)))
    resumed = folder_batches(photos, augmentation)
    resumed.start = 2
    assert all(map(torch.equal, together(resumed), together(whole[2:])))


def test_an_epoch_that_is_over_has_no_batches(photos: Path) -> None:
    source = folder_batches(photos, None, workers=1)
    source.start = len(source)
    assert list(source) == []


def test_iterating_leaves_the_global_generator_alone(photos: Path) -> None:
    before = torch.get_rng_state()
    list(folder_batches(photos, AUGMENTATIONS[1]))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_broken_image_stops_with_one_line(photos: Path, workers: int) -> None:
    for path in photos.rglob("*.png"):
        path.write_text("not a picture")
    with pytest.raises(UnreadableImage) as caught:
        list(folder_batches(photos, AUGMENTATIONS[1], workers=workers))
    message = str(caught.value)
    assert message.startswith(f"cannot read the image {photos}")
    assert message.endswith(".png: not an image, or broken from its first bytes on")


def test_images_in_memory_need_no_files() -> None:
    preprocessing = Preprocessing(channels=1, size=(8, 8), mean=(0.5,), std=(0.5,))
    assert isinstance(batches(open_data("digits").test, preprocessing, batch_size=8), MemoryBatches)


def test_a_class_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    for name in (b"good", b"bad\xff"):
        folder = tmp_path / os.fsdecode(name)
        folder.mkdir()
        Image.new("RGB", (4, 4)).save(folder / "1.png")
    with pytest.raises(UsageError, match=r"no readable text, 'bad\\udcff'; rename it"):
        open_folder(tmp_path, seed=0)


@pytest.mark.parametrize("augmentation", AUGMENTATIONS)
@pytest.mark.parametrize("workers", [0, 2])
def test_batches_obey_the_order_of_channels(photos: Path, augmentation: Augmentation | None, workers: int) -> None:
    data = files(open_folder(photos, seed=0).train)
    reverse = {"mean": PREPROCESSING.mean[::-1], "std": PREPROCESSING.std[::-1], "channel_order": "bgr"}
    for one, other in zip(
        *(
            FolderBatches(data, preprocessing, batch_size=4, augmentation=augmentation, workers=workers)
            for preprocessing in (PREPROCESSING, PREPROCESSING.model_copy(update=reverse))
        ),
        strict=True,
    ):
        assert torch.equal(one.images.flip(1), other.images)
