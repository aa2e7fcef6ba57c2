"""The mean image: computed, kept, and subtracted where it lies under each crop."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from classicnets.data.batches import normalise
from classicnets.data.images import ImageArray, ImageFiles
from classicnets.data.mean_image import MeanImage
from classicnets.data.means import mean_under_test
from classicnets.data.pipeline import batches, with_mean_image
from classicnets.data.pixels import fit
from classicnets.data.sets import open_data
from classicnets.data.statistics import statistics
from classicnets.data.transforms import Augmentation, Preprocessing, draw
from classicnets.errors import UsageError
from classicnets.networks import create
from classicnets.weights.adapting import grey
from classicnets.weights.bundle import DESCRIPTION, Bundle, load, save
from tests.data.augmented import noise
from tests.data.packs import photograph

IMAGES = ImageArray(pixels=noise(30, 10, 12), labels=np.arange(30) % 3)
INPUT = Preprocessing(size=(10, 12), fit="stretch", mean=(0.5,) * 3, std=(0.2, 0.3, 0.4), mean_image="input")
SQUARE = Preprocessing(size=(6, 7), resize=10, mean=(0.5,) * 3, std=(1, 1, 1), mean_image="square")


def filled(preprocessing: Preprocessing) -> tuple[Preprocessing, torch.Tensor]:
    found = with_mean_image(preprocessing, IMAGES)
    assert isinstance(found.mean_image, MeanImage)
    return found, torch.from_numpy(found.mean_image.array)


@pytest.mark.parametrize("order", ["rgb", "bgr"])
def test_it_is_the_mean_of_each_pixel(order: str) -> None:
    wanted = Preprocessing.model_validate(INPUT.model_dump() | {"channel_order": order})
    found, mean = filled(wanted)
    expected = IMAGES.pixels.double().mean(dim=0) / 255
    if order == "bgr":
        expected = expected.flip(-1)
    assert (mean - expected).abs().max() < 1e-5
    assert found.mean == pytest.approx(expected.mean(dim=(0, 1)).tolist(), abs=1e-5)
    images = torch.cat([batch.images for batch in batches(IMAGES, found, batch_size=7)])
    assert images.mean(dim=0).abs().max() < 1e-4
    assert images.permute(0, 2, 3, 1)[4] == pytest.approx(
        ((IMAGES.pixels[4] / 255).flip(-1) if order == "bgr" else IMAGES.pixels[4] / 255)
        .sub(mean)
        .div(torch.tensor(found.std))
        .numpy(),
        abs=1e-5,
    )


def test_of_a_preprocessing_that_wants_none_nothing_is_computed() -> None:
    plain = INPUT.model_copy(update={"mean_image": None})
    assert with_mean_image(plain, IMAGES) is plain
    found, _ = filled(INPUT)
    assert with_mean_image(found, IMAGES) is found


def test_that_of_the_square_is_larger_than_the_input_and_a_test_takes_its_centre() -> None:
    found, mean = filled(SQUARE)
    assert mean.shape == (10, 10, 3)
    assert (mean - IMAGES.pixels[:, :, 1:11].double().mean(dim=0) / 255).abs().max() < 1e-5
    assert torch.equal(mean_under_test(found, 6, 7), mean[2:8, 1:8])
    images = torch.cat([batch.images for batch in batches(IMAGES, found, batch_size=7)])
    assert images.mean(dim=0).abs().max() < 1e-4


def test_under_an_image_of_another_size_it_is_resized() -> None:
    found, mean = filled(SQUARE)
    larger = mean_under_test(found, 20, 30)
    assert larger.shape == (20, 30, 3)
    assert larger.mean() == pytest.approx(float(mean.mean()), abs=0.01)


def test_an_alexnet_crop_has_the_mean_of_its_own_place_mirrored_with_it() -> None:
    found, mean = filled(SQUARE)
    augmentation = Augmentation(scale=(10, 10), central_square=True, flip=True)
    source = batches(IMAGES, found, batch_size=30, augmentation=augmentation, shuffle=True, seed=2)
    (batch,) = source
    drawn = draw(augmentation, 2, 0, batch.indices.numpy())
    assert 0 < drawn.flip.sum() < 30
    places = set()
    for at, index in enumerate(batch.indices.tolist()):
        choice = drawn.choice(at)
        top, left = int(choice.place_y * 5), int(choice.place_x * 4)
        places.add((top, left))
        square = IMAGES.pixels[index, :, 1:11] / 255 - mean
        crop = square[top : top + 6, left : left + 7]
        expected = crop.flip(1) if choice.flip else crop
        assert torch.allclose(batch.images[at].permute(1, 2, 0), expected, atol=1e-6)
    assert len(places) > 8


@pytest.mark.parametrize("margin", ["black", "reflection"])
def test_the_margin_of_a_padded_crop_is_zero_or_reflected(margin: str) -> None:
    found, mean = filled(INPUT)
    augmentation = Augmentation.model_validate({"pad": 3, "pad_with": margin, "flip": True})
    (batch,) = batches(IMAGES, found, batch_size=30, augmentation=augmentation, shuffle=True, seed=1)
    drawn = draw(augmentation, 1, 0, batch.indices.numpy())
    std = torch.tensor(found.std)
    for at, index in enumerate(batch.indices.tolist()):
        centred = ((IMAGES.pixels[index] / 255 - mean) / std).numpy()
        mode = {"black": "constant", "reflection": "reflect"}[margin]
        padded = np.pad(centred, ((3, 3), (3, 3), (0, 0)), mode=mode)  # type: ignore[call-overload]
        top, left = int(drawn.crop_y[at]), int(drawn.crop_x[at])
        expected = padded[top : top + 10, left : left + 12]
        if drawn.flip[at]:
            expected = expected[:, ::-1]
        assert batch.images[at].permute(1, 2, 0).numpy() == pytest.approx(expected, abs=1e-5)


def test_files_and_arrays_are_treated_alike(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(12)]
    for number, path in enumerate(paths):
        Image.fromarray(IMAGES.pixels[number].numpy()).save(path)
    files = ImageFiles(paths=paths, labels=IMAGES.labels[:12])
    arrays = ImageArray(pixels=IMAGES.pixels[:12], labels=IMAGES.labels[:12])
    one, other = with_mean_image(SQUARE, files, workers=0), with_mean_image(SQUARE, arrays)
    assert one.mean_image == other.mean_image
    augmentation = Augmentation(scale=(10, 10), central_square=True, flip=True)
    for from_files, from_arrays in zip(
        *(
            batches(images, one, batch_size=5, augmentation=augmentation, shuffle=True, seed=2, workers=0)
            for images in (files, arrays)
        ),
        strict=True,
    ):
        assert all(map(torch.equal, from_files, from_arrays))


@pytest.mark.parametrize(
    "augmentation",
    [
        Augmentation(random_area=(0.1, 1.0)),
        Augmentation(scale=(10, 14), central_square=True),
        Augmentation(scale=(10, 10)),
    ],
)
def test_crops_that_the_square_does_not_hold_are_refused(augmentation: Augmentation) -> None:
    for preprocessing in (SQUARE, filled(SQUARE)[0]):
        with pytest.raises(UsageError, match=r"the central 10x10 square, which training must crop from"):
            batches(IMAGES, preprocessing, batch_size=4, augmentation=augmentation)


def test_a_crop_of_the_square_is_not_padded() -> None:
    augmentation = Augmentation(scale=(10, 10), central_square=True, pad=2)
    with pytest.raises(UsageError, match=r"augmentation.pad does not go with scale"):
        batches(IMAGES, SQUARE, batch_size=4, augmentation=augmentation)


def test_it_stands_in_any_text_and_in_grey() -> None:
    found, mean = filled(INPUT)
    again = Preprocessing.model_validate_json(found.model_dump_json())
    assert again == found
    assert hash(again) == hash(found)
    one = grey(found)
    assert isinstance(one.mean_image, MeanImage)
    assert one.mean_image.array == pytest.approx(mean.mean(dim=2, keepdim=True).numpy(), abs=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mean_image": {"shape": (10, 12, 3), "values": "AAAA"}}, "compressed by zlib, in base64"),
        ({"mean_image": MeanImage.of(np.zeros((10, 12, 1)))}, "but the input is"),
        ({"mean_image": MeanImage.of(np.zeros((9, 12, 3)))}, "but the input is"),
        ({"mean_image": "square"}, "fit must be crop"),
    ],
)
def test_what_does_not_fit_the_input_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Preprocessing.model_validate(INPUT.model_dump() | changes)


def test_a_bundle_keeps_it_among_its_tensors(tmp_path: Path) -> None:
    preprocessing = with_mean_image(
        Preprocessing(channels=1, size=(32, 32), fit="stretch", mean=(0.5,), std=(1.0,), mean_image="input"),
        open_data("digits").train,
    )
    network = create("lenet5_dense", input_size=(32, 32))
    bundle = Bundle(network=network, classes=tuple("0123456789"), preprocessing=preprocessing, training={})
    save(tmp_path, bundle)
    assert len((tmp_path / DESCRIPTION).read_text()) < 5000
    assert '"mean_image": "beside"' in (tmp_path / DESCRIPTION).read_text()
    again = load(tmp_path)
    assert again.preprocessing == preprocessing
    assert again.network.state_dict().keys() == network.state_dict().keys()
    pixels = fit(open_data("digits").test.pixels[:3], preprocessing)  # type: ignore[union-attr]
    assert torch.equal(normalise(pixels, again.preprocessing), normalise(pixels, preprocessing))


def test_a_bundle_whose_mean_does_not_fit_is_refused(tmp_path: Path) -> None:
    wrong = MeanImage.of(np.zeros((8, 8, 1)))
    preprocessing = Preprocessing(channels=1, size=(32, 32), fit="stretch", mean=(0.5,), std=(1.0,))
    network = create("lenet5_dense", input_size=(32, 32))
    unfit = preprocessing.model_copy(update={"mean_image": wrong})
    save(tmp_path, Bundle(network=network, classes=tuple("0123456789"), preprocessing=unfit, training={}))
    with pytest.raises(UsageError, match=r"'preprocessing\.mean_image' does not fit the preprocessing in model\.json"):
        load(tmp_path)


def test_the_mean_of_photographs_is_that_of_numpy(tmp_path: Path) -> None:
    paths = []
    for number in range(9):
        paths.append(tmp_path / f"{number}.jpg")
        paths[-1].write_bytes(photograph(number))
    files = ImageFiles(paths=paths, labels=np.zeros(9, dtype=np.int64))
    wanted = Preprocessing(size=(24, 24), resize=28, mean=(0.5,) * 3, std=(1, 1, 1), mean_image="input")
    found = with_mean_image(wanted, files, workers=0)
    assert isinstance(found.mean_image, MeanImage)
    plain = batches(files, wanted.model_copy(update={"mean_image": None}), batch_size=4, workers=0)
    pixels = plain.pixels(np.arange(9)).numpy()
    assert found.mean_image.array == pytest.approx(pixels.mean(axis=0) / 255, abs=1e-5)
    assert statistics(plain).mean_image == pytest.approx(pixels.mean(axis=0) / 255, abs=1e-6)
