"""`load` and `load_bundle`: whatever names weights, from the reference to the answer."""

import hashlib
import logging
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import load_file, save_file

import classicnets as cn
from classicnets.data.transforms import Preprocessing
from classicnets.errors import UsageError
from classicnets.networks import build
from classicnets.networks.chain import Chain
from classicnets.weights import bundle, exchange
from classicnets.weights.exchange import export_state
from classicnets.weights.imported import Imported
from classicnets.weights.loading import load_bundle
from tests.data.home import Home

IMAGES = torch.randn(2, 3, 64, 64, generator=torch.manual_seed(0))
PREPROCESSING = Preprocessing(size=(32, 32), mean=(0.5,) * 3, std=(0.5,) * 3)


def refused(reference: str | Path) -> str:
    with pytest.raises(UsageError) as caught:
        cn.load(reference)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def remarks(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """What the user was told."""
    told: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            assert (record.name, record.levelno) == ("classicnets", logging.WARNING)
            told.append(record.getMessage())

    handler = Keep()
    logging.getLogger("classicnets").addHandler(handler)
    yield told
    logging.getLogger("classicnets").removeHandler(handler)


@pytest.fixture
def both(resnet18_file: Path, resnet18_safetensors: Path) -> dict[str, Path]:
    return {"torchvision": resnet18_file, "timm": resnet18_safetensors}


@pytest.mark.parametrize("source", ["torchvision", "timm"])
def test_a_file_whose_network_is_named(both: dict[str, Path], resnet18: Chain, source: str, remarks: list[str]) -> None:
    network = cn.load(f"{source}:resnet18@{both[source]}")
    assert (network.name, network.num_classes, network.training) == ("resnet18", 1000, False)
    torch.testing.assert_close(network(IMAGES), resnet18(IMAGES))
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert remarks == []


@pytest.mark.parametrize("source", ["torchvision", "timm"])
@pytest.mark.parametrize("kind", [str, Path])
def test_a_file_that_says_by_itself_what_it_is(
    both: dict[str, Path], resnet18: Chain, source: str, kind: type[str | Path], remarks: list[str]
) -> None:
    file = both[source]
    assert torch.equal(cn.load(kind(file)).get_parameter("fc.weight"), resnet18.get_parameter("fc.weight"))
    assert remarks == [f"{file} holds resnet18; its images are prepared as for torchvision:resnet18"]


def test_a_file_of_a_known_name_brings_its_own_preprocessing(tmp_path: Path, remarks: list[str]) -> None:
    network = build("resnet50_v1_5", num_classes=2)
    network.load_state_dict(
        {name: torch.zeros(tensor.shape, dtype=tensor.dtype) for name, tensor in network.state_dict().items()},
        assign=True,
    )
    file = tmp_path / "resnet50-11ad3fa6.pth"
    cn.save_as("torchvision", network, file)
    read = load_bundle(file)
    assert (read.network.name, read.preprocessing.side, read.classes) == ("resnet50_v1_5", 232, ("0", "1"))
    assert load_bundle(f"torchvision:resnet50@{file}").preprocessing.side == 232
    assert load_bundle(f"torchvision:resnet50.IMAGENET1K_V1@{file}").preprocessing.side == 256
    assert remarks == [f"{file} holds resnet50_v1_5; its images are prepared as for torchvision:resnet50.IMAGENET1K_V2"]


def test_a_bundle_says_all_that_images_need(both: dict[str, Path]) -> None:
    reference = f"timm:resnet18.a2_in1k@{both['timm']}"
    read = load_bundle(reference)
    assert (read.classes[0], len(read.classes)) == ("tench", 1000)
    assert (read.preprocessing.side, read.preprocessing.interpolation) == (235, "bicubic")
    assert read.training == {"weights": reference}


def test_other_classes_and_channels(both: dict[str, Path], remarks: list[str]) -> None:
    reference = f"torchvision:resnet18@{both['torchvision']}"
    read = load_bundle(reference, num_classes=3, in_channels=1)
    assert read.network(IMAGES[:, :1]).shape == (2, 3)
    assert not read.network.training
    assert read.classes == ("0", "1", "2")
    assert read.preprocessing.channels == 1
    assert read.preprocessing.mean == pytest.approx((0.449,))
    assert remarks == [
        "resnet18 takes grey images: the weights of conv1 are summed over the colours",
        "resnet18 is for 3 classes: fresh weights in fc",
    ]
    assert cn.load(reference, in_channels=4).input_shape == (4, 224, 224)
    with pytest.raises(UsageError, match="in_channels must be 1 or 3 where images are read, not 4"):
        load_bundle(reference, in_channels=4)


def test_remarks_reach_a_user_who_configured_nothing(both: dict[str, Path], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        cn.load(f"torchvision:resnet18@{both['torchvision']}", num_classes=3)
    assert caplog.messages == ["resnet18 is for 3 classes: fresh weights in fc"]


def test_half_precision_becomes_single(tmp_path: Path, resnet18: Chain) -> None:
    state = {name: tensor.half() for name, tensor in export_state("timm", resnet18).items()}
    state |= {name: torch.tensor(0) for name in state if name.endswith("tracked")}
    save_file(state, tmp_path / "half.safetensors")
    network = cn.load(f"timm:resnet18@{tmp_path / 'half.safetensors'}")
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


def zeros(network: Chain) -> dict[str, torch.Tensor]:
    return {name: torch.zeros(tensor.shape, dtype=tensor.dtype) for name, tensor in network.state_dict().items()}


def test_missing_heads_begin_fresh(tmp_path: Path, remarks: list[str]) -> None:
    network = build("googlenet_bn", num_classes=5)
    network.load_state_dict(zeros(network), assign=True)
    state = export_state("torchvision", network)
    save_file({name: tensor for name, tensor in state.items() if "aux1" not in name}, tmp_path / "a.safetensors")
    reference = f"torchvision:googlenet@{tmp_path / 'a.safetensors'}"
    read = cn.load(reference)
    assert remarks == [f"{reference} has no weights for aux.inception_4a: they are fresh"]
    assert read.get_parameter("aux.inception_4a.fc.weight").any()
    assert not read.get_parameter("aux.inception_4d.fc.weight").any()
    assert not read.get_parameter("fc.weight").any()
    remarks.clear()
    kept = {name: tensor for name, tensor in state.items() if not name.startswith(("aux", "fc"))}
    save_file(kept, tmp_path / "a.safetensors")
    read = cn.load(reference)
    parts = ("fc", "aux.inception_4a", "aux.inception_4d")
    assert remarks == [f"{reference} has no weights for {part}: they are fresh" for part in parts]
    assert read.num_classes == 1000
    assert read.get_parameter("fc.weight").any()
    assert all(not tensor.is_meta for tensor in read.state_dict().values())


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch, resnet18_file: Path) -> Iterator[Home]:
    """A home of torchvision's ResNet-18 with the weights of ours."""
    with Home() as home:
        content = resnet18_file.read_bytes()
        home.files["resnet18.pth"] = content
        source = exchange.SOURCES["torchvision"]
        model = source.model("resnet18")
        (release,) = model.releases
        moved = replace(
            release,
            url=home.url + "resnet18.pth",
            sha256=hashlib.sha256(content).hexdigest()[:8],
            preprocessing=PREPROCESSING,
        )
        models = {**source.models, "resnet18": replace(model, releases=(moved,))}
        monkeypatch.setitem(exchange.SOURCES, "torchvision", replace(source, models=models))
        yield home


@pytest.mark.parametrize("reference", ["torchvision:resnet18", "torchvision:resnet18.IMAGENET1K_V1"])
def test_published_weights_are_fetched_once(
    published: Home, resnet18: Chain, weights_folder: Path, reference: str
) -> None:
    told: list[int] = []
    read = load_bundle(reference, progress=told.append)
    torch.testing.assert_close(read.network(IMAGES), resnet18(IMAGES))
    assert read.training == {"weights": "torchvision:resnet18.IMAGENET1K_V1"}
    assert read.preprocessing == PREPROCESSING
    assert told[-1] == (weights_folder / "torchvision/resnet18.IMAGENET1K_V1/resnet18.pth").stat().st_size
    published.files.clear()
    assert cn.load(reference).name == "resnet18"
    assert len(published.requests) == 1


def test_without_a_network_it_says_what_else_can_be_done(monkeypatch: pytest.MonkeyPatch) -> None:
    source = exchange.SOURCES["timm"]
    model = source.model("resnet18")
    gone = replace(model.releases[0], url="http://127.0.0.1:9/model.safetensors")
    models = {**source.models, "resnet18": replace(model, releases=(gone,))}
    monkeypatch.setitem(exchange.SOURCES, "timm", replace(source, models=models))
    assert refused("timm:resnet18") == (
        "cannot get timm:resnet18.a1_in1k from http://127.0.0.1:9/model.safetensors: [Errno 111] Connection refused;"
        " check the network, or name a file that you have: timm:resnet18.a1_in1k@FILE"
    )


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("torchvision:resnet51", "no torchvision network 'resnet51' can be taken; did you mean resnet50"),
        ("torchvision:resnet50.V2", "torchvision:resnet50 has no weights 'V2'; known: IMAGENET1K_V1, IMAGENET1K_V2"),
        ("torchvision:resnet50@nowhere.pth", "torchvision:resnet50@nowhere.pth: there is no file nowhere.pth"),
        ("torchvison:resnet50", "torchvison:resnet50: nothing is loaded from 'torchvison'; did you mean torchvision?"),
        ("keras:nowhere.h5", "keras:nowhere.h5: there is no file nowhere.h5"),
        ("onnx:", "onnx:: there is no file"),
        ("nowhere", "nowhere does not exist: a bundle is a folder"),
        ("nowhere.pth", "nowhere.pth does not exist"),
        ("https://example.org/resnet50.pth", "nothing is loaded from 'https'; known: torchvision, timm, keras, onnx"),
        ("a" * 300, "File name too long"),
        ("torchvision:resnet50@" + "a" * 300, "File name too long"),
        ("C:\\weights\\resnet50.pth", "C:\\weights\\resnet50.pth does not exist"),
        ("C:/weights/resnet50.pth", "C:/weights/resnet50.pth does not exist"),
    ],
)
def test_a_reference_to_nothing_is_refused(reference: str, expected: str) -> None:
    assert expected in refused(reference)


