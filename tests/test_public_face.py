"""What `import classicnets` offers, and what it costs."""

import inspect
import subprocess
import sys

import pytest

import classicnets as cn
from classicnets.networks.chain import Chain


def loaded_after(code: str) -> set[str]:
    """The modules that a fresh interpreter has imported after ``code``."""
    ended = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(ended.stdout.split())


def test_importing_the_package_imports_nothing_heavy() -> None:
    loaded = loaded_after("import classicnets; dir(classicnets)")
    assert "classicnets" in loaded
    assert not loaded & {"torch", "numpy", "pydantic", "yaml", "classicnets.networks", "classicnets.catalog"}


def test_the_catalog_and_the_papers_need_no_torch() -> None:
    loaded = loaded_after("import classicnets as cn; cn.list_networks(); cn.paper('lenet5'); cn.UsageError")
    assert "classicnets.catalog" in loaded
    assert not loaded & {"torch", "numpy", "lightning"}


def test_making_a_network_needs_no_lightning() -> None:
    loaded = loaded_after("import classicnets as cn; cn.create('lenet5'); cn.load")
    assert "torch" in loaded
    assert not loaded & {"lightning", "torchmetrics", "sklearn", "torchvision"}


@pytest.mark.parametrize("name", cn.__all__)
def test_every_public_name_is_there_and_explained(name: str) -> None:
    assert inspect.getdoc(getattr(cn, name))
    assert name in dir(cn)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'classicnets' has no attribute 'creat'"):
        _ = cn.creat


def test_the_names_do_what_they_say() -> None:
    assert "lenet5" in cn.list_networks()
    network = cn.create("resnet20_cifar", num_classes=5, shortcut="B")
    assert isinstance(network, Chain)
    backbone = cn.features(network, at=["conv3_x", "conv4_x"])
    assert backbone.channels == {"conv3_x": 32, "conv4_x": 64}
    assert backbone.strides == {"conv3_x": 2, "conv4_x": 4}
    assert cn.paper("lenet5").facts("lenet5").parameters is not None
    with pytest.raises(cn.UsageError):
        cn.load("no-such-bundle")
    with pytest.raises(ValueError, match="did you mean lenet5"):
        cn.create("lenet")


def test_the_signatures_are_the_documented_ones() -> None:
    create = inspect.signature(cn.create)
    assert next(iter(create.parameters)) == "name"
    for option in ("num_classes", "in_channels"):
        assert create.parameters[option].kind is inspect.Parameter.KEYWORD_ONLY
        assert create.parameters[option].default is None
    assert inspect.signature(cn.list_networks).parameters["family"].default is None
