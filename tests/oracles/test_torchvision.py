"""The networks of torchvision, with the same random weights: equal outputs, and their state given back unchanged."""

from functools import partial
from typing import Any

import pytest
import torch
import torchvision.models
from torch import nn

from classicnets.weights.exchange import SOURCES, export_state, import_state
from tests.oracles.judging import epsilons, images, must_agree, network_of, randomised

WHOLE = (224, 224)  # where fully connected layers read every pixel
SMALL = (75, 107)  # odd and even sides on the way down

# torchvision's network, ours, and the size of the image.
NETWORKS = {
    "alexnet": ("alexnet_owt", WHOLE),
    "vgg11": ("vgg11", WHOLE),
    "vgg13": ("vgg13", WHOLE),
    "vgg16": ("vgg16", WHOLE),
    "vgg19": ("vgg19", WHOLE),
    "vgg11_bn": ("vgg11_bn", WHOLE),
    "vgg13_bn": ("vgg13_bn", WHOLE),
    "vgg16_bn": ("vgg16_bn", WHOLE),
    "vgg19_bn": ("vgg19_bn", WHOLE),
    "googlenet": ("googlenet_bn", SMALL),
    "inception_v3": ("inception_v3", SMALL),
    "resnet18": ("resnet18", SMALL),
    "resnet34": ("resnet34", SMALL),
    "resnet50": ("resnet50_v1_5", SMALL),
    "resnet101": ("resnet101_v1_5", SMALL),
    "resnet152": ("resnet152_v1_5", SMALL),
    "resnext50_32x4d": ("resnext50_32x4d", SMALL),
    "resnext101_32x8d": ("resnext101_32x8d", SMALL),
    "resnext101_64x4d": ("resnext101_64x4d", SMALL),
    "wide_resnet50_2": ("wide_resnet50_2", SMALL),
    "wide_resnet101_2": ("wide_resnet101_2", SMALL),
}


def make(name: str, **options: Any) -> nn.Module:
    first = {"init_weights": False} if name.startswith(("vgg", "googlenet", "inception")) else {}
    model: nn.Module = torchvision.models.get_model(name, weights=None, **first, **options)
    return model


def test_every_network_that_is_taken_is_judged() -> None:
    assert {name: model.network for name, model in SOURCES["torchvision"].models.items()} == {
        name: ours for name, (ours, _) in NETWORKS.items()
    }


@pytest.mark.parametrize("name", NETWORKS)
@torch.inference_mode()
def test_outputs_are_equal_and_the_state_comes_back(name: str) -> None:
    ours, size = NETWORKS[name]
    theirs = randomised(partial(make, name))
    network = network_of(import_state(f"torchvision:{name}", theirs.state_dict()))
    assert network.name == ours
    assert epsilons(network) == epsilons(theirs)
    must_agree(network(images(*size)), theirs(images(*size)))
    given_back = export_state("torchvision", network)
    assert {key: tensor.shape for key, tensor in given_back.items()} == {
        key: tensor.shape for key, tensor in theirs.state_dict().items()
    }
    assert all(torch.equal(given_back[key], tensor) for key, tensor in theirs.state_dict().items())


# torchvision computes auxiliary logits in training only; dropout and batch normalisation stay as in evaluation.
@pytest.mark.parametrize(
    ("name", "size", "heads"),
    [
        ("googlenet", SMALL, {"inception_4a": "aux_logits1", "inception_4d": "aux_logits2"}),
        ("inception_v3", (299, 299), {"mixed_6e": "aux_logits"}),
    ],
)
@torch.inference_mode()
def test_auxiliary_logits_are_equal(name: str, size: tuple[int, int], heads: dict[str, str]) -> None:
    theirs = randomised(partial(make, name, aux_logits=True))
    network = network_of(import_state(f"torchvision:{name}", theirs.state_dict()))
    for module in theirs.modules():
        module.training = not isinstance(module, nn.Dropout | nn.BatchNorm2d)
    expected = theirs(images(*size))
    logits, auxiliary = network.forward_with_aux(images(*size))
    must_agree(logits, expected.logits)
    assert auxiliary.keys() == heads.keys()
    for row, head in heads.items():
        must_agree(auxiliary[row], getattr(expected, head))
