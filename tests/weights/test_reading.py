"""Files of tensors from anywhere: nothing in them is run, and what they are not is said in a line."""

import os
import pickle
import random
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from classicnets.errors import UsageError
from classicnets.weights.reading import read_state

State = dict[str, torch.Tensor]


def some() -> State:
    return {"a.weight": torch.randn(4, 3, generator=torch.manual_seed(0)), "a.count": torch.tensor(7)}


def save(content: object, path: Path, *, old: bool = False) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=not old)
    return path


def refused(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        read_state(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def same(left: State, right: State) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize("old", [False, True], ids=["zip", "old"])
def test_what_torch_saved(tmp_path: Path, old: bool) -> None:
    assert same(read_state(save(some(), tmp_path / "a.pth", old=old)), some())


def test_what_safetensors_saved(tmp_path: Path) -> None:
    save_file(some(), tmp_path / "a.safetensors")
    assert same(read_state(tmp_path / "a.safetensors"), some())


def test_the_content_decides_and_not_the_name(tmp_path: Path) -> None:
    save_file(some(), tmp_path / "a.pth")
    assert same(read_state(tmp_path / "a.pth"), some())


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model": state, "arch": "resnet18"},
        lambda state: {f"module.{name}": tensor for name, tensor in state.items()},
        lambda state: {"state_dict": {f"module.{name}": tensor for name, tensor in state.items()}},
        lambda state: {name: torch.nn.Parameter(tensor, requires_grad=False) for name, tensor in state.items()},
    ],
    ids=["state_dict", "model", "parallel", "both", "parameters"],
)
def test_what_training_scripts_make_of_a_state(tmp_path: Path, wrap: Callable[[State], Any]) -> None:
    assert same(read_state(save(wrap(some()), tmp_path / "a.pth")), some())


def test_the_tensors_of_a_file_stay_on_the_disk(tmp_path: Path) -> None:
    path = save({"a": torch.zeros(1000), "b": torch.ones(1000)}, tmp_path / "a.pth")
    state = read_state(path)
    with path.open("r+b") as file:
        content = file.read()
        at = content.index(torch.ones(1000).numpy().tobytes())
        file.seek(at)
        file.write(torch.full((1000,), 2.0).numpy().tobytes())
    assert state["b"][0] == 2


