"""The one door to batches, whatever the images are."""

from typing import Any

from classicnets.data.batches import Batches
from classicnets.data.folder_batches import FolderBatches
from classicnets.data.images import ImageArray, Images
from classicnets.data.mean_image import MeanImage
from classicnets.data.memory import MemoryBatches
from classicnets.data.statistics import ENOUGH_FOR_A_MEAN, ENOUGH_FOR_COLOURS, some, statistics
from classicnets.data.transforms import Augmentation, Preprocessing
from classicnets.data.unreadable import Skipped


def batches(
    images: Images,
    preprocessing: Preprocessing,
    *,
    batch_size: int,
    augmentation: Augmentation | None = None,
    shuffle: bool = False,
    seed: int = 0,
    workers: int | None = None,
    skipped: Skipped | None = None,
) -> Batches:
    """Batches of ``images`` as a network takes them.

    Args:
        images: in memory or in files.
        preprocessing: how an image becomes the input.
        batch_size: images in each batch but the last.
        augmentation: what training does at random; None for a test. Principal colours that it asks for are computed
            from these images.
        shuffle: a new order each epoch instead of the data set's.
        seed: decides the order and, with the epoch and an image's index, what is drawn for the image.
        workers: processes that decode files, None for one a usable core, 0 for none. Images in memory need none.
        skipped: where images that cannot be read are counted and listed, which are skipped then; None stops at the
            first with an `UnreadableImage`.
    """
    if augmentation is not None:
        augmentation = with_figures(augmentation, images, preprocessing, workers=workers, skipped=skipped)
    if isinstance(images, ImageArray):
        return MemoryBatches(
            images, preprocessing, batch_size=batch_size, augmentation=augmentation, shuffle=shuffle, seed=seed
        )
    return FolderBatches(
        images,
        preprocessing,
        batch_size=batch_size,
        augmentation=augmentation,
        shuffle=shuffle,
        seed=seed,
        workers=workers,
        skipped=skipped,
    )


def with_figures(
    augmentation: Augmentation,
    images: Images,
    preprocessing: Preprocessing,
    *,
    workers: int | None = None,
    skipped: Skipped | None = None,
) -> Augmentation:
    """The augmentation with the principal colours of ``images`` in place where it asks for them; see `batches`."""
    lighting = augmentation.lighting
    if lighting is None or lighting.colours != "data" or lighting.figures or preprocessing.channels == 1:
        return augmentation
    plain = preprocessing.model_copy(update={"mean_image": None})
    sample = batches(some(images, ENOUGH_FOR_COLOURS), plain, batch_size=256, workers=workers, skipped=skipped)
    found = lighting.model_copy(update={"figures": statistics(sample).colours})
    return augmentation.model_copy(update={"lighting": found})


def with_mean_image(
    preprocessing: Preprocessing, images: Images, *, workers: int | None = None, skipped: Skipped | None = None
) -> Preprocessing:
    """The preprocessing with the mean of ``images`` in place where it asks for it.

    All images in memory count; of those in files a sample of 10,000, the same one each time, whose mean is off by less
    than a level of 255. ``mean`` becomes the mean of the mean image, for who wants a value a channel.

    Args:
        preprocessing: whose ``mean_image`` may be ``input`` or ``square``.
        images: to learn from.
        workers: see `batches`.
        skipped: see `batches`.
    """
    if preprocessing.mean_image not in ("input", "square"):
        return preprocessing
    changes: dict[str, Any] = {"mean_image": None}
    if preprocessing.mean_image == "square":
        changes["size"] = (preprocessing.side, preprocessing.side)
    sample = images if isinstance(images, ImageArray) else some(images, ENOUGH_FOR_A_MEAN)
    plain = preprocessing.model_copy(update=changes)
    found = statistics(batches(sample, plain, batch_size=256, workers=workers, skipped=skipped)).mean_image
    if preprocessing.channel_order == "bgr":
        found = found[..., ::-1]
    mean = tuple(float(value) for value in found.mean(axis=(0, 1)))
    return preprocessing.model_copy(update={"mean_image": MeanImage.of(found), "mean": mean})
