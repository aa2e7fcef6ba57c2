"""Bundles: saved whole or not at all, refused where they are damaged, and unable to run code."""

import json
import os
import pickle
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import classicnets as cn
from classicnets.data.transforms import Preprocessing
from classicnets.errors import UsageError
from classicnets.weights import bundle

PREPROCESSING = Preprocessing(channels=1, size=(32, 32), mean=(0.1,), std=(0.3,))
IMAGES = torch.randn(3, 1, 32, 32, generator=torch.manual_seed(0))


def lenet(seed: int = 0, epochs: int = 1, classes: str = "0123456789", **options: Any) -> bundle.Bundle:
    torch.manual_seed(seed)
    return bundle.Bundle(
        network=cn.create("lenet5_dense", num_classes=len(classes), **options).eval(),
        classes=tuple(classes),
        preprocessing=PREPROCESSING,
        training={"epochs": epochs},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    bundle.save(tmp_path / "bundle", lenet())
    return tmp_path / "bundle"


def refused(folder: Path) -> str:
    with pytest.raises(UsageError) as caught:
        bundle.load(folder)
    message = str(caught.value)
    assert "\n" not in message
    return message


def edit(folder: Path, **changes: object) -> None:
    path = folder / bundle.DESCRIPTION
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def same(left: bundle.Bundle, right: bundle.Bundle) -> bool:
    return left.training == right.training and torch.equal(left.network(IMAGES), right.network(IMAGES))


def test_a_bundle_is_two_files_that_say_all(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "model.safetensors"]
    description = json.loads((folder / "model.json").read_text())
    assert description["network"] == "lenet5_dense"
    assert description["classes"] == list("0123456789")
    assert description["preprocessing"]["mean"] == [0.1]
    assert description["tensors"]["C1.convolution.weight"] == [6, 1, 5, 5]
    assert set(description["versions"]) == {"classicnets", "torch", "safetensors"}


def test_options_classes_and_channels_come_back(tmp_path: Path) -> None:
    written = bundle.Bundle(
        network=cn.create("resnet8_cifar", num_classes=3, in_channels=1, shortcut="B").eval(),
        classes=("Ähre", 'say "b"', "c\nd"),
        preprocessing=PREPROCESSING,
        training={},
    )
    bundle.save(tmp_path, written)
    read = bundle.load(tmp_path)
    assert read.classes == written.classes
    assert read.network.options == {"shortcut": "B"}
    assert torch.equal(read.network(IMAGES), written.network(IMAGES))
    assert torch.equal(cn.load(str(tmp_path))(IMAGES), written.network(IMAGES))


def test_the_size_that_a_network_was_made_for_comes_back(tmp_path: Path) -> None:
    network = cn.create("vgg11", num_classes=2, input_size=(64, 96))
    preprocessing = Preprocessing(size=(64, 96), resize=96, mean=(0.5,) * 3, std=(0.5,) * 3)
    written = bundle.Bundle(network=network.eval(), classes=("a", "b"), preprocessing=preprocessing, training={})
    bundle.save(tmp_path, written)
    assert json.loads((tmp_path / "model.json").read_text())["input_size"] == [64, 96]
    read = bundle.load(tmp_path).network
    assert read.input_shape == (3, 64, 96)
    images = torch.randn(1, 3, 64, 96)
    torch.testing.assert_close(read(images), network(images))


def test_a_bundle_from_before_sizes_were_written_has_the_designs(folder: Path) -> None:
    path = folder / bundle.DESCRIPTION
    description = json.loads(path.read_text())
    del description["input_size"]
    path.write_text(json.dumps(description))
    assert same(bundle.load(folder), lenet())


def test_weights_in_channels_last_come_back(tmp_path: Path) -> None:
    written = lenet()
    expected = written.network(IMAGES)
    written.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch leaves it out
    bundle.save(tmp_path, written)
    assert torch.equal(bundle.load(tmp_path).network(IMAGES), expected)


def test_classes_that_are_not_the_networks_are_not_saved(tmp_path: Path) -> None:
    network = cn.create("lenet5", num_classes=4)
    wrong = bundle.Bundle(network=network, classes=("a", "b"), preprocessing=PREPROCESSING, training={})
    with pytest.raises(UsageError, match="2 class names for 4 classes of lenet5"):
        bundle.save(tmp_path / "bundle", wrong)
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", "Invalid JSON"),
        (b"{", "Invalid JSON"),
        (b"\xff\xfe{}", "Invalid JSON"),
        (b"[" * 200_000, "recursion limit exceeded"),
        (b'{"a":' * 200_000, "recursion limit exceeded"),
        (b'{"format": ' + b"1" * 5000 + b"}", "Invalid JSON"),
        (b"[]", "should be an object"),
        (b"{}", "'network': Field required"),
        (b'{"a\\nb": 1, "network": "lenet5"}', "Field required"),
    ],
    ids=["empty", "cut", "encoding", "deep list", "deep object", "huge number", "list", "nothing", "newline"],
)
def test_a_damaged_description_is_refused(folder: Path, text: bytes, expected: str) -> None:
    (folder / "model.json").write_bytes(text)
    message = refused(folder)
    assert expected in message
    assert "model.json" in message


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"format": 2}, "'format': Input should be 1"),
        ({"nonsense\nmore": 1}, "Extra inputs are not permitted"),
        ({"network": "lenet6"}, "no network 'lenet6'; did you mean lenet5"),
        ({"network": "os.system"}, "no network 'os.system'"),
        ({"network": "lenet5"}, "tensor 'S2.subsampling.coefficient' is missing, but lenet5 with 10 classes says"),
        ({"options": {"activation": "sigmoid"}}, "activation must be tanh or relu"),
        ({"options": {"activation": []}}, "activation must be tanh or relu"),
        ({"options": {"shortcut": "B"}}, "lenet5_dense has no option 'shortcut'"),
        ({"options": {"num_classes": 3}}, "num_classes is no option of a network"),
        ({"options": {"name": "lenet5"}}, "name is no option of a network"),
        ({"options": {"input_size": 3}}, "input_size is no option of a network"),
        ({"options": {"first_weights": "modern"}}, "first_weights is no option of a network"),
        ({"input_size": [32]}, "'input_size.1': Field required"),
        ({"input_size": [0, 32]}, "input_size must be a whole number of at least 1"),
        ({"input_size": [64, 64]}, "lenet5_dense with 10 classes says of shape"),
        ({"classes": list("abc")}, "lenet5_dense with 3 classes says of shape (3, 84)"),
        ({"classes": []}, "num_classes must be a whole number of at least 1"),
        ({"in_channels": 3}, "'C1.convolution.weight' is of shape (6, 1, 5, 5), but"),
        ({"in_channels": 0}, "in_channels must be a whole number of at least 1"),
        ({"tensors": {}}, "tensor 'C1.convolution.bias' is of shape (6,), but model.json says missing"),
        ({"preprocessing": {"size": [32, 32], "mean": [0], "std": [1]}}, "'preprocessing': Value error, mean and std"),
    ],
)
def test_a_description_that_disagrees_is_refused(folder: Path, changes: dict[str, object], expected: str) -> None:
    edit(folder, **changes)
    assert expected in refused(folder)


