"""`save_as`: files that other libraries load."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import classicnets as cn
from classicnets.errors import UsageError
from classicnets.networks.chain import Chain
from classicnets.weights.exchange import export_state


def read(file: Path) -> dict[str, torch.Tensor]:
    if file.suffix == ".safetensors":
        return load_file(file)
    state: dict[str, torch.Tensor] = torch.load(file, weights_only=True)
    return state


@pytest.mark.parametrize("source", ["torchvision", "timm", "timm:resnet18"])
@pytest.mark.parametrize("suffix", [".pth", ".pt", ".safetensors"])
def test_a_file_holds_what_is_exported(tmp_path: Path, resnet18: Chain, source: str, suffix: str) -> None:
    file = tmp_path / "deeper" / f"a{suffix}"
    cn.save_as(source, resnet18, file if suffix == ".pth" else str(file))
    found, expected = read(file), export_state(source, resnet18)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    assert all(type(tensor) is torch.Tensor and not tensor.requires_grad for tensor in found.values())
    assert [path.name for path in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_there_and_back_is_the_same_file(tmp_path: Path, resnet18_file: Path, suffix: str) -> None:
    cn.save_as("timm", cn.load(f"torchvision:resnet18@{resnet18_file}"), tmp_path / f"a{suffix}")
    cn.save_as("torchvision", cn.load(f"timm:resnet18@{tmp_path / f'a{suffix}'}"), tmp_path / "b.pth")
    first, last = read(resnet18_file), read(tmp_path / "b.pth")
    assert first.keys() == last.keys()
    assert all(torch.equal(first[name], last[name]) for name in first)
    assert (tmp_path / "b.pth").stat().st_size == pytest.approx(resnet18_file.stat().st_size, rel=0.01)


def test_a_network_may_be_written_over_the_file_it_lives_in(tmp_path: Path, resnet18: Chain) -> None:
    file = tmp_path / "a.pth"
    cn.save_as("torchvision", resnet18, file)
    network = cn.load(f"torchvision:resnet18@{file}")
    cn.save_as("torchvision", network, file)
    expected = export_state("torchvision", resnet18)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in read(file).items())
    assert torch.equal(network.get_parameter("fc.weight"), resnet18.get_parameter("fc.weight"))


def test_weights_in_channels_last_are_written_plainly(tmp_path: Path, resnet18_file: Path) -> None:
    network = cn.load(f"torchvision:resnet18@{resnet18_file}")
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch leaves it out
    cn.save_as("torchvision", network, tmp_path / "a.pth")
    assert all(tensor.is_contiguous() for tensor in read(tmp_path / "a.pth").values())


def test_what_lies_beside_a_tensor_in_memory_is_not_written(tmp_path: Path, resnet18_file: Path) -> None:
    network = cn.load(f"torchvision:resnet18@{resnet18_file}")
    network.get_parameter("fc.weight").data = torch.randn(5000, 512)[:1000]
    cn.save_as("torchvision", network, tmp_path / "a.pth")
    assert (tmp_path / "a.pth").stat().st_size == pytest.approx(resnet18_file.stat().st_size, rel=0.01)


@pytest.mark.parametrize("name", ["a", "a.onnx", "a.h5", "a.pth.gz"])
def test_other_files_are_not_written(tmp_path: Path, resnet18: Chain, name: str) -> None:
    with pytest.raises(UsageError) as caught:
        cn.save_as("torchvision", resnet18, tmp_path / name)
    assert str(caught.value) == f"{tmp_path / name} must end in .pth or .pt or .safetensors"


def test_a_network_that_the_library_does_not_have_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="torchvision has no lenet5; known: alexnet_owt"):
        cn.save_as("torchvision", cn.create("lenet5"), tmp_path / "a.pth")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_named(resnet18: Chain) -> None:
    with pytest.raises(UsageError, match=r"cannot write /proc/a/b\.pth"):
        cn.save_as("torchvision", resnet18, "/proc/a/b.pth")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_full_disk_leaves_the_former_file(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"a{suffix}"
    file.write_bytes(b"former")
    code = """
        import resource, signal, sys
        import classicnets as cn
        network = cn.create("resnet18")
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
        try:
            cn.save_as("torchvision", network, sys.argv[1])
        except cn.UsageError as error:
            print(error)
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(file)], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout.startswith(f"cannot write {file}: ")
    assert ended.stdout.endswith("; the former file is intact\n")
    assert ended.stdout.count("\n") == 1
    assert file.read_bytes() == b"former"
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