def test_a_file_may_have_any_name(tmp_path: Path, resnet18_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = tmp_path / "C:@my weights.v2.0"
    odd.write_bytes(resnet18_file.read_bytes())
    assert cn.load(f"torchvision:resnet18@{odd}").name == "resnet18"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cn.load(f"torchvision:resnet18@~/{odd.name}").name == "resnet18"


@pytest.mark.parametrize(("suffix", "kind"), [(".h5", "keras"), (".keras", "keras"), (".onnx", "onnx")])
def test_files_of_others_are_to_be_named(tmp_path: Path, suffix: str, kind: str) -> None:
    file = tmp_path / f"net{suffix}"
    file.write_bytes(b"something")
    assert refused(file) == f"{file}: write {kind}:{file}"


def test_a_part_of_a_bundle_is_not_the_bundle(tmp_path: Path) -> None:
    written = bundle.Bundle(
        network=cn.create("resnet8_cifar"), classes=tuple("abcdefghij"), preprocessing=PREPROCESSING, training={}
    )
    bundle.save(tmp_path, written)
    for name in (bundle.TENSORS, bundle.DESCRIPTION):
        assert refused(tmp_path / name) == f"{tmp_path / name} is a part of a bundle: name its folder, {tmp_path}"


def test_weights_for_grey_images_get_a_preprocessing_for_grey(tmp_path: Path) -> None:
    network = build("resnet18", in_channels=1, num_classes=2)
    network.load_state_dict(zeros(network), assign=True)
    cn.save_as("timm", network, tmp_path / "grey.safetensors")
    read = load_bundle(tmp_path / "grey.safetensors")
    assert (read.network.input_shape[0], read.preprocessing.channels) == (1, 1)


def test_a_file_of_an_unknown_network(tmp_path: Path) -> None:
    save_file({"layer.weight": torch.zeros(3)}, tmp_path / "a.safetensors")
    message = refused(tmp_path / "a.safetensors")
    assert "its 1 tensors, of which 'layer.weight' is the first, are of no network known here" in message
    assert message.endswith(f"torchvision:NETWORK@{tmp_path / 'a.safetensors'}")


def test_a_file_of_another_network_than_named(both: dict[str, Path]) -> None:
    reference = f"torchvision:resnet34@{both['torchvision']}"
    assert refused(reference) == (
        f"{reference}: tensor 'layer1.2.conv1.weight': resnet34 expects shape (64, 64, 3, 3), found none"
    )


def test_a_broken_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.pth").write_bytes(b"PK\x03\x04")
    assert f"{tmp_path / 'a.pth'} is broken" in refused(tmp_path / "a.pth")
    assert f"{tmp_path / 'a.pth'} is broken" in refused(f"timm:resnet18@{tmp_path / 'a.pth'}")


def test_a_bundle_is_adapted_too(tmp_path: Path, remarks: list[str]) -> None:
    written = bundle.Bundle(
        network=cn.create("resnet8_cifar").eval(),
        classes=tuple("abcdefghij"),
        preprocessing=PREPROCESSING,
        training={"epochs": 3},
    )
    bundle.save(tmp_path, written)
    assert load_bundle(tmp_path).classes == written.classes
    assert load_bundle(tmp_path, num_classes=10).classes == written.classes
    assert remarks == []
    read = load_bundle(str(tmp_path), num_classes=2, in_channels=1)
    assert (read.classes, read.preprocessing.channels, read.training) == (("0", "1"), 1, {"epochs": 3})
    assert len(remarks) == 2


def reader(monkeypatch: pytest.MonkeyPatch, module: str) -> list[Path]:
    """Another reader in place of the real one, and what it was asked to read."""
    asked = []

    def read(path: Path) -> Imported:
        asked.append(path)
        network = build("resnet8_cifar", num_classes=3)
        return Imported(
            source=str(path),
            network="resnet8_cifar",
            num_classes=3,
            tensors=zeros(network),
            preprocessing=PREPROCESSING,
            classes=("a", "b", "c"),
            remarks=("something to hear",),
        )

    fake = ModuleType(f"classicnets.weights.{module}")
    fake.read = read  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, fake.__name__, fake)
    return asked