def test_a_bundle_of_other_options_is_refused(tmp_path: Path) -> None:
    network = cn.create("resnet8_cifar", in_channels=1, shortcut="B").eval()
    written = bundle.Bundle(network=network, classes=tuple("0123456789"), preprocessing=PREPROCESSING, training={})
    bundle.save(tmp_path, written)
    edit(tmp_path, options={"shortcut": "A"})
    assert (
        "tensor 'conv3_1.shortcut.norm.bias' is of shape (32,), but resnet8_cifar with 10 classes says missing"
        in refused(tmp_path)
    )


def test_a_huge_description_is_not_read(folder: Path) -> None:
    with (folder / "model.json").open("r+b") as file:
        file.truncate(2**40)
    assert "larger than" in refused(folder)


@pytest.mark.parametrize("size", [0, 4, 8, 100, 5000, -1])
def test_a_truncated_file_of_tensors_is_refused(folder: Path, size: int) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:size])
    assert f"{path} is not a safetensors file" in refused(folder)


def take(tensors: dict[str, torch.Tensor]) -> None:
    del tensors["F6.linear.bias"]


def add(tensors: dict[str, torch.Tensor]) -> None:
    tensors["F6.more"] = torch.zeros(2)


def reshape(tensors: dict[str, torch.Tensor]) -> None:
    tensors["F6.linear.bias"] = torch.zeros(83)


