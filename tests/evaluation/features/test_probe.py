"""Linear probes: errors that are known, a choice that the test part has no say in, a page that says it all."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from classicnets.data.sets import open_data
from classicnets.data.statistics import some
from classicnets.errors import UsageError
from classicnets.evaluation.features.extracting import FeatureSet, features_of, pictures_of
from classicnets.evaluation.features.page import probes_page
from classicnets.evaluation.features.probe import Probe, guessing_errors, probe
from classicnets.evaluation.features.rows import Wanted
from classicnets.weights.bundle import Bundle


def made(rows: dict[str, Any], labels: Any, tested: Any) -> FeatureSet:
    return FeatureSet(
        rows={name: np.asarray(values, dtype=np.float32) for name, values in rows.items()},
        known={"labels": np.asarray(labels, dtype=np.int64), "part": np.asarray(tested, dtype=np.uint8)},
        about={"classes": [f"class {number}" for number in range(max(labels) + 1)]},
    )


@pytest.fixture
def blobs() -> FeatureSet:
    """Three classes in rows that tell them apart, that do so by half, and not at all."""
    random = np.random.default_rng(0)
    labels = np.arange(150) % 3
    centres = np.array([[0, 0], [14, 0], [0, 14]])[labels]
    noise = random.normal(size=(150, 2))
    half = np.where(labels[:, None] == 2, centres, 0) + noise
    tested = np.arange(150) >= 90
    rows = {"clear": centres + noise, "half": half, "noise": random.normal(size=(150, 3, 2, 2))}
    return made(rows, labels, tested)


@pytest.mark.parametrize("classifier", ["logistic", "svm"])
def test_errors_are_what_the_features_allow(blobs: FeatureSet, classifier: Any) -> None:
    clear, half, noise = probe(blobs, classifiers=(classifier,))
    assert (clear.errors, clear.images, clear.train_images, clear.features) == (0, 60, 90, 2)
    assert 10 <= half.errors <= 30  # of 40 images in two classes that look alike
    assert noise.errors >= 25  # of 60; guessing gets 40 wrong
    assert noise.features == 12
    assert half.interval[0] < half.error < half.interval[1]
    assert guessing_errors(blobs) == (40, 60)


def test_is_scikit_learns_classifier_at_the_strength_it_names(blobs: FeatureSet) -> None:
    (found,) = (each for each in probe(blobs) if each.row == "half")
    values, labels, tested = blobs.rows["half"], blobs.known["labels"], blobs.known["part"] == 1
    scaler = StandardScaler().fit(values[~tested])
    by_hand = LogisticRegression(C=found.c, max_iter=300).fit(scaler.transform(values[~tested]), labels[~tested])
    assert found.errors == (by_hand.predict(scaler.transform(values[tested])) != labels[tested]).sum()
    assert found.train_errors == (by_hand.predict(scaler.transform(values[~tested])) != labels[~tested]).sum()


def test_the_test_part_has_no_say_in_the_choice(blobs: FeatureSet) -> None:
    tested = blobs.known["part"] == 1
    labels = np.where(tested, (blobs.known["labels"] + 1) % 3, blobs.known["labels"])
    other = made({**blobs.rows}, labels, blobs.known["part"])
    for before, after in zip(probe(blobs), probe(other), strict=True):
        assert (before.c, before.cv_error, before.train_errors) == (after.c, after.cv_error, after.train_errors)
        assert before.row != "clear" or after.errors == after.images, (
            "every image of the test part is another class now"
        )


def test_folds_are_no_more_than_a_class_has_images(blobs: FeatureSet) -> None:
    few = made({"row": [[0], [1], [0.1], [1.1], [0], [1]]}, [0, 1, 0, 1, 0, 1], [0, 0, 0, 0, 1, 1])
    (found,) = probe(few)
    assert (found.errors, found.images) == (0, 2)
    lonely = made({"row": [[0], [1], [0.1], [1]]}, [0, 1, 0, 1], [0, 0, 0, 1])
    with pytest.raises(UsageError, match="the class class 1 has one image to learn from"):
        probe(lonely)


def test_on_the_rows_of_a_network(digits_bundle: Bundle) -> None:
    """Fresh weights leave digits apart: behind S4 of a LeNet-5 that has learnt nothing under a half is wrong."""
    counted: list[int] = []
    data = open_data("digits")
    data = replace(data, train=some(data.train, 200))
    found = features_of(digits_bundle, pictures_of(data), Wanted(at=("S4",), pool="average"))
    (each,) = probe(found, begin=counted.append, progress=counted.append)
    assert counted == [1, 1]
    assert each.error < 50
    assert (each.features, each.train_images, each.images) == (16, 200, 360)


def test_page_names_rows_and_figures(tmp_path: Path) -> None:
    probes = [
        Probe(
            row=row,
            features=64,
            classifier=classifier,
            c=0.1,
            cv_error=12.0,
            train_errors=1,
            train_images=50,
            errors=errors,
            images=40,
        )
        for row, errors in (("conv<1>", 20), ("fc7", 10))
        for classifier in ("logistic", "svm")
    ]
    page = probes_page(probes, network="small", bundle="runs/a&b", data="digits", guessing=90.0)
    assert "conv&lt;1&gt;" in page
    assert "conv<1>" not in page
    for text in ("50.00%", "25.00%", "runs/a&amp;b on digits: 50 images to learn from, 40 to test on", "linear SVM"):
        assert text in page
