"""The report of a run: one HTML file with what came out, how it went and what it was made with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from classicnets.files import write_text
from classicnets.training.report import tables
from classicnets.training.report.confusion import confusion_matrix
from classicnets.training.report.curves import epoch_curves, step_curves
from classicnets.training.report.gradient_strip import gradient_strip
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
class LastTest:
    """What the last test of a network came to, image by image.

    Attributes:
        classes: the names of the classes; a label is a position in it.
        confusion: images, (classes, classes), rows true and columns predicted.
        right: test images that were named right.
        wrong: test images that were named wrong; may be empty.

    Raises:
        ValueError: the confusion matrix does not have a row and a column for each class.
    """

    classes: tuple[str, ...]
    confusion: npt.NDArray[np.int64]
    right: tuple[ShownImage, ...]
    wrong: tuple[ShownImage, ...]

    def __post_init__(self) -> None:
        expected = (len(self.classes), len(self.classes))
        if self.confusion.shape != expected:
            raise ValueError(
                f"a confusion matrix of shape {self.confusion.shape} for {len(self.classes)} classes; "
                f"give one of shape {expected}"
            )


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a run's report tells.

    Attributes:
        title: what was trained on what, "lenet5 on digits".
        state: how far a run is that has not ended; empty for one that has.
        history: one entry an epoch with any of epoch (from 1), step, learning_rate, train_loss, train_error (percent),
            test_loss, test_error (percent), test_error_top5 (percent), images_per_second and seconds.
        steps: the lines of steps.csv, see `StepLine`; may be empty.
        gradients: the lines of gradients.csv: the step, and the norm of each row's gradient; may be empty.
        interruptions: steps after which the run was interrupted and gone on with.
        result: any of images, top1_error, top5_error, interval_low, interval_high (these four in percent), parameters
            and seconds.
        reported: what the paper reported, a line each; may be empty.
        tested: the last test; None where there was none for this report.
        recipe: the complete recipe, YAML.
        environment: what the run was made with, see `environment`.
    """

    title: str
    state: str = ""
    history: tuple[Mapping[str, float], ...]
    steps: tuple[Mapping[str, float], ...] = ()
    gradients: tuple[Mapping[str, float], ...] = ()
    interruptions: tuple[int, ...] = ()
    result: Mapping[str, float | int]
    reported: tuple[str, ...]
    tested: LastTest | None
    recipe: str
    environment: Mapping[str, str]


def write_report(path: Path, report: Report) -> None:
    """Write ``report`` as one HTML file that needs no network.

    Raises:
        UsageError: the file could not be written; the former content of ``path`` survives.
    """
    at = report.interruptions
    write_text(
        path,
        fill(
            "classicnets.training.report",
            "report.html",
            report=report,
            error=tables.percent(report.result["top1_error"]) if "top1_error" in report.result else None,
            facts=tables.facts(report.result, report.tested.confusion if report.tested else None, len(report.history)),
            more_facts=tables.step_facts(report.steps, at),
            curves=epoch_curves(report.history, steps_too=bool(report.steps)),
            step_curves=step_curves(report.steps, at),
            strip=gradient_strip(report.gradients, at) if report.gradients else None,
            epochs=tables.epoch_table(report.history),
            tested=_tested(report.tested) if report.tested else None,
            javascript=javascript(),
        ),
    )


def _tested(tested: LastTest) -> dict[str, Any]:
    """What the template takes of a test."""
    classes = tables.class_rows(tested.confusion, tested.classes)
    return {
        "confusion": confusion_matrix(tested.confusion, tested.classes),
        "pairs": tables.pair_rows(tested.confusion, tested.classes),
        "worst_classes": classes[:WORST_CLASSES],
        "other_classes": classes[WORST_CLASSES:],
        "largest_error": classes[0].error,
        "wrong": [_picture(image, tested.classes) for image in tested.wrong],
        "right": [_picture(image, tested.classes) for image in tested.right],
    }


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