def round_off(tensors: dict[str, torch.Tensor]) -> None:
    tensors["F6.linear.bias"] = torch.zeros(84, dtype=torch.int64)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (take, "'F6.linear.bias' is missing, but lenet5_dense with 10 classes says of shape (84,)"),
        (add, "'F6.more' is of shape (2,), but lenet5_dense with 10 classes says missing"),
        (reshape, "'F6.linear.bias' is of shape (83,)"),
        (round_off, "'F6.linear.bias' holds torch.int64, but the network's is torch.float32"),
    ],
)
def test_other_tensors_than_the_networks_are_refused(
    folder: Path, spoil: Callable[[dict[str, torch.Tensor]], None], expected: str
) -> None:
    tensors = load_file(folder / "model.safetensors")
    spoil(tensors)
    save_file(tensors, folder / "model.safetensors")
    assert expected in refused(folder)


def test_what_is_no_bundle_is_refused(tmp_path: Path, folder: Path) -> None:
    assert "does not exist" in refused(tmp_path / "nowhere")
    assert f"is a run; its bundle is {folder}" in refused(folder.parent)
    (folder.parent / "empty").mkdir()
    assert "has no model.json" in refused(folder.parent / "empty")
    assert "cannot read the bundle" in refused(tmp_path / ("a" * 300))
    assert "is a file, not a bundle" in refused(folder / "model.json")
    (folder / "model.safetensors").unlink()
    assert "model.safetensors is missing: the bundle is incomplete" in refused(folder)


class Trap:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5, None])
@pytest.mark.parametrize("place", ["bundle", "model.safetensors", "model.json"])
def test_a_pickle_is_refused_and_never_run(folder: Path, place: str, protocol: int | None) -> None:
    sprung = folder.parent / "sprung"
    offered = folder.parent / "weights.pt" if place == "bundle" else folder / place
    if protocol is None:
        torch.save({"state": Trap(sprung)}, offered)
    else:
        offered.write_bytes(pickle.dumps(Trap(sprung), protocol=protocol))
    message = refused(offered if place == "bundle" else folder)
    assert place == "model.json" or "it looks like a pickle, which can run code and is never loaded" in message
    assert not sprung.exists()
    if protocol is not None:
        pickle.loads(offered.read_bytes())
        assert sprung.exists(), "the trap itself does not work"


@pytest.mark.parametrize("place", ["/proc/bundle", "/dev/null/bundle"])
def test_a_folder_that_cannot_be_written_is_named(place: str) -> None:
    with pytest.raises(UsageError, match=f"cannot write {place}/model.json") as caught:
        bundle.save(Path(place), lenet())
    assert "\n" not in str(caught.value)


def in_a_process(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    prelude = """
        import os, resource, signal, sys
        from pathlib import Path
        from classicnets import UsageError
        from classicnets.weights import bundle
        from tests.weights.test_bundle import lenet
        folder = Path(sys.argv[1])
    """
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(prelude) + textwrap.dedent(code), *map(str, arguments)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_full_disk_leaves_the_former_bundle(folder: Path) -> None:
    ended = in_a_process(
        """
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        try:
            bundle.save(folder, lenet(seed=1, epochs=2))
        except UsageError as error:
            print(error)
        """,
        folder,
    )
    assert ended.stderr == ""
    assert f"cannot write {folder}/model.safetensors" in ended.stdout
    assert "the former file is intact" in ended.stdout
    assert ended.stdout.count("\n") == 1
    assert same(bundle.load(folder), lenet())
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "model.safetensors"]


@pytest.mark.parametrize("renames", [0, 1, 2])
def test_a_save_killed_between_its_files_leaves_a_bundle_of_one_piece(folder: Path, renames: int) -> None:
    ended = in_a_process(
        """
        left = int(sys.argv[2])
        replace = Path.replace

        def replace_and_die(self, target):
            global left
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
            return replace(self, target)

        Path.replace = replace_and_die
        bundle.save(folder, lenet(seed=1, epochs=2, classes="abcdefghij"))
        """,
        folder,
        renames,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    read = bundle.load(folder)
    former, new = lenet(), lenet(seed=1, epochs=2, classes="abcdefghij")
    expected = new if renames == 2 else former
    assert read.classes == expected.classes
    assert same(read, expected)
    bundle.save(folder, lenet(seed=2, epochs=3))
    assert same(bundle.load(folder), lenet(seed=2, epochs=3))
    assert not (folder / "model.json.next").exists()


def test_a_description_mended_by_hand_is_taken(folder: Path) -> None:
    edit(folder, classes=["zero", *"123456789"])
    assert bundle.load(folder).classes[0] == "zero"
