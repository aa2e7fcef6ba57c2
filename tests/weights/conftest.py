"""What the tests of weights share: files of one network's weights, each written once."""

from pathlib import Path

import pytest
import torch

import classicnets as cn
from classicnets.networks.chain import Chain


@pytest.fixture(scope="session")
def resnet18() -> Chain:
    """ResNet-18 for ImageNet with random weights, in evaluation mode; not to be changed."""
    torch.manual_seed(0)
    return cn.create("resnet18").eval()


@pytest.fixture(scope="session")
def resnet18_file(resnet18: Chain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its weights as torchvision has them, under a name that says nothing."""
    file = tmp_path_factory.mktemp("weights") / "mine.pth"
    cn.save_as("torchvision", resnet18, file)
    return file


@pytest.fixture(scope="session")
def resnet18_safetensors(resnet18: Chain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as timm has them."""
    file = tmp_path_factory.mktemp("weights") / "model.safetensors"
    cn.save_as("timm", resnet18, file)
    return file


@pytest.fixture(autouse=True)
def weights_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where fetched weights lie; never the user's own folder."""
    monkeypatch.setenv("CLASSICNETS_WEIGHTS", str(tmp_path / "fetched"))
    return tmp_path / "fetched"
