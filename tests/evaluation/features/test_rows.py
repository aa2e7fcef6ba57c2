"""Features are what leaves the rows, whatever the images lie in."""

from pathlib import Path

import numpy as np
import pytest
import torch

import classicnets as cn
from classicnets.data.images import ImageArray, ImageFiles
from classicnets.data.pipeline import batches
from classicnets.data.transforms import Preprocessing
from classicnets.errors import UsageError
from classicnets.evaluation.features.dense import dense_features
from classicnets.evaluation.features.extracting import Dense, features_of, pictures_at
from classicnets.evaluation.features.rows import Wanted, gathered, row_features
from classicnets.weights.bundle import Bundle
from tests.evaluation.pictures import picture

WIDE = Preprocessing(size=(40, 40), resize=40, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))


@pytest.fixture
def images() -> ImageArray:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    return ImageArray(pixels=torch.from_numpy(pixels), labels=np.arange(5, dtype=np.int64) % 3)


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_are_what_leaves_the_rows(photo_bundle: Bundle, images: ImageArray, batch_size: int) -> None:
    wanted = Wanted(at=("conv3_x", "average"))
    found = gathered(list(row_features(photo_bundle, images, wanted, batch_size=batch_size)))
    (batch,) = batches(images, photo_bundle.preprocessing, batch_size=5)
    network = photo_bundle.network
    with torch.inference_mode():
        np.testing.assert_allclose(found["conv3_x"], network.upto("conv3_1")(batch.images), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found["average"], network.upto("average")(batch.images), rtol=1e-4, atol=1e-5)
    assert (found["conv3_x"].shape, found["average"].shape) == ((5, 32, 16, 16), (5, 64))


def test_maps_are_pooled_and_vectors_scaled_on_request(photo_bundle: Bundle, images: ImageArray) -> None:
    whole = features_in_memory(photo_bundle, images, Wanted(at=("conv3_x",)))
    average = features_in_memory(photo_bundle, images, Wanted(at=("conv3_x",), pool="average"))
    largest = features_in_memory(photo_bundle, images, Wanted(at=("conv3_x",), pool="max"))
    np.testing.assert_allclose(average, whole.mean(axis=(2, 3)), rtol=1e-5)
    np.testing.assert_array_equal(largest, whole.max(axis=(2, 3)))
    unit = features_in_memory(photo_bundle, images, Wanted(at=("conv3_x",), pool="average", unit_length=True))
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(unit * np.linalg.norm(average, axis=1, keepdims=True), average, rtol=1e-5)


def features_in_memory(bundle: Bundle, images: ImageArray, wanted: Wanted) -> np.ndarray:
    (row,) = gathered(list(row_features(bundle, images, wanted))).values()
    return row


def test_of_fc7_come_after_its_relu() -> None:
    """VGG's and AlexNet's fc6 and fc7 are rows with their ReLU; dropout is off."""
    torch.manual_seed(0)
    network = cn.create("vgg11", num_classes=3, input_size=32).eval()
    prepared = Preprocessing(size=(32, 32), fit="stretch", mean=(0.5,) * 3, std=(0.25,) * 3)
    made = Bundle(network=network, classes=("a", "b", "c"), preprocessing=prepared, training={})
    pixels = torch.randint(0, 256, (2, 32, 32, 3), dtype=torch.uint8, generator=torch.manual_seed(1))
    images = ImageArray(pixels=pixels, labels=np.zeros(2, dtype=np.int64))
    found = features_in_memory(made, images, Wanted(at=("fc7",)))
    assert found.shape == (2, 4096)
    assert found.min() == 0
    assert 0.2 < (found > 0).mean() < 0.8
    with torch.inference_mode():
        (batch,) = batches(images, prepared, batch_size=2)
        by_head = network.get_submodule("fc8")(torch.from_numpy(found))
        torch.testing.assert_close(by_head, network(batch.images), rtol=1e-4, atol=1e-5)


def test_all_stands_for_every_row_but_the_head(photo_bundle: Bundle) -> None:
    assert Wanted(at=("all",)).rows(photo_bundle) == ("conv1", "conv2_1", "conv3_1", "conv4_1", "average")
    with pytest.raises(UsageError, match="no row 'conv9'"):
        Wanted(at=("conv9",)).rows(photo_bundle)
    with pytest.raises(UsageError, match="pool must be none, average or max, not 'mean'"):
        Wanted(at=("conv1",), pool="mean")  # type: ignore[arg-type]


class TestDense:
    def test_is_the_mean_over_places_mirror_images_and_scales(self, photo_bundle: Bundle, tmp_path: Path) -> None:
        made = Bundle(network=photo_bundle.network, classes=photo_bundle.classes, preprocessing=WIDE, training={})
        images = pictures_at([str(picture(tmp_path / "a.png", seed=1))])  # 48 x 40 pixels
        wanted = Wanted(at=("conv4_x",))
        by_scale = [features_of(made, images, wanted, dense=Dense((side,))).rows["conv4_x"] for side in (40, 60)]
        average = features_of(made, images, wanted, dense=Dense((40, 60))).rows["conv4_x"]
        stacked = features_of(made, images, wanted, dense=Dense((40, 60), "stack")).rows["conv4_x"]
        np.testing.assert_allclose(average, np.mean(by_scale, axis=0), rtol=1e-5)
        np.testing.assert_allclose(stacked, np.concatenate(by_scale, axis=1), rtol=1e-6)
        # At 40 pixels the image stays as it is, and is not cut as the bundle's preprocessing would.
        pixels = torch.from_numpy(np.asarray(__import__("PIL.Image").Image.open(tmp_path / "a.png")).copy())
        values = (pixels / 255 - torch.tensor(WIDE.mean)) / torch.tensor(WIDE.std)
        both = torch.stack([values, values.flip(1)]).permute(0, 3, 1, 2)
        with torch.inference_mode():
            by_hand = made.network.upto("conv4_1")(both).mean(dim=(0, 2, 3))
        np.testing.assert_allclose(by_scale[0][0], by_hand, rtol=1e-3, atol=1e-5)

    def test_runs_fully_connected_layers_as_convolutions(self, tmp_path: Path) -> None:
        torch.manual_seed(0)
        network = cn.create("vgg11", num_classes=3, input_size=32).eval()
        prepared = Preprocessing(size=(32, 32), resize=32, mean=(0.5,) * 3, std=(0.25,) * 3)
        made = Bundle(network=network, classes=("a", "b", "c"), preprocessing=prepared, training={})
        files = ImageFiles(paths=(picture(tmp_path / "a.png", seed=1),), labels=np.zeros(1, dtype=np.int64))
        wanted = Wanted(at=("fc7",), unit_length=True)
        (chunk,) = dense_features(made, files, wanted, scales=(32, 64))
        assert chunk.rows["fc7"].shape == (1, 4096)
        assert np.linalg.norm(chunk.rows["fc7"]) == pytest.approx(1, rel=1e-5)
        with pytest.raises(UsageError, match="takes images of 32 pixels or more, not 31"):
            list(dense_features(made, files, wanted, scales=(64, 31)))

    def test_needs_a_network_for_any_size(self, digits_bundle: Bundle, tmp_path: Path) -> None:
        files = ImageFiles(paths=(picture(tmp_path / "a.png", seed=1),), labels=np.zeros(1, dtype=np.int64))
        with pytest.raises(UsageError, match="lenet5_dense"):
            list(dense_features(digits_bundle, files, Wanted(at=("F6",)), scales=(64,)))
