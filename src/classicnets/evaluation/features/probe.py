"""Linear probes: how well a linear classifier tells classes apart by what leaves a row.

What a row's features are worth is measured without changing the network: a classifier learns on those of the training
part, its one setting chosen there by cross-validation, and is tested once on the test part.
"""

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from classicnets.errors import UsageError, check_choice
from classicnets.evaluation.counting import interval
from classicnets.evaluation.features.extracting import PARTS, FeatureSet
from classicnets.evaluation.features.rows import Floats

Classifier = Literal["logistic", "svm"]
"""Logistic regression, or a linear support vector machine of one class against the others."""

Labels = npt.NDArray[np.int64]

_STRENGTHS = tuple(10.0**power for power in range(-4, 2))  # of C: little of it holds the weights small
_MOST_FOLDS = 5


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What a linear classifier made of a row.

    Attributes:
        row: whose features it saw.
        features: how many an image has.
        classifier: which one.
        c: the inverse of the regularisation that cross-validation chose.
        cv_error: percent, of that choice in the cross-validation.
        train_errors: wrong images of the training part, after learning on all of it.
        train_images: how many those are.
        errors: wrong images of the test part.
        images: how many those are.
    """

    row: str
    features: int
    classifier: Classifier
    c: float
    cv_error: float
    train_errors: int
    train_images: int
    errors: int
    images: int

    @property
    def error(self) -> float:
        """Percent of the test part."""
        return 100 * self.errors / self.images

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% interval of the error, percent."""
        return interval(self.errors, self.images)


def probe(
    found: FeatureSet,
    *,
    classifiers: Iterable[Classifier] = ("logistic",),
    standardise: bool = True,
    seed: int = 0,
    begin: Callable[[int], None] = lambda probes: None,
    progress: Callable[[int], None] = lambda probes: None,
) -> list[Probe]:
    """A probe of each row by each classifier, rows in the order of ``found``.

    Args:
        found: features of both parts of a data set; maps count as vectors.
        classifiers: which ones.
        standardise: give each feature mean 0 and variance 1 over the images learned from; not for features of unit
            length.
        seed: of the division into folds.
        begin: told the number of probes.
        progress: told of each that is done.

    Raises:
        UsageError: no such classifier, or a class has fewer than two images to learn from.
    """
    chosen = tuple(classifiers)
    for classifier in chosen:
        check_choice("classifier", classifier, get_args(Classifier))
    labels, tested = found.known["labels"], found.known["part"] == PARTS.index("test")
    folds = _folds(labels[~tested], found.about["classes"])
    begin(len(found.rows) * len(chosen))
    probes = []
    for row, values in found.rows.items():
        flat = values.reshape(len(values), -1)
        for classifier in chosen:
            search = _search(classifier, folds=folds, standardise=standardise, seed=seed)
            probes.append(_probe(row, classifier, search, flat, labels, tested))
            progress(1)
    return probes


def guessing_errors(found: FeatureSet) -> tuple[int, int]:
    """Wrong images and images of the test part, where the commonest class of the training part is guessed always."""
    labels, tested = found.known["labels"], found.known["part"] == PARTS.index("test")
    commonest = np.bincount(labels[~tested]).argmax()
    return int((labels[tested] != commonest).sum()), int(tested.sum())


def _probe(
    row: str, classifier: Classifier, search: Any, flat: Floats, labels: Labels, tested: npt.NDArray[np.bool_]
) -> Probe:
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # One that is stopped early is a classifier like others: cross-validation judges it by what it gets wrong.
        warnings.simplefilter("ignore", ConvergenceWarning)
        search.fit(flat[~tested], labels[~tested])
    wrong = search.predict(flat) != labels
    return Probe(
        row=row,
        features=flat.shape[1],
        classifier=classifier,
        c=float(next(value for name, value in search.best_params_.items() if name.endswith("__C"))),
        cv_error=100 * (1 - float(search.best_score_)),
        train_errors=int(wrong[~tested].sum()),
        train_images=int((~tested).sum()),
        errors=int(wrong[tested].sum()),
        images=int(tested.sum()),
    )


def _search(classifier: Classifier, *, folds: int, standardise: bool, seed: int) -> Any:
    """Scikit-learn's search for C, which then learns on all that it is given with the one it found."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC

    if classifier == "logistic":
        judge = LogisticRegression(max_iter=300)
    else:
        judge = LinearSVC(dual="auto", max_iter=3000, random_state=seed)
    steps = [StandardScaler(), judge] if standardise else [judge]
    grid: Mapping[str, tuple[float, ...]] = {f"{type(judge).__name__.lower()}__C": _STRENGTHS}
    division = StratifiedKFold(folds, shuffle=True, random_state=seed)
    return GridSearchCV(make_pipeline(*steps), grid, cv=division)


def _folds(labels: Labels, classes: list[str]) -> int:
    """Five, or as many as the smallest class has images."""
    smallest, images = min(Counter(labels.tolist()).items(), key=lambda item: item[1])
    if images < 2:
        raise UsageError(
            f"the class {classes[smallest]} has one image to learn from; a probe needs two or more of each"
        )
    return min(_MOST_FOLDS, images)
