"""What a finished run's report tells, gathered from its folder and its last test."""

import csv
from pathlib import Path

import numpy as np
import numpy.typing as npt

from classicnets import catalog
from classicnets.data.batches import Batches
from classicnets.evaluation.counting import Evaluation
from classicnets.papers import read_paper
from classicnets.training.recipe import Recipe, as_yaml
from classicnets.training.report import Report, ShownImage, environment, write_report
from classicnets.weights.bundle import Bundle

_SHOWN = 24  # images on each sheet


def write_summary(folder: Path, recipe: Recipe, kept: Bundle, test: Batches, evaluation: Evaluation) -> Path:
    """Write ``report.html`` into the run's folder and return its path.

    Args:
        folder: of the run, with its ``metrics.csv``.
        recipe: complete.
        kept: the run's bundle.
        test: the images that ``evaluation`` counted, in its order.
        evaluation: of the bundle.
    """
    with (folder / "metrics.csv").open(encoding="utf-8", newline="") as file:
        history = tuple({name: float(value) for name, value in row.items()} for row in csv.DictReader(file))
    low, high = evaluation.interval
    right = evaluation.predicted == evaluation.labels
    path = folder / "report.html"
    write_report(
        path,
        Report(
            title=f"{recipe.network} on {recipe.data}",
            classes=evaluation.classes,
            history=history,
            result={
                "images": evaluation.images,
                "top1_error": evaluation.top1_error,
                "top5_error": evaluation.top5_error,
                "interval_low": low,
                "interval_high": high,
                "parameters": sum(parameter.numel() for parameter in kept.network.parameters()),
                "seconds": history[-1]["seconds"],
            },
            reported=reported_lines(recipe.network),
            confusion=evaluation.confusion,
            right=_shown(np.flatnonzero(right), test, evaluation),
            wrong=_shown(np.flatnonzero(~right), test, evaluation),
            recipe=as_yaml(recipe),
            environment=environment(),
        ),
    )
    return path


def reported_lines(network: str) -> tuple[str, ...]:
    """What the network's paper reported, a line a result, with how it was tested."""
    facts = read_paper(catalog.find(network).family).facts(network)
    return tuple(
        f"{result.metric} {result.value:g}% on {result.data} ({result.protocol}), {result.certainty}"
        for result in facts.reported
    )


def _shown(candidates: npt.NDArray[np.int64], test: Batches, evaluation: Evaluation) -> tuple[ShownImage, ...]:
    # Evenly spread over the test set, so that a sorted set shows more than its first class.
    chosen = candidates[np.linspace(0, len(candidates) - 1, min(_SHOWN, len(candidates))).astype(np.int64)]
    if not len(chosen):
        return ()
    pixels = test.pixels(chosen).numpy()
    return tuple(
        ShownImage(
            pixels=image,
            label=int(evaluation.labels[index]),
            predicted=int(evaluation.predicted[index]),
            probability=float(evaluation.probability[index]),
        )
        for index, image in zip(chosen, pixels, strict=True)
    )