class Trap:
    """Unpickling it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("kind", ["zip", "old", "bare 2", "bare 4", "beside tensors", "beside old tensors"])
def test_code_is_named_and_never_run(tmp_path: Path, kind: str) -> None:
    sprung = tmp_path / "sprung"
    path = tmp_path / "a.pth"
    if kind.startswith("bare"):
        path.write_bytes(pickle.dumps(Trap(sprung), protocol=int(kind[-1])))
    else:
        content = {**some(), "extra": Trap(sprung)} if "tensors" in kind else Trap(sprung)
        save(content, path, old="old" in kind)
    message = refused(path)
    assert f"wants to run '{os.mkdir.__module__}.mkdir'" in message
    assert not sprung.exists()
    if kind.startswith("bare"):
        pickle.loads(path.read_bytes())
        assert sprung.exists(), "the trap itself does not work"


def test_a_harmless_object_is_refused_too(tmp_path: Path) -> None:
    path = save({"state_dict": some(), "args": random.Random}, tmp_path / "a.pth")
    assert "wants to run 'random.Random'" in refused(path)
    assert "save the state dict alone" in refused(path)


def zipped(path: Path, entries: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def test_a_compressed_archive_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(save({"a": torch.zeros(10**6)}, tmp_path / "a.pth")) as archive:
        entries = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    bomb = zipped(tmp_path / "bomb.pth", entries, zipfile.ZIP_DEFLATED)
    assert bomb.stat().st_size < 10**5
    assert "it is a compressed archive, which torch.save never writes" in refused(bomb)


def test_an_archive_that_declares_more_than_it_has_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.pth", {"archive/data.pkl": b"", "archive/data/0": b"12345678"})
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\x01\x02")  # the last entry of the directory at the end
    content[at + 20 : at + 28] = struct.pack("<II", 2**31, 2**31)
    path.write_bytes(content)
    assert f"it declares 2,147,483,648 bytes of content and has {len(content)} in all" in refused(path)


@pytest.mark.parametrize("old", [False, True], ids=["zip", "old"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(tmp_path: Path, old: bool, share: float) -> None:
    path = save({"a": torch.randn(1000)}, tmp_path / "a.pth", old=old)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    message = refused(path)
    assert "is broken" in message or "is neither a safetensors file nor one that torch.save wrote" in message


@pytest.mark.parametrize("size", [9, 20, 200, -1])
def test_a_truncated_safetensors_file_is_refused(tmp_path: Path, size: int) -> None:
    save_file({"a": torch.randn(1000)}, tmp_path / "a.safetensors")
    (tmp_path / "a.safetensors").write_bytes((tmp_path / "a.safetensors").read_bytes()[:size])
    assert "is a broken safetensors file" in refused(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is neither a safetensors file nor one that torch.save wrote"),
        (b"weights", "is neither"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "is neither"),
        (b"PK\x03\x04", "is broken: its end is missing, or it is no archive"),
        (b"\x80", "is broken"),
        (b"\x80\x02" + bytes(100), "is refused: its pickle holds something else than tensors"),
        (bytes(8) + b"{", "is a broken safetensors file"),
        (b"\xff" * 8 + b"{}", "is a broken safetensors file"),
    ],
)
def test_what_is_no_file_of_tensors(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "a.pth"
    path.write_bytes(content)
    assert expected in refused(path)


def test_an_archive_without_tensors(tmp_path: Path) -> None:
    assert "is broken" in refused(zipped(tmp_path / "a.pth", {"notes.txt": b"hello"}))


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    assert "cannot read" in refused(tmp_path / "nowhere.pth")
    assert "cannot read" in refused(tmp_path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([], "holds a list, not tensors by their names"),
        ({}, "holds a dict, not tensors by their names"),
        (torch.zeros(3), "holds a Tensor, not tensors by their names"),
        ({"a": torch.zeros(3), "epoch": 5}, "holds a int under 'epoch': expected tensors and nothing else"),
        ({3: torch.zeros(3)}, "holds a Tensor under 3: expected tensors and nothing else"),
        ({"a": torch.zeros(1).expand(10**6, 10**6)}, "'a' claims 4,000,000,000,000 bytes, the file has 4 of it"),
        ({"a": torch.zeros(3, 3).to_sparse()}, "tensor 'a' is torch.sparse_coo on the cpu device: expected plain"),
        ({"a": torch.zeros(3, device="meta")}, "tensor 'a' is torch.strided on the meta device: expected plain"),
    ],
    ids=["list", "empty", "tensor", "number", "name", "expanded", "sparse", "meta"],
)
def test_other_content_is_refused(tmp_path: Path, content: object, expected: str) -> None:
    assert expected in refused(save(content, tmp_path / "a.pth"))


def test_a_quantised_tensor_is_refused(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch is about to drop them
        path = save({"a": torch.quantize_per_tensor(torch.zeros(3), 0.1, 0, torch.qint8)}, tmp_path / "a.pth")
    assert "a" in refused(path)


@pytest.mark.parametrize("kind", ["zip", "old", "safetensors"])
def test_damage_anywhere_is_a_line_or_other_numbers(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.pth"
    if kind == "safetensors":
        save_file(some(), path)
    else:
        save(some(), path, old=kind == "old")
    content = path.read_bytes()
    chance = random.Random(0)
    for _ in range(300):
        damaged = bytearray(content)
        for _ in range(chance.choice([1, 1, 2, 8])):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path.write_bytes(damaged)
        told = ""
        try:
            read_state(path)
        except UsageError as error:
            told = str(error)
        assert "\n" not in told


def test_an_old_file_with_a_storage_larger_than_itself(tmp_path: Path) -> None:
    path = save({"a": torch.zeros(1000)}, tmp_path / "a.pth", old=True)
    content = path.read_bytes()
    huge = content.replace(b"M\xe8\x03", b"\x8a\x05" + (2**36).to_bytes(5, "little"))  # pickled 1000, as a long
    assert huge != content
    path.write_bytes(huge)
    assert "is broken, or no file of tensors" in refused(path)
