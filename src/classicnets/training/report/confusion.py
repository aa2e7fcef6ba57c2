"""The confusion matrix, drawn by plotly."""

import html
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from classicnets.training.report.figures import LAYOUT, Figure
from classicnets.web.plotting import GRID, ORANGE, as_fragment

# From -1, all of a class named right, through 0, no image, to 1, the most frequent mistake.
_SHADES = [
    [0, "#9cc4de"],
    [0.4999, "#d6e6f2"],
    [0.5, "rgba(128, 128, 128, 0.08)"],
    [0.5001, "#fdd9bf"],
    [1, ORANGE],
]

LONGEST_TICK = 16  # characters of a class name beside the matrix; the whole name shows on hovering
MOST_CLASSES_DRAWN = 30  # more rows than this cannot be told apart on a page
MOST_CLASSES_COUNTED = 12  # more cells than this have no room for a number on a phone


def confusion_matrix(confusion: npt.NDArray[np.int64], classes: Sequence[str]) -> Figure:
    """The confusion matrix as a heat map: what is right in blue, mistakes in orange, each as a share of its row.

    Of more than `MOST_CLASSES_DRAWN` classes, those with the most mistakes are drawn.

    Args:
        confusion: images, (classes, classes), rows true and columns predicted.
        classes: their names.
    """
    shown = _classes_drawn(confusion)
    counts = confusion[np.ix_(shown, shown)]
    share = 100 * counts / np.maximum(confusion.sum(axis=1), 1)[shown, None]
    names = [html.escape(classes[label]) for label in shown]
    hover = [
        [
            f"true: {true}<br>said: {said}<br>{count:,} images, {part:.1f}% of the class"
            for said, count, part in zip(names, row_counts, row_share, strict=True)
        ]
        for true, row_counts, row_share in zip(names, counts, share, strict=True)
    ]
    figure = go.Figure()
    figure.add_heatmap(
        z=_shades(share),
        zmin=-1,
        zmax=1,
        colorscale=_SHADES,
        showscale=False,
        xgap=1,
        ygap=1,
        hovertext=hover,
        hovertemplate="%{hovertext}<extra></extra>",
        text=[[f"{count:,}" if count else "" for count in row] for row in counts],
        texttemplate="%{text}" if len(shown) <= MOST_CLASSES_COUNTED else None,
    )
    ticks = {
        "tickmode": "array",
        "tickvals": list(range(len(shown))),
        "ticktext": [_tick(classes[label]) for label in shown],
        "tickfont": {"size": 11 if len(shown) <= 16 else 9},
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
        "automargin": True,
        "showline": True,
        "mirror": True,
        "linecolor": GRID,
    }
    edges = [-0.5, len(shown) - 0.5]
    longest = max(len(_tick(classes[label])) for label in shown)
    figure.update_layout(
        **LAYOUT,
        margin={"l": 24, "r": 12, "t": 12, "b": 24},
        xaxis={**ticks, "title": "said", "range": edges, "tickangle": 0 if longest <= 3 else -90},
        yaxis={**ticks, "title": "true", "range": edges[::-1]},
    )
    return Figure(
        name="confusion",
        heading="Confusion matrix",
        caption=_confusion_caption(len(shown), len(classes)),
        fragment=as_fragment(figure, "confusion-matrix", height="100%"),
    )


def _shades(share: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Shares of the rows (percent) as positions on `_SHADES`, where the worst mistake has the darkest orange."""
    right = np.diag(np.diagonal(share))
    wrong = share - right
    # Few digits, because every one of them stands in the page.
    shades: npt.NDArray[np.float64] = np.round(wrong / max(wrong.max(), 1e-9) - right / 100, 3)
    return shades


def _classes_drawn(confusion: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
    """The labels to draw, in order: all, or those that most mistakes were made from or to."""
    if len(confusion) <= MOST_CLASSES_DRAWN:
        return np.arange(len(confusion))
    mistakes = confusion.sum(axis=0) + confusion.sum(axis=1) - 2 * np.diagonal(confusion)
    return np.sort(np.argsort(-mistakes, kind="stable")[:MOST_CLASSES_DRAWN])


def _confusion_caption(drawn: int, classes: int) -> str:
    part = "" if drawn == classes else f" Drawn are the {drawn} of {classes:,} classes with the most mistakes."
    return (
        "Rows are the true classes, columns what the network said. Blue: right. "
        f"Orange: wrong, the darker the larger the share of the class.{part}"
    )


def _tick(name: str) -> str:
    short = name if len(name) <= LONGEST_TICK else name[: LONGEST_TICK - 1] + "…"
    return html.escape(short)
