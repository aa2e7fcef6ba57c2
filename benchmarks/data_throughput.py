"""How many images a second the pipelines deliver, against Pillow and PyTorch's DataLoader in the same run.

In memory: CIFAR-10, padded crop, flip, normalise, batches of 128; against a dataset that does the same image by image
with Pillow, in a DataLoader with two workers. In files: JPEGs of two photographs in several sizes, decode, random part
resized to 224x224, flip, normalise; one thread in one process on each side, so the figures are per core.

Both sides end with float32 batches of the same shapes. They take turns within a round, a round's ratio is taken of its
own two figures, and the table shows medians over the rounds.

    python benchmarks/data_throughput.py --data-dir DATA --json throughput.json
"""

import itertools
import json
import math
import platform
import random
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import PIL
import simplejpeg
import torch
import typer
from PIL import Image, ImageOps
from rich.console import Console
from rich.table import Table
from torch.utils.data import DataLoader, Dataset

from classicnets.data.batches import Batches
from classicnets.data.folder_batches import usable_cores
from classicnets.data.images import ImageArray, ImageFiles
from classicnets.data.pipeline import batches
from classicnets.data.sets import open_data
from classicnets.data.transforms import Augmentation, Preprocessing
from classicnets.errors import UsageError
from classicnets.files import write_text

CIFAR = Preprocessing(size=(32, 32), mean=(0.4914, 0.4822, 0.4465), std=(0.2470, 0.2435, 0.2616))
CIFAR_AUGMENTATION = Augmentation(pad=4, flip=True)
CIFAR_BATCH = 128
PLAIN_WORKERS = 2

