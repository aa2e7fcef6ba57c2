"""Test a bundle on a data set."""

from collections.abc import Callable
from pathlib import Path

from classicnets.data.images import DataSet
from classicnets.data.local import absolute
from classicnets.data.pipeline import batches
from classicnets.data.sets import open_data
from classicnets.errors import UsageError
from classicnets.evaluation.counting import Evaluation, evaluate_network
from classicnets.weights.bundle import Bundle
from classicnets.weights.imagenet import class_folders, class_names


def evaluate(
    bundle: Bundle,
    data: str,
    *,
    data_dir: Path | None = None,
    seed: int = 0,
    batch_size: int = 256,
    workers: int | None = None,
    begin: Callable[[int], None] = lambda images: None,
    progress: Callable[[int], None] = lambda images: None,
) -> Evaluation:
    """Count the errors of a bundle on the test images of a data set, prepared as the bundle says.

    Args:
        bundle: the network with its classes and preprocessing.
        data: a data set's name, or ``folder:PATH``.
        data_dir: where data sets lie.
        seed: of the split, for a folder without a test part of its own that the bundle was trained on; all images of
            another such folder are tested.
        batch_size: images at a time; the result does not depend on it.
        workers: processes that read image files.
        begin: told the number of images before the first batch.
        progress: told the number of images after each batch.

    Raises:
        UsageError: no such data, or its classes are not the bundle's.
    """
    # A folder that the bundle learned from has only its held-out part to test on; any other one is all test.
    learned_from = bundle.training.get("data") == absolute(data)
    opened = open_data(data, data_dir=data_dir, seed=seed, hold_out=learned_from)
    must_know_classes(bundle, opened)
    test = batches(opened.test, bundle.preprocessing, batch_size=batch_size, workers=workers)
    begin(len(opened.test))
    return evaluate_network(bundle.network, test, bundle.classes, progress=progress)


def must_know_classes(bundle: Bundle, data: DataSet) -> None:
    """Make sure that the bundle's classes are the data's, in the same order.

    ImageNet's folders are called by numbers, which stand for the names of the classes.

    Raises:
        UsageError: they are not.
    """
    if len(bundle.classes) != len(data.classes):
        raise UsageError(
            f"the bundle tells {len(bundle.classes)} classes apart, but {data.name} has {len(data.classes)}:"
            " it was trained on other data"
        )
    if (bundle.classes, data.classes) == (class_names(), class_folders()):
        return
    for position, (own, given) in enumerate(zip(bundle.classes, data.classes, strict=True)):
        if own != given:
            raise UsageError(
                f"class {position} is {own!r} in the bundle and {given!r} in {data.name}: it was trained on other data"
            )
