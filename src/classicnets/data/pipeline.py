"""The one door to batches, whatever the images are."""

from classicnets.data.batches import Batches
from classicnets.data.folder_batches import FolderBatches
from classicnets.data.images import ImageArray, Images
from classicnets.data.memory import MemoryBatches
from classicnets.data.statistics import ENOUGH_FOR_COLOURS, some, statistics
from classicnets.data.transforms import Augmentation, Preprocessing


def batches(
    images: Images,
    preprocessing: Preprocessing,
    *,
    batch_size: int,
    augmentation: Augmentation | None = None,
    shuffle: bool = False,
    seed: int = 0,
    workers: int | None = None,
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
    """
    if augmentation is not None:
        augmentation = with_figures(augmentation, images, preprocessing, workers=workers)
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
    )


def with_figures(
    augmentation: Augmentation, images: Images, preprocessing: Preprocessing, *, workers: int | None = None
) -> Augmentation:
    """The augmentation with the principal colours of ``images`` in place where it asks for them; see `batches`."""
    lighting = augmentation.lighting
    if lighting is None or lighting.colours != "data" or lighting.figures or preprocessing.channels == 1:
        return augmentation
    sample = batches(some(images, ENOUGH_FOR_COLOURS), preprocessing, batch_size=256, workers=workers)
    found = lighting.model_copy(update={"figures": statistics(sample).colours})
    return augmentation.model_copy(update={"lighting": found})