PHOTOGRAPHS = Preprocessing(size=(224, 224), resize=256, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
PHOTOGRAPH_AUGMENTATION = Augmentation(random_area=(0.08, 1.0), flip=True)
PHOTOGRAPH_BATCH = 32
PHOTOGRAPH_SIZES = ((320, 240), (500, 375), (1000, 750))  # width, height
COPIES = 64  # files of each photograph, so that a pass does not read one file over and over

WARM_UP = 8  # batches before the clock runs: workers start, memory is mapped

Epochs = Iterator[Iterable[Any]]
Result = dict[str, Any]

console = Console()


class PlainFinish:
    """What both plain sides end with: an image, flipped one time in two, as normalised float32."""

    def __init__(self, preprocessing: Preprocessing) -> None:
        self._mean = torch.tensor(preprocessing.mean).view(-1, 1, 1)
        self._std = torch.tensor(preprocessing.std).view(-1, 1, 1)

    def __call__(self, image: Image.Image) -> torch.Tensor:
        if random.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        planes = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()  # channels, height, width
        return planes.to(torch.float32).div_(255).sub_(self._mean).div_(self._std)


class PlainMemory(Dataset[tuple[torch.Tensor, int]]):
    """An array of images, each padded, cropped, flipped and normalised on its own with Pillow."""

    def __init__(self, images: ImageArray) -> None:
        self._pixels = images.pixels.numpy()
        self._labels = images.labels
        self._finish = PlainFinish(CIFAR)

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        pad = CIFAR_AUGMENTATION.pad
        height, width = CIFAR.size
        image = ImageOps.expand(Image.fromarray(self._pixels[index]), pad)
        left, top = random.randint(0, 2 * pad), random.randint(0, 2 * pad)
        image = image.crop((left, top, left + width, top + height))
        return self._finish(image), int(self._labels[index])


class PlainFiles(Dataset[tuple[torch.Tensor, int]]):
    """Image files, each opened, cut, resized, flipped and normalised on its own with Pillow."""

    def __init__(self, images: ImageFiles) -> None:
        self._images = images
        self._finish = PlainFinish(PHOTOGRAPHS)

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        with Image.open(self._images.paths[index]) as file:
            image = file.convert("RGB")
        height, width = PHOTOGRAPHS.size
        image = image.crop(plain_part(image.width, image.height)).resize((width, height), Image.Resampling.BILINEAR)
        return self._finish(image), int(self._images.labels[index])


def plain_part(width: int, height: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a random part."""
    smallest, largest = PHOTOGRAPH_AUGMENTATION.random_area or (1.0, 1.0)
    narrow, wide = PHOTOGRAPH_AUGMENTATION.aspect
    area = random.uniform(smallest, largest) * width * height
    aspect = math.exp(random.uniform(math.log(narrow), math.log(wide)))
    part_width, part_height = min(width, round(math.sqrt(area * aspect))), min(height, round(math.sqrt(area / aspect)))
    left, top = random.randint(0, width - part_width), random.randint(0, height - part_height)
    return left, top, left + part_width, top + part_height


def epochs_of(source: Batches) -> Epochs:
    """Epoch after epoch of our batches."""
    while True:
        yield source
        source.epoch += 1


def images_per_second(epochs: Epochs, *, seconds: float) -> float:
    """The rate at which ``epochs`` deliver, for about ``seconds`` once the start-up is over."""
    labels = (batch[1] for epoch in epochs for batch in epoch)
    for _ in range(WARM_UP):
        next(labels)
    count, elapsed, start = 0, 0.0, time.perf_counter()
    while elapsed < seconds:
        count += len(next(labels))
        elapsed = time.perf_counter() - start
    return count / elapsed


def compare(title: str, ours: Batches, plain: DataLoader[Any], *, seconds: float, rounds: int) -> Result:
    """Medians over ``rounds`` in which both sides take turns."""
    rates = []
    for at in range(rounds):
        with console.status(f"{title}: round {at + 1} of {rounds}"):
            own = images_per_second(epochs_of(ours), seconds=seconds)
            other = images_per_second(itertools.repeat(plain), seconds=seconds)
        rates.append((own, other))
    return {
        "pipeline": title,
        "images_per_second": statistics.median(own for own, _ in rates),
        "plain_images_per_second": statistics.median(other for _, other in rates),
        "ratio": statistics.median(own / other for own, other in rates),
        "rounds": rates,
    }


def compare_memory(data_dir: Path | None, *, seconds: float, rounds: int) -> Result:
    """CIFAR-10 held in memory.

    Raises:
        UsageError: the set is not in ``data_dir``.
    """
    images = open_data("cifar10", data_dir=data_dir).train
    assert isinstance(images, ImageArray)
    ours = batches(images, CIFAR, batch_size=CIFAR_BATCH, augmentation=CIFAR_AUGMENTATION, shuffle=True)
    plain = DataLoader(
        PlainMemory(images),
        batch_size=CIFAR_BATCH,
        shuffle=True,
        num_workers=PLAIN_WORKERS,
        persistent_workers=True,
    )
    return compare("memory, CIFAR-10", ours, plain, seconds=seconds, rounds=rounds)


def compare_files(size: tuple[int, int], *, seconds: float, rounds: int) -> Result:
    """JPEGs of ``size`` (width, height), one thread in one process on each side."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            images = write_photographs(Path(folder), size)
            ours = batches(
                images,
                PHOTOGRAPHS,
                batch_size=PHOTOGRAPH_BATCH,
                augmentation=PHOTOGRAPH_AUGMENTATION,
                shuffle=True,
                workers=0,
            )
            plain = DataLoader(PlainFiles(images), batch_size=PHOTOGRAPH_BATCH, shuffle=True)
            return compare(f"files, {size[0]}x{size[1]} JPEG", ours, plain, seconds=seconds, rounds=rounds)
    finally:
        torch.set_num_threads(threads)


def write_photographs(folder: Path, size: tuple[int, int]) -> ImageFiles:
    """Scikit-learn's two photographs as JPEGs of ``size``, `COPIES` times each."""
    originals = sorted(Path(str(files("sklearn") / "datasets" / "images")).glob("*.jpg"))
    paths = []
    for original in originals:
        with Image.open(original) as image:
            resized = image.resize(size, Image.Resampling.LANCZOS)
        for copy in range(COPIES):
            paths.append(folder / f"{original.stem}-{copy}.jpg")
            resized.save(paths[-1], quality=90)
    return ImageFiles(paths=tuple(paths), labels=np.repeat(np.arange(len(originals)), COPIES))


def machine() -> dict[str, str | int]:
    """What the figures were measured on."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": usable_cores(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "pillow": PIL.__version__,
        "simplejpeg": simplejpeg.__version__,
    }


def print_table(results: list[Result], described: dict[str, str | int]) -> None:
    """The medians as a table, and the machine below it."""
    table = Table(
        "pipeline", title="images a second, medians", caption=", ".join(f"{k} {v}" for k, v in described.items())
    )
    for heading in ("classicnets", "Pillow + DataLoader", "ratio"):
        table.add_column(heading, justify="right")
    for result in results:
        table.add_row(
            result["pipeline"],
            f"{result['images_per_second']:,.0f}",
            f"{result['plain_images_per_second']:,.0f}",
            f"{result['ratio']:.2f}",
        )
    console.print(table)


def main(
    data_dir: Annotated[Path | None, typer.Option(help="Where CIFAR-10 lies; without it, the user's cache.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")] = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long each side runs in a round.")] = 2.0,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds in which both sides take turns.")] = 5,
) -> None:
    """Compare the images a second of the pipelines with those of Pillow and PyTorch's DataLoader."""
    results = []
    try:
        results.append(compare_memory(data_dir, seconds=seconds, rounds=rounds))
    except UsageError as error:
        console.print(f"the pipeline in memory is left out: {error}", style="yellow", soft_wrap=True)
    results += [compare_files(size, seconds=seconds, rounds=rounds) for size in PHOTOGRAPH_SIZES]
    described = machine()
    print_table(results, described)
    if json_file is not None:
        write_text(json_file, json.dumps({"machine": described, "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    typer.run(main)
