"""Published weights: fetched once, believed only when their sum is right."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from classicnets.data.transforms import Preprocessing
from classicnets.errors import UsageError
from classicnets.weights.exchange import find_model
from classicnets.weights.fetching import default_weights_dir, get_weights
from classicnets.weights.sources import Model, Release
from tests.data.home import Home
from tests.weights.hub import Hub

WEIGHTS = bytes(range(256)) * 5000
SUM = hashlib.sha256(WEIGHTS).hexdigest()
PREPROCESSING = Preprocessing(size=(224, 224), mean=(0.5,) * 3, std=(0.5,) * 3)


@pytest.fixture
def home() -> Iterator[Home]:
    with Home() as server:
        server.files["resnet18.pth"] = WEIGHTS
        yield server


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as server:
        server.files["timm/model.safetensors"] = WEIGHTS
        yield server


def model_with(url: str, sha256: str | None) -> tuple[Model, Release]:
    _, model, _ = find_model("torchvision:resnet18")
    release = Release(name="V1", url=url, sha256=sha256, preprocessing=PREPROCESSING)
    return replace(model, releases=(release,)), release


def get(folder: Path, url: str, sha256: str | None) -> Path:
    return get_weights("torchvision", *model_with(url, sha256), weights_dir=folder, timeout=5)


def refused(folder: Path, url: str, sha256: str | None) -> str:
    with pytest.raises(UsageError) as caught:
        get(folder, url, sha256)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"cannot get torchvision:resnet18.V1 from {url}: ")
    assert message.endswith("or name a file that you have: torchvision:resnet18.V1@FILE")
    return message


@pytest.mark.parametrize("digits", [8, 64])
def test_a_file_is_fetched_once(tmp_path: Path, home: Home, digits: int) -> None:
    for _ in range(2):
        file = get(tmp_path, home.url + "resnet18.pth", SUM[:digits])
        assert file == tmp_path / "torchvision" / "resnet18.V1" / "resnet18.pth"
        assert file.read_bytes() == WEIGHTS
    assert len(home.requests) == 1
    assert [path.name for path in file.parent.iterdir()] == ["resnet18.pth"]


def test_the_progress_is_told(tmp_path: Path, home: Home) -> None:
    told: list[int] = []
    model, release = model_with(home.url + "resnet18.pth", SUM[:8])
    get_weights("torchvision", model, release, weights_dir=tmp_path, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == len(WEIGHTS)


def test_a_transfer_goes_on_where_it_broke_off(tmp_path: Path, home: Home) -> None:
    home.cuts = [1000, 5000]
    assert get(tmp_path, home.url + "resnet18.pth", SUM[:8]).read_bytes() == WEIGHTS
    assert [asked for _, asked in home.requests] == [None, "bytes=1000-", "bytes=6000-"]


def test_a_file_with_another_sum_is_thrown_away(tmp_path: Path, home: Home) -> None:
    home.files["resnet18.pth"] = b"something else"
    assert "SHA-256 should be" in refused(tmp_path, home.url + "resnet18.pth", SUM[:8])
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_cannot_be_reached_is_told(tmp_path: Path, home: Home, hub: Hub) -> None:
    assert "HTTP 404" in refused(tmp_path, home.url + "resnet19.pth", SUM[:8])
    assert "HTTP 404" in refused(tmp_path, hub.url + "resnet19.pth", None)
    assert "Connection refused" in refused(tmp_path, "http://127.0.0.1:9/resnet18.pth", SUM[:8])
    assert "Connection refused" in refused(tmp_path, "http://127.0.0.1:9/resnet18.pth", None)
    assert "not known" in refused(tmp_path, "http://no-such-host.invalid/resnet18.pth", None)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, home: Home) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError, match="cannot") as caught:
        get(tmp_path / "file", home.url + "resnet18.pth", SUM[:8])
    assert str(tmp_path / "file") in str(caught.value)


def test_the_hub_states_the_sum(tmp_path: Path, hub: Hub) -> None:
    for _ in range(2):
        assert get(tmp_path, hub.url + "timm/model.safetensors", None).read_bytes() == WEIGHTS
    asked = [method for method, _ in hub.requests]
    assert asked == ["HEAD", "GET", "GET"]  # the second GET is that of the store


def test_the_hubs_file_with_another_sum_is_thrown_away(tmp_path: Path, hub: Hub) -> None:
    hub.stated["timm/model.safetensors"] = "0" * 64
    assert f"SHA-256 should be {'0' * 64}" in refused(tmp_path, hub.url + "timm/model.safetensors", None)


@pytest.mark.parametrize("stated", [None, "", "abc", SUM[:8]])
def test_a_hub_without_a_sum_is_not_believed(tmp_path: Path, hub: Hub, stated: str | None) -> None:
    hub.stated["timm/model.safetensors"] = stated
    assert "it states no SHA-256" in refused(tmp_path, hub.url + "timm/model.safetensors", None)
    assert [method for method, _ in hub.requests] == ["HEAD"]


def test_a_renamed_file_is_found(tmp_path: Path, hub: Hub) -> None:
    hub.renamed["old/model.safetensors"] = "timm/model.safetensors"
    assert get(tmp_path, hub.url + "old/model.safetensors", None).read_bytes() == WEIGHTS


def test_renaming_in_a_circle_ends(tmp_path: Path, hub: Hub) -> None:
    hub.renamed |= {"a": "b", "b": "a"}
    assert "it states no SHA-256" in refused(tmp_path, hub.url + "a", None)


def test_where_weights_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLASSICNETS_WEIGHTS", raising=False)
    assert default_weights_dir().name == "weights"
    assert "classicnets" in default_weights_dir().parts
    monkeypatch.setenv("CLASSICNETS_WEIGHTS", str(tmp_path))
    assert default_weights_dir() == tmp_path