@pytest.mark.parametrize(("kind", "module"), [("keras", "keras"), ("onnx", "onnx_graph")])
def test_other_readers_are_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, remarks: list[str], kind: str, module: str
) -> None:
    asked = reader(monkeypatch, module)
    file = tmp_path / "a.file"
    file.write_bytes(b"weights")
    read = load_bundle(f"{kind}:{file}")
    assert asked == [file]
    assert (read.network.name, read.classes) == ("resnet8_cifar", ("a", "b", "c"))
    assert remarks == ["something to hear"]


def failing_reader(monkeypatch: pytest.MonkeyPatch, *, missing: str) -> None:
    def read(path: Path) -> Imported:
        raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)

    fake = ModuleType("classicnets.weights.keras")
    fake.read = read  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, fake.__name__, fake)


def test_a_reader_without_its_library_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.h5"
    file.write_bytes(b"weights")
    failing_reader(monkeypatch, missing="h5py")
    assert refused(f"keras:{file}") == (
        f"reading {file} needs h5py, which is not installed: pip install 'classicnets[keras]'"
    )
    failing_reader(monkeypatch, missing="classicnets.weights.gone")
    with pytest.raises(ModuleNotFoundError):  # no mistake of the user's
        cn.load(f"keras:{file}")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"conv1.norm.bias": torch.zeros(3)},
            "tensor 'conv1.norm.bias': resnet8_cifar expects shape (16,), found (3,)",
        ),
        ({"more": torch.zeros(3)}, "tensor 'more': resnet8_cifar expects none, found shape (3,)"),
    ],
)
def test_what_a_reader_gives_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, torch.Tensor], expected: str
) -> None:
    network = build("resnet8_cifar")
    imported = Imported(
        source="a file",
        network="resnet8_cifar",
        num_classes=10,
        tensors=zeros(network) | change,
        preprocessing=PREPROCESSING,
        classes=tuple("abcdefghij"),
    )
    fake = ModuleType("classicnets.weights.keras")
    fake.read = lambda path: imported  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, fake.__name__, fake)
    (tmp_path / "a").write_bytes(b"")
    assert refused(f"keras:{tmp_path / 'a'}") == f"a file: {expected}"


