"""What the tests of evaluation share: small networks with fresh weights, as bundles."""

import pytest
import torch

from classicnets.data.defaults import default_preprocessing
from classicnets.networks import create
from classicnets.weights.bundle import Bundle


@pytest.fixture
def digits_bundle() -> Bundle:
    """LeNet-5 that has learnt nothing, for the embedded digits."""
    torch.manual_seed(0)
    return Bundle(
        network=create("lenet5_dense").eval(),
        classes=tuple("0123456789"),
        preprocessing=default_preprocessing("digits", 1, (32, 32)),
        training={"data": "digits"},
    )


@pytest.fixture
def photo_bundle() -> Bundle:
    """ResNet-8 that has learnt nothing, for folders with three classes."""
    torch.manual_seed(0)
    return Bundle(
        network=create("resnet8_cifar", num_classes=3).eval(),
        classes=("blue", "green", "red"),
        preprocessing=default_preprocessing("folder:photos", 3, (32, 32)),
        training={},
    )
