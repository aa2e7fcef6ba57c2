"""Batches from memory, against the same images made one at a time."""

from typing import Any

import numpy as np
import pytest
import torch

from classicnets.data.batches import Batch, normalise
from classicnets.data.images import ImageArray
from classicnets.data.memory import MemoryBatches
from classicnets.data.pixels import augment, preprocess
from classicnets.data.transforms import Augmentation, Preprocessing, draw

COUNT = 23
FIGURES: dict[int, dict[str, Any]] = {
    1: {"channels": 1, "mean": (0.3,), "std": (0.4,)},
    3: {"channels": 3, "mean": (0.4, 0.5, 0.6), "std": (0.2, 0.25, 0.3)},
}
AUGMENTATIONS = {
    "none": None,
    "pad": Augmentation(pad=4),
    "flip": Augmentation(flip=True),
    "pad and flip": Augmentation(pad=2, flip=True),
    "area": Augmentation(random_area=(0.2, 1.0)),
    "all": Augmentation(random_area=(0.2, 1.0), pad=1, flip=True),
}
PREPROCESSINGS: dict[str, dict[str, Any]] = {
    "as they are": {"size": (12, 10), "fit": "stretch"},
    "stretched": {"size": (9, 16), "fit": "stretch"},
    "cropped": {"size": (8, 8), "resize": 9},
    "padded": {"size": (14, 15), "fit": "pad", "resize": 13},
}


def images(channels: int = 3) -> ImageArray:
    pixels = torch.randint(0, 256, (COUNT, 12, 10, channels), dtype=torch.uint8, generator=torch.manual_seed(1))
    return ImageArray(pixels=pixels, labels=np.arange(COUNT) % 4)


def everything(batches: MemoryBatches) -> Batch:
    return Batch(*(torch.cat(parts) for parts in zip(*batches, strict=True)))


@pytest.mark.parametrize(("given", "wanted"), [(1, 1), (3, 3), (1, 3), (3, 1)])
@pytest.mark.parametrize("fit", PREPROCESSINGS)
@pytest.mark.parametrize("kind", AUGMENTATIONS)
def test_a_batch_is_what_single_images_give(kind: str, fit: str, given: int, wanted: int) -> None:
    data, augmentation = images(given), AUGMENTATIONS[kind]
    preprocessing = Preprocessing(**PREPROCESSINGS[fit], **FIGURES[wanted])
    batches = MemoryBatches(data, preprocessing, batch_size=5, augmentation=augmentation, shuffle=True, seed=3)
    batches.epoch = 2
    for got, labels, indices in batches:
        expected = []
        for index in indices:
            if augmentation is None:
                expected.append(preprocess(data.pixels[index], preprocessing))
            else:
                choice = draw(augmentation, 3, 2, index[None].numpy()).choice(0)
                expected.append(augment(data.pixels[index], preprocessing, augmentation, choice))
        assert torch.equal(got, normalise(torch.stack(expected), preprocessing))
        assert labels.tolist() == data.labels[indices].tolist()


def cifar_like(batch_size: int = 5, seed: int = 0, *, shuffle: bool = True) -> MemoryBatches:
    preprocessing = Preprocessing(size=(12, 10), fit="stretch", **FIGURES[3])
    augmentation = Augmentation(pad=4, flip=True)
    return MemoryBatches(
        images(), preprocessing, batch_size=batch_size, augmentation=augmentation, shuffle=shuffle, seed=seed
    )


@pytest.mark.parametrize("kind", AUGMENTATIONS)
def test_an_epoch_goes_on_from_any_batch(kind: str) -> None:
    preprocessing = Preprocessing(size=(12, 10), fit="stretch", **FIGURES[3])
    batches = MemoryBatches(images(), preprocessing, batch_size=5, augmentation=AUGMENTATIONS[kind], shuffle=True)
    batches.epoch = 1
    whole = list(batches)
    for start in range(len(batches) + 1):
        batches.load_state_dict({"epoch": 1, "start": start})
        rest = list(batches)
        assert len(rest) == len(whole) - start
        for again, before in zip(rest, whole[start:], strict=True):
            assert all(map(torch.equal, again, before))


@pytest.mark.parametrize("batch_size", [1, 7, 23, 100])
def test_the_batch_size_changes_no_image(batch_size: int) -> None:
    for again, before in zip(everything(cifar_like(batch_size)), everything(cifar_like()), strict=True):
        assert torch.equal(again, before)


def test_an_epoch_holds_every_image_once() -> None:
    batches = cifar_like()
    assert len(batches) == 5
    assert [len(batch.labels) for batch in batches] == [5, 5, 5, 5, 3]
    assert sorted(everything(batches).indices.tolist()) == list(range(COUNT))


def test_without_shuffling_the_order_is_the_data_sets() -> None:
    assert everything(cifar_like(shuffle=False)).indices.tolist() == list(range(COUNT))


def test_seed_and_epoch_change_order_and_images() -> None:
    first, other_seed, later = cifar_like(), cifar_like(seed=1), cifar_like()
    later.epoch = 1
    for other in (other_seed, later):
        assert everything(other).indices.tolist() != everything(first).indices.tolist()
    in_order, later_in_order = cifar_like(shuffle=False), cifar_like(shuffle=False)
    later_in_order.epoch = 1
    assert not torch.equal(everything(in_order).images, everything(later_in_order).images)


def test_iterating_moves_neither_epoch_nor_start() -> None:
    batches = cifar_like()
    batches.load_state_dict({"epoch": 4, "start": 2})
    list(batches)
    assert batches.state_dict() == {"epoch": 4, "start": 2}


@pytest.mark.parametrize("augmentation", [None, Augmentation(pad=4, flip=True)])
def test_a_batch_is_its_owners_to_change(augmentation: Augmentation | None) -> None:
    data = images()
    before = data.pixels.clone()
    preprocessing = Preprocessing(size=(12, 10), fit="stretch", **FIGURES[3])
    batches = MemoryBatches(data, preprocessing, batch_size=4, augmentation=augmentation)
    kept = [batch.images for batch in batches]
    copies = [batch.clone() for batch in kept]
    for batch in batches:
        batch.images.zero_()
    assert all(map(torch.equal, kept, copies))
    assert torch.equal(data.pixels, before)
    assert all(map(torch.equal, [batch.images for batch in batches], copies))


def test_images_are_float32_and_channels_last() -> None:
    batch = next(iter(cifar_like()))
    assert batch.images.shape == (5, 3, 12, 10)
    assert batch.images.dtype == torch.float32
    assert batch.images.is_contiguous(memory_format=torch.channels_last)
    assert batch.labels.dtype == batch.indices.dtype == torch.int64


def test_the_number_of_threads_is_left_as_it_was() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        for _ in cifar_like():
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("kind", AUGMENTATIONS)
def test_batches_obey_the_order_of_channels(kind: str) -> None:
    figures = FIGURES[3]
    reverse = {"mean": figures["mean"][::-1], "std": figures["std"][::-1], "channel_order": "bgr"}
    one, other = (
        everything(
            MemoryBatches(
                images(),
                Preprocessing(**PREPROCESSINGS["cropped"] | figures | changes),
                batch_size=5,
                augmentation=AUGMENTATIONS[kind],
            )
        )
        for changes in ({}, reverse)
    )
    assert torch.equal(one.images.flip(1), other.images)
