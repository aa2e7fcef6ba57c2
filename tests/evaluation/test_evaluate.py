"""A bundle is tested on images in memory and in files, with the classes that it knows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from classicnets.data.images import DataSet, ImageArray
from classicnets.errors import UsageError
from classicnets.evaluation.evaluate import evaluate, must_know_classes, open_to_test
from classicnets.evaluation.predict import find_images, predict
from classicnets.weights.bundle import Bundle
from classicnets.weights.imagenet import class_folders, class_names
from tests.evaluation.pictures import CLASSES, folder


def test_on_images_in_memory(digits_bundle: Bundle) -> None:
    began: list[int] = []
    whole = evaluate(digits_bundle, "digits", begin=began.append)
    in_parts = evaluate(digits_bundle, "digits", batch_size=7)
    assert began == [whole.images] == [360]
    assert np.array_equal(whole.predicted, in_parts.predicted)
    assert whole.top5_errors == in_parts.top5_errors


@pytest.mark.parametrize("workers", [0, 2])
def test_on_images_in_files(photo_bundle: Bundle, tmp_path: Path, workers: int) -> None:
    path = folder(tmp_path / "photos", images=3)
    found = evaluate(photo_bundle, f"folder:{path}", batch_size=2, workers=workers)
    assert (found.images, found.classes) == (9, CLASSES)
    assert found.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    alone = [prediction.guesses[0].index for prediction in predict(photo_bundle, find_images([str(path / "val")]))]
    assert found.predicted.tolist() == alone


def test_the_folder_that_was_learned_from_is_tested_on_its_held_out_part(photo_bundle: Bundle, tmp_path: Path) -> None:
    path = f"folder:{folder(tmp_path, images=10) / 'val'}"
    assert evaluate(photo_bundle, path, workers=0).images == 30, "learned from elsewhere: all images are for the test"
    photo_bundle = replace(photo_bundle, training={"data": path})
    one, again, other = (evaluate(photo_bundle, path, seed=seed, workers=0) for seed in (1, 1, 2))
    assert one.images == 6  # a fifth
    assert np.array_equal(one.probability, again.probability)
    assert not np.array_equal(one.probability, other.probability)


def test_an_ensemble_is_tested_on_what_none_of_it_has_learned_from(photo_bundle: Bundle, tmp_path: Path) -> None:
    path = f"folder:{folder(tmp_path, images=10) / 'val'}"
    foreign = photo_bundle
    one, same, other = (replace(photo_bundle, training={"data": path, "seed": seed}) for seed in (1, 1, 2))
    assert len(open_to_test([foreign, foreign], path).test) == 30
    assert len(open_to_test([foreign, one, same], path).test) == 6
    with pytest.raises(UsageError, match=r"trained on different parts of .* \(seeds 1, 2\)"):
        open_to_test([one, foreign, other], path)
    with_parts = f"folder:{tmp_path}"
    one, other = (replace(photo_bundle, training={"data": with_parts, "seed": seed}) for seed in (1, 2))
    assert len(open_to_test([one, other], with_parts).test) == 30, "a test part of its own is the same for every seed"


def test_built_in_sets_have_one_split(digits_bundle: Bundle) -> None:
    one, other = (replace(digits_bundle, training={"data": "digits", "seed": seed}) for seed in (1, 2))
    assert len(open_to_test([one, other], "digits").test) == 360


def test_a_broken_image_is_named(photo_bundle: Bundle, tmp_path: Path) -> None:
    path = folder(tmp_path, images=2)
    broken = path / "val" / "red" / "01.png"
    broken.write_bytes(broken.read_bytes()[:300])
    with pytest.raises(UsageError, match=str(broken)):
        evaluate(photo_bundle, f"folder:{path}", workers=0)


@pytest.mark.parametrize(
    ("classes", "told"),
    [
        (("blue", "green"), "the bundle tells 2 classes apart, but folder:.* has 3"),
        (("blue", "red", "green"), "class 1 is 'red' in the bundle and 'green' in folder:"),
    ],
)
def test_other_classes_are_refused(photo_bundle: Bundle, tmp_path: Path, classes: tuple[str, ...], told: str) -> None:
    path = folder(tmp_path, images=1)
    with pytest.raises(UsageError, match=told):
        evaluate(replace(photo_bundle, classes=classes), f"folder:{path}", workers=0)


def test_imagenets_folders_stand_for_its_classes(photo_bundle: Bundle) -> None:
    images = ImageArray(pixels=torch.zeros(0, 8, 8, 3, dtype=torch.uint8), labels=np.zeros(0, dtype=np.int64))
    data = DataSet(name="folder:imagenet", classes=class_folders(), train=images, test=images)
    must_know_classes(replace(photo_bundle, classes=class_names()), data)
    must_know_classes(replace(photo_bundle, classes=class_folders()), data)
    with pytest.raises(UsageError, match="class 0 is 'toilet tissue' in the bundle and 'n01440764' in folder:imagenet"):
        must_know_classes(replace(photo_bundle, classes=class_names()[::-1]), data)
