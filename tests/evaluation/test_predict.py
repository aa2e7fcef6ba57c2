"""Predictions come in order, one an image, whatever the others are."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from classicnets.data.folder import SUFFIXES
from classicnets.errors import UsageError
from classicnets.evaluation.predict import find_images, predict
from classicnets.weights.bundle import Bundle
from tests.evaluation.pictures import picture


def test_images_are_found_in_order(tmp_path: Path) -> None:
    inside = [picture(tmp_path / "d" / name, seed=0) for name in ("a.png", "b/c.JPG", "z.png")]
    (tmp_path / "d" / ".hidden.png").write_bytes(b"")
    odd = tmp_path / "no-suffix"
    odd.write_bytes(b"")
    found = find_images([str(odd), "-", str(tmp_path / "d")])
    assert found == [str(odd), "-", *map(str, inside)]


def test_a_folder_without_images_tells_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no images") as told:
        find_images([str(tmp_path)])
    assert all(suffix in str(told.value) for suffix in SUFFIXES)


def test_good_and_bad_images_keep_their_places(photo_bundle: Bundle, tmp_path: Path) -> None:
    paths = [str(picture(tmp_path / f"{number:03}.png", seed=number)) for number in range(70)]
    for broken in (0, 31, 32, 33, 69):
        Path(paths[broken]).write_text("no image")
    found = list(predict(photo_bundle, paths, top=2))
    assert [prediction.path for prediction in found] == paths
    assert [number for number, prediction in enumerate(found) if prediction.error] == [0, 31, 32, 33, 69]
    assert all(bool(prediction.guesses) != bool(prediction.error) for prediction in found)
    for number in (1, 34, 68):
        (alone,) = predict(photo_bundle, [paths[number]], top=2)
        assert [guess.name for guess in alone.guesses] == [guess.name for guess in found[number].guesses]
        assert alone.guesses[0].probability == pytest.approx(found[number].guesses[0].probability, abs=1e-5)


def test_a_batch_of_bad_images_only(photo_bundle: Bundle, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"\xff\xd8\xff")
    (told,) = predict(photo_bundle, [str(bad)])
    assert told.error is not None
    assert str(bad) in told.error
    assert told.guesses == ()


def test_more_guesses_than_classes_are_all_classes(photo_bundle: Bundle, tmp_path: Path) -> None:
    (found,) = predict(photo_bundle, [str(picture(tmp_path / "a.png", seed=0))], top=100)
    assert {guess.name: guess.index for guess in found.guesses} == {"blue": 0, "green": 1, "red": 2}
    probabilities = [guess.probability for guess in found.guesses]
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) == pytest.approx(1)


def test_weights_that_are_no_numbers_are_told(photo_bundle: Bundle, tmp_path: Path) -> None:
    with torch.no_grad():
        next(photo_bundle.network.parameters()).fill_(math.nan)
    with pytest.raises(UsageError, match="not a number"):
        list(predict(photo_bundle, [str(picture(tmp_path / "a.png", seed=0))]))


def test_a_network_is_shown_its_own_order_of_channels(photo_bundle: Bundle, tmp_path: Path) -> None:
    path = str(picture(tmp_path / "a.png", seed=0))
    (expected,) = predict(photo_bundle, [path])
    weight = photo_bundle.network.get_parameter("conv1.convolution.weight")
    with torch.no_grad():
        weight.copy_(weight.flip(1))
    given = photo_bundle.preprocessing
    reverse = {"mean": given.mean[::-1], "std": given.std[::-1], "channel_order": "bgr"}
    (found,) = predict(replace(photo_bundle, preprocessing=given.model_copy(update=reverse)), [path])
    assert [guess.index for guess in found.guesses] == [guess.index for guess in expected.guesses]
    for guess, wanted in zip(found.guesses, expected.guesses, strict=True):
        assert guess.probability == pytest.approx(wanted.probability, abs=1e-5)
