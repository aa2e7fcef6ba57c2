"""The networks of timm, with the same random weights: equal outputs, and their state given back unchanged."""

from functools import partial

import pytest
import timm
import torch

from classicnets.weights.exchange import SOURCES, export_state, import_state
from tests.oracles.judging import epsilons, images, must_agree, network_of, randomised

WHOLE = (224, 224)  # where fully connected layers read every pixel
SMALL = (75, 107)  # odd and even sides on the way down
MIDDLE = (107, 139)  # the smallest that the later Inceptions take

# timm's network, ours, and the size of the image.
NETWORKS = {
    "vgg11": ("vgg11", WHOLE),
    "vgg13": ("vgg13", WHOLE),
    "vgg16": ("vgg16", WHOLE),
    "vgg19": ("vgg19", WHOLE),
    "vgg11_bn": ("vgg11_bn", WHOLE),
    "vgg13_bn": ("vgg13_bn", WHOLE),
    "vgg16_bn": ("vgg16_bn", WHOLE),
    "vgg19_bn": ("vgg19_bn", WHOLE),
    "inception_v3": ("inception_v3", MIDDLE),
    "inception_v4": ("inception_v4", MIDDLE),
    "inception_resnet_v2": ("inception_resnet_v2", MIDDLE),
    "resnet18": ("resnet18", SMALL),
    "resnet34": ("resnet34", SMALL),
    "resnet50": ("resnet50_v1_5", SMALL),
    "resnet101": ("resnet101_v1_5", SMALL),
    "resnet152": ("resnet152_v1_5", SMALL),
    "resnet50c": ("resnet50_c", SMALL),
    "resnet50d": ("resnet50_d", SMALL),
    "resnet101d": ("resnet101_d", SMALL),
    "resnet152d": ("resnet152_d", SMALL),
    "resnext50_32x4d": ("resnext50_32x4d", SMALL),
    "resnext101_32x4d": ("resnext101_32x4d", SMALL),
    "resnext101_32x8d": ("resnext101_32x8d", SMALL),
    "resnext101_64x4d": ("resnext101_64x4d", SMALL),
    "wide_resnet50_2": ("wide_resnet50_2", SMALL),
    "wide_resnet101_2": ("wide_resnet101_2", SMALL),
    "seresnet50": ("se_resnet50", SMALL),
    "seresnet101": ("se_resnet101", SMALL),
    "seresnet152": ("se_resnet152", SMALL),
    "seresnext50_32x4d": ("se_resnext50_32x4d", SMALL),
    "seresnext101_32x4d": ("se_resnext101_32x4d", SMALL),
    "legacy_seresnet50": ("se_resnet50", SMALL),
    "legacy_seresnet101": ("se_resnet101", SMALL),
    "legacy_seresnet152": ("se_resnet152", SMALL),
    "legacy_seresnext50_32x4d": ("se_resnext50_32x4d", SMALL),
    "legacy_seresnext101_32x4d": ("se_resnext101_32x4d", SMALL),
}


def test_every_network_that_is_taken_is_judged() -> None:
    assert {name: model.network for name, model in SOURCES["timm"].models.items()} == {
        name: ours for name, (ours, _) in NETWORKS.items()
    }


@pytest.mark.parametrize("name", NETWORKS)
@torch.inference_mode()
def test_outputs_are_equal_and_the_state_comes_back(name: str) -> None:
    ours, size = NETWORKS[name]
    theirs = randomised(partial(timm.create_model, name, pretrained=False))
    network = network_of(import_state(f"timm:{name}", theirs.state_dict()))
    assert network.name == ours
    assert epsilons(network) == epsilons(theirs)
    must_agree(network(images(*size)), theirs(images(*size)))
    given_back = export_state(f"timm:{name}", network)
    assert {key: tensor.shape for key, tensor in given_back.items()} == {
        key: tensor.shape for key, tensor in theirs.state_dict().items()
    }
    assert all(torch.equal(given_back[key], tensor) for key, tensor in theirs.state_dict().items())
