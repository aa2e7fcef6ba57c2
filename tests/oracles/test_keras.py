"""The networks of keras.applications, with random weights, saved by Keras in each of its layouts and read here."""

import math
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import pytest
import torch
from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

from classicnets.weights.keras import read
from classicnets.weights.keras_maps import APPLICATIONS
from tests.oracles.judging import Numbers, epsilons, images, must_agree, network_of

# Keras's own, beside this numpy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")

CLASSES = 7

# Keras's network, ours, and the side of the image.
NETWORKS = {
    "VGG16": ("vgg16", 224),
    "VGG19": ("vgg19", 224),
    "ResNet50": ("resnet50", 75),
    "ResNet101": ("resnet101", 75),
    "ResNet152": ("resnet152", 75),
    "ResNet50V2": ("preact_resnet50", 75),
    "ResNet101V2": ("preact_resnet101", 75),
    "ResNet152V2": ("preact_resnet152", 75),
    "InceptionV3": ("inception_v3", 107),
    "InceptionResNetV2": ("inception_resnet_v2", 107),
}


def whole_zip(model: keras.Model, folder: Path) -> Path:
    model.save(folder / "model.keras")
    return folder / "model.keras"


def whole_h5(model: keras.Model, folder: Path) -> Path:
    model.save(folder / "model.h5")
    return folder / "model.h5"


def weights_alone(model: keras.Model, folder: Path) -> Path:
    model.save_weights(folder / "model.weights.h5")
    return folder / "model.weights.h5"


def weights_without_names(model: keras.Model, folder: Path) -> Path:
    """As Keras wrote them before 2024: the order of the layers is all that says which is which."""
    path = weights_alone(model, folder)
    with h5py.File(path, "r+") as file:
        for layer in file["layers"].values():
            layer["vars"].attrs.clear()
    return path


def weights_of_keras_2(model: keras.Model, folder: Path) -> Path:
    with h5py.File(folder / "model.h5", "w") as file:
        save_weights_to_hdf5_group(file, model)
    return folder / "model.h5"


LAYOUTS = [whole_zip, whole_h5, weights_alone, weights_without_names, weights_of_keras_2]
Save = Callable[[keras.Model, Path], Path]


def randomised(name: str, side: int) -> keras.Model:
    """Keras's network with random weights and running statistics, as far as the logits."""
    model = getattr(keras.applications, name)(
        weights=None, classes=CLASSES, input_shape=(side, side, 3), classifier_activation=None
    )
    numbers = Numbers(seed=0)
    ours = {"kernel": "weight", "gamma": "weight", "moving_variance": "running_var"}
    for variable in model.weights:
        shape = tuple(variable.shape)
        part = ours.get(variable.name, variable.name)
        variable.assign(numbers.like(part, shape, fan_in=math.prod(shape[:-1])))
    return model


def judge(name: str, save: Save, folder: Path) -> None:
    ours, side = NETWORKS[name]
    model = randomised(name, side)
    path = save(model, folder)
    imported = read(path)
    path.unlink()  # there are many, and they are large
    assert (imported.network, imported.num_classes, imported.remarks) == (ours, CLASSES, ())
    network = network_of(imported)
    assert epsilons(network) == {layer.epsilon for layer in model.layers if hasattr(layer, "epsilon")}
    inputs = images(side, side)
    with torch.inference_mode():
        expected = model(inputs.permute(0, 2, 3, 1).contiguous(), training=False)
        must_agree(network(inputs), expected)


def test_every_network_that_is_taken_is_judged() -> None:
    names = {application.name: application.network for application in APPLICATIONS}
    del names["ResNet50 (before 2019)"]  # of which Keras 3 knows nothing; judged beside the reader
    assert names == {name: ours for name, (ours, _) in NETWORKS.items()}


@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_are_equal(name: str, tmp_path: Path) -> None:
    judge(name, weights_alone, tmp_path)


# Two with names for their layers, and those whose layers Keras numbers.
@pytest.mark.parametrize("name", ["ResNet50", "ResNet50V2", "InceptionV3", "InceptionResNetV2"])
@pytest.mark.parametrize("save", [layout for layout in LAYOUTS if layout is not weights_alone])
def test_every_layout_gives_equal_outputs(name: str, save: Save, tmp_path: Path) -> None:
    judge(name, save, tmp_path)


def test_a_network_within_a_network_and_a_head_of_another_name(tmp_path: Path) -> None:
    base = randomised("ResNet50", 75)
    trunk = keras.Model(base.input, base.get_layer("avg_pool").output)
    image = keras.Input((75, 75, 3))
    model = keras.Model(image, keras.layers.Dense(3, name="mine")(trunk(image)))
    inputs = images(75, 75)
    for save in (whole_zip, whole_h5, weights_alone):
        imported = read(save(model, tmp_path))
        assert (imported.network, imported.num_classes) == ("resnet50", 3)
        with torch.inference_mode():
            expected = model(inputs.permute(0, 2, 3, 1).contiguous(), training=False)
            must_agree(network_of(imported)(inputs), expected)
