"""The report of a run: one HTML file with what came out, how it went and what it was made with."""

import importlib.metadata
import importlib.resources
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

import classicnets
from classicnets.files import write_text
from classicnets.training import report_figures, report_tables
from classicnets.web.pictures import as_source
from classicnets.web.plotting import javascript
from classicnets.web.templates import fill

IMAGE_SIDE = 96  # the longest side of an image on the sheet, in pixels of the page
WORST_CLASSES = 20  # rows of the table of classes that stand open; the others fold away


@dataclass(frozen=True, kw_only=True)
class ShownImage:
    """One test image on the sheet.

    Attributes:
        pixels: uint8, (height, width, channels), channels 1 or 3, as the network saw it before normalisation.
        label: the true class.
        predicted: the class the network said.
        probability: of the predicted class, from 0 to 1.
    """

    pixels: npt.NDArray[np.uint8]
    label: int
    predicted: int
    probability: float


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a run's report tells.

    Attributes:
        title: what was trained on what, "lenet5 on digits".
        classes: the names of the classes; a label is a position in it.
        history: one entry an epoch with any of epoch (from 1), step, learning_rate, train_loss, train_error (percent),
            test_loss, test_error (percent), test_error_top5 (percent), images_per_second and seconds.
        result: any of images, top1_error, top5_error, interval_low, interval_high (these four in percent), parameters
            and seconds.
        reported: what the paper reported, a line each; may be empty.
        confusion: images, (classes, classes), rows true and columns predicted.
        right: test images that were named right.
        wrong: test images that were named wrong; may be empty.
        recipe: the complete recipe, YAML.
        environment: what the run was made with, see `environment`.

    Raises:
        ValueError: the confusion matrix does not have a row and a column for each class.
    """

    title: str
    classes: tuple[str, ...]
    history: tuple[Mapping[str, float], ...]
    result: Mapping[str, float | int]
    reported: tuple[str, ...]
    confusion: npt.NDArray[np.int64]
    right: tuple[ShownImage, ...]
    wrong: tuple[ShownImage, ...]
    recipe: str
    environment: Mapping[str, str]

    def __post_init__(self) -> None:
        expected = (len(self.classes), len(self.classes))
        if self.confusion.shape != expected:
            raise ValueError(
                f"a confusion matrix of shape {self.confusion.shape} for {len(self.classes)} classes; "
                f"give one of shape {expected}"
            )


def write_report(path: Path, report: Report) -> None:
    """Write ``report`` as one HTML file that needs no network.

    Raises:
        UsageError: the file could not be written; the former content of ``path`` survives.
    """
    classes = report_tables.class_rows(report.confusion, report.classes)
    write_text(
        path,
        fill(
            "classicnets.training",
            "report.html",
            report=report,
            error=report_tables.percent(report.result["top1_error"]) if "top1_error" in report.result else None,
            facts=report_tables.facts(report.result, report.confusion, len(report.history)),
            curves=report_figures.curves(report.history),
            epochs=report_tables.epoch_table(report.history),
            confusion=report_figures.confusion_matrix(report.confusion, report.classes),
            pairs=report_tables.pair_rows(report.confusion, report.classes),
            worst_classes=classes[:WORST_CLASSES],
            other_classes=classes[WORST_CLASSES:],
            largest_error=classes[0].error,
            wrong=[_picture(image, report.classes) for image in report.wrong],
            right=[_picture(image, report.classes) for image in report.right],
            javascript=javascript(),
        ),
    )


@dataclass(frozen=True, kw_only=True)
class _Picture:
    source: str  # a data URI
    width: int  # in pixels of the page
    height: int
    small: bool  # whether it is magnified
    caption: str


def _picture(image: ShownImage, classes: Sequence[str]) -> _Picture:
    pixels = image.pixels[:, :, 0] if image.pixels.shape[2] == 1 else image.pixels
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    if max(picture.size) > IMAGE_SIDE:
        picture.thumbnail((IMAGE_SIDE, IMAGE_SIDE))
        # A thumbnail need not hold each pixel's exact colour, and a page of many should stay small.
        picture = picture.quantize()
    # A whole number, so that every pixel of a small image becomes a square of the same size.
    magnified = max(1, IMAGE_SIDE // max(picture.size))
    return _Picture(
        source=as_source(picture),
        width=picture.width * magnified,
        height=picture.height * magnified,
        small=magnified > 1,
        caption=f"true: {classes[image.label]}, said: {classes[image.predicted]} ({image.probability:.0%})",
    )


def environment() -> dict[str, str]:
    """What a run on this machine is made with: versions of the libraries, processor, threads, fast precisions."""
    processor, flags = _processor()
    found = {
        "classicnets": classicnets.__version__,
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in ("torch", "lightning", "numpy")},
        "platform": platform.platform(),
        "processor": processor,
        "cores": str(os.cpu_count()),
        "threads": str(torch.get_num_threads()),
        "precision support": ", ".join(_precisions(flags)),
    }
    if torch.cuda.is_available():
        devices = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
        found["accelerators"] = ", ".join(devices)
    return found


def _processor() -> tuple[str, frozenset[str]]:
    """The processor's name and the instruction sets it names; Linux alone tells both."""
    file = Path("/proc/cpuinfo")
    said: dict[str, str] = {}
    if file.exists():
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            said.setdefault(key.strip(), value.strip())
    name = said.get("model name") or platform.processor() or platform.machine()
    return name, frozenset(said.get("flags", said.get("Features", "")).split())


# What the processor computes in hardware, by the names Linux gives the instruction sets on x86 and on ARM.
_FAST_PRECISIONS = {
    "bfloat16": {"avx512_bf16", "amx_bf16", "bf16"},
    "float16": {"avx512_fp16", "amx_fp16", "asimdhp"},
    "int8": {"avx512_vnni", "avx_vnni", "amx_int8", "i8mm"},
}


def _precisions(flags: frozenset[str]) -> list[str]:
    found = [
        f"{precision} ({', '.join(sorted(names & flags))})"
        for precision, names in _FAST_PRECISIONS.items()
        if names & flags
    ]
    return ["float32", *found]