def test_loading_draws_no_random_numbers_where_all_is_there(resnet18_file: Path) -> None:
    before = torch.get_rng_state()
    cn.load(f"torchvision:resnet18@{resnet18_file}")
    assert torch.equal(before, torch.get_rng_state())


def test_what_was_loaded_can_be_trained_and_leaves_the_file(resnet18_safetensors: Path) -> None:
    before = load_file(resnet18_safetensors)["fc.bias"].clone()
    network = cn.load(f"timm:resnet18@{resnet18_safetensors}").train()
    torch.autograd.backward(network(IMAGES).sum())
    with torch.no_grad():
        network.get_parameter("fc.bias").add_(1)
    assert torch.equal(load_file(resnet18_safetensors)["fc.bias"], before)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="no measure of the most memory held")
@pytest.mark.parametrize("source", ["torchvision", "timm"])
def test_loading_holds_a_file_about_once(both: dict[str, Path], source: str) -> None:
    code = """
        import sys
        from pathlib import Path
        import classicnets as cn
        from classicnets.networks import build

        def held(field):
            lines = Path("/proc/self/status").read_text().splitlines()
            return next(1024 * int(line.split()[1]) for line in lines if line.startswith(field))

        cn.load, build("resnet18")  # what they import is no part of the file's cost
        Path("/proc/self/clear_refs").write_text("5")
        before = held("VmRSS")
        for tensor in cn.load(sys.argv[1]).state_dict().values():
            tensor.sum()
        print(held("VmHWM") - before)
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), f"{source}:resnet18@{both[source]}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert int(ended.stdout) < 1.3 * both[source].stat().st_size
