"""Test a bundle on a data set."""

from collections.abc import Callable, Sequence
from pathlib import Path

from classicnets.data.images import DataSet, ImageArray, Images
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
    opened = _open([bundle], data, data_dir=data_dir, seeds=[seed])
    test = batches(opened.test, bundle.preprocessing, batch_size=batch_size, workers=workers)
    begin(len(opened.test))
    return evaluate_network(bundle.network, test, bundle.classes, progress=progress)


def open_to_test(bundles: Sequence[Bundle], data: str, *, data_dir: Path | None = None) -> DataSet:
    """The data set whose test images none of the bundles has learned from.

    A folder without a test part of its own is split as it was when a bundle was trained on it; one that none of them
    was trained on is all test.

    Args:
        bundles: one or more.
        data: a data set's name, or ``folder:PATH``.
        data_dir: where data sets lie.

    Raises:
        UsageError: no such data; a bundle's classes are others; or bundles were trained on different parts of it.
    """
    learned_from = [seed_of(bundle) for bundle in bundles if _learned_from(bundle, data)]
    return _open(bundles, data, data_dir=data_dir, seeds=learned_from or [0])


def seed_of(bundle: Bundle) -> int:
    """The seed that held images of a folder out when the bundle was trained.

    Raises:
        UsageError: what the bundle says is no number.
    """
    seed = bundle.training.get("seed", 0)
    if not isinstance(seed, int):
        raise UsageError(f"the bundle says that it was trained with seed {seed!r}, which is no whole number")
    return seed


def _open(bundles: Sequence[Bundle], data: str, *, data_dir: Path | None, seeds: Sequence[int]) -> DataSet:
    # A folder that a bundle learned from has only its held-out part to test on; any other one is all test.
    hold_out = any(_learned_from(bundle, data) for bundle in bundles)
    first, *others = (open_data(data, data_dir=data_dir, seed=seed, hold_out=hold_out) for seed in dict.fromkeys(seeds))
    for other in others:
        if not _same(first.test, other.test):
            raise UsageError(
                f"the bundles were trained on different parts of {data} (seeds {', '.join(map(str, seeds))}): there"
                " are no images that none has learned from; give --data"
            )
    for bundle in bundles:
        must_know_classes(bundle, first)
    return first


def _learned_from(bundle: Bundle, data: str) -> bool:
    return bundle.training.get("data") == absolute(data)


def _same(one: Images, other: Images) -> bool:
    """Whether two openings of one set have the same images in a part; sets in memory have one split only."""
    if isinstance(one, ImageArray) or isinstance(other, ImageArray):
        return True
    return len(one) == len(other) and all(one.place(at) == other.place(at) for at in range(len(one)))


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
