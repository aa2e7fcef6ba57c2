"""Errors are counted exactly, each image once, and the interval is Wilson's."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from classicnets.data.images import ImageArray
from classicnets.data.pipeline import batches
from classicnets.data.transforms import Preprocessing
from classicnets.errors import UsageError
from classicnets.evaluation.counting import Z_95, Evaluation, evaluate_network, interval


@pytest.mark.parametrize(
    ("errors", "images", "low", "high"),
    [
        (0, 10, 0.0, 27.75328),  # z² / (n + z²)
        (1, 10, 1.78762, 40.41500),
        (5, 10, 23.65931, 76.34069),
        (10, 10, 72.24672, 100.0),
    ],
)
def test_interval_has_the_known_values(errors: int, images: int, low: float, high: float) -> None:
    assert interval(errors, images) == pytest.approx((low, high), abs=1e-4)


COUNTS = st.integers(1, 10**6).flatmap(lambda images: st.tuples(st.integers(0, images), st.just(images)))


@given(COUNTS)
def test_interval_holds_the_rate_and_is_symmetric(counts: tuple[int, int]) -> None:
    errors, images = counts
    low, high = interval(errors, images)
    assert 0 <= low <= 100 * errors / images <= high <= 100
    other_low, other_high = interval(images - errors, images)
    assert (100 - other_high, 100 - other_low) == pytest.approx((low, high), abs=1e-9)


@given(COUNTS)
def test_interval_ends_where_the_score_test_rejects(counts: tuple[int, int]) -> None:
    errors, images = counts
    for end in interval(errors, images):
        rate = end / 100
        distance = abs(errors / images - rate)
        assert distance == pytest.approx(Z_95 * math.sqrt(max(0.0, rate * (1 - rate) / images)), rel=1e-6, abs=1e-8)


class Pixels(nn.Module):
    """Takes an image's pixels for its logits."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.child = nn.Dropout(0.5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 1, 1, classes) -> (N, classes)."""
        logits: torch.Tensor = self.child(images.flatten(1) * self.scale)
        return logits


def counted(
    pixels: list[list[int]], labels: list[int], batch_size: int, network: nn.Module | None = None
) -> Evaluation:
    """The evaluation of images whose pixels are their logits."""
    classes = len(pixels[0])
    images = ImageArray(
        pixels=torch.tensor(pixels, dtype=torch.uint8)[:, None, :, None], labels=np.array(labels, dtype=np.int64)
    )
    preprocessing = Preprocessing(channels=1, size=(1, classes), fit="stretch", mean=(0.0,), std=(1 / 255,))
    test = batches(images, preprocessing, batch_size=batch_size)
    return evaluate_network(network or Pixels(), test, tuple(f"class {i}" for i in range(classes)))


@st.composite
def labelled_logits(draw: st.DrawFn) -> tuple[list[list[int]], list[int]]:
    """Logits of a few images, with many ties, and their labels."""
    classes, images = draw(st.integers(2, 9)), draw(st.integers(1, 12))
    logits = st.lists(st.integers(0, 3), min_size=classes, max_size=classes)
    return (
        draw(st.lists(logits, min_size=images, max_size=images)),
        draw(st.lists(st.integers(0, classes - 1), min_size=images, max_size=images)),
    )


@settings(max_examples=60, deadline=None)
@given(labelled_logits(), st.integers(1, 13))
def test_counts_are_exact_for_any_batch_size(given_images: tuple[list[list[int]], list[int]], batch_size: int) -> None:
    pixels, labels = given_images
    # sorted() is stable: of equal logits the first class stays before the second.
    ranked = [sorted(range(len(row)), key=lambda index, row=row: -row[index]) for row in pixels]  # type: ignore[misc]
    found = counted(pixels, labels, batch_size)
    assert found.images == len(labels)
    assert found.predicted.tolist() == [order[0] for order in ranked]
    assert found.top1_errors == sum(order[0] != label for order, label in zip(ranked, labels, strict=True))
    assert found.top5_errors == sum(label not in order[:5] for order, label in zip(ranked, labels, strict=True))
    assert found.confusion.sum() == len(labels)
    assert found.confusion.trace() == len(labels) - found.top1_errors
    assert sum(row["errors"] for row in found.per_class()) == found.top1_errors
    assert found.loss == pytest.approx(counted(pixels, labels, len(labels)).loss)


def test_five_classes_leave_no_top5_error() -> None:
    assert counted([[0, 1, 2, 3, 4]] * 3, [0, 1, 2], 2).top5_error == 0
    assert counted([[0, 1, 2, 3, 4, 5]] * 4, [0, 1, 2, 3], 2).top5_error == 25


def test_per_class_tells_the_classes_that_have_images() -> None:
    found = counted([[9, 0, 0], [0, 9, 0], [9, 0, 0]], [0, 0, 2], 2)
    assert [(row["class"], row["images"], row["errors"]) for row in found.per_class()] == [
        ("class 0", 2, 1),
        ("class 2", 1, 1),
    ]
    assert found.per_class()[0]["interval"] == list(interval(1, 2))
    assert found.confusion.tolist() == [[1, 1, 0], [0, 0, 0], [1, 0, 0]]


def test_probability_is_of_the_predicted_class() -> None:
    assert counted([[0, 2]], [0], 1).probability == pytest.approx([1 / (1 + math.exp(-2))])


def test_the_mode_of_every_module_is_put_back() -> None:
    network = Pixels().train()
    network.child.eval()
    counted([[1, 0]], [0], 1, network)
    assert (network.training, network.child.training) == (True, False)
    nn.init.constant_(network.scale, math.nan)
    with pytest.raises(UsageError, match="not a number"):
        counted([[1, 0]], [0], 1, network)
    assert (network.training, network.child.training) == (True, False)


def test_autocast_outside_does_not_reach_in() -> None:
    class Linear(nn.Linear):
        def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002  # the name of the base class
            return super().forward(input.flatten(1))

    torch.manual_seed(0)
    network = Linear(3, 3)
    pixels = [[7, 100, 31], [3, 5, 250]]
    alone = counted(pixels, [0, 1], 2, network)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = counted(pixels, [0, 1], 2, network)
    assert inside.loss == alone.loss
    assert np.array_equal(inside.probability, alone.probability)


def test_progress_counts_each_image_once() -> None:
    told: list[int] = []
    images = ImageArray(pixels=torch.zeros(7, 1, 2, 1, dtype=torch.uint8), labels=np.zeros(7, dtype=np.int64))
    preprocessing = Preprocessing(channels=1, size=(1, 2), fit="stretch", mean=(0.0,), std=(1.0,))
    evaluate_network(Pixels(), batches(images, preprocessing, batch_size=3), ("a", "b"), progress=told.append)
    assert told == [3, 3, 1]


def test_no_images_at_all_are_an_evaluation_too() -> None:
    images = ImageArray(pixels=torch.zeros(3, 1, 2, 1, dtype=torch.uint8), labels=np.zeros(3, dtype=np.int64))
    preprocessing = Preprocessing(channels=1, size=(1, 2), fit="stretch", mean=(0.0,), std=(1.0,))
    test = batches(images, preprocessing, batch_size=3)
    test.start = 1  # the only batch is left out
    found = evaluate_network(Pixels(), test, ("a", "b"))
    assert (found.images, found.top1_errors, found.top5_errors) == (0, 0, 0)
    dtypes = [column.dtype.name for column in (found.labels, found.probability, found.in_top5, found.losses)]
    assert dtypes == ["int64", "float32", "bool", "float32"]
