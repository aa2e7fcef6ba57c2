"""The figures of a run's report: curves over the epochs and the confusion matrix, drawn by plotly."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from classicnets.web.plotting import BLUE, GRID, INK, ORANGE, as_fragment, scale_switch

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


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure with what a page says about it.

    Attributes:
        name: for anchors and style sheets, unique in the page.
        heading: a few words.
        caption: what the figure shows, in a sentence; it also serves those who cannot see it.
        fragment: the HTML of the figure, to stand in the page unescaped.
    """

    name: str
    heading: str
    caption: str
    fragment: str


@dataclass(frozen=True, kw_only=True)
class _Line:
    key: str
    name: str
    colour: str
    dash: str = "solid"


@dataclass(frozen=True, kw_only=True)
class _Curve:
    name: str
    heading: str
    axis: str
    lines: tuple[_Line, ...]
    number: str  # how plotly writes a value on hovering (a d3 format)
    ticks: str | None = None  # and beside the axis, where its own choice does not do
    logarithmic: bool = False  # whether a switch to a logarithmic axis is of use


def _training_and_test(what: str) -> tuple[_Line, ...]:
    return (
        _Line(key=f"train_{what}", name="training", colour=BLUE, dash="dash"),
        _Line(key=f"test_{what}", name="test", colour=ORANGE),
    )


_CURVES = (
    _Curve(
        name="loss",
        heading="Loss",
        axis="loss",
        lines=_training_and_test("loss"),
        number=".4~g",
        logarithmic=True,
    ),
    _Curve(
        name="error",
        heading="Error",
        axis="top-1 error (%)",
        lines=_training_and_test("error"),
        number=".2f",
        logarithmic=True,
    ),
    _Curve(
        name="learning-rate",
        heading="Learning rate",
        axis="learning rate",
        lines=(_Line(key="learning_rate", name="learning rate", colour=BLUE),),
        number=".3~g",
    ),
    _Curve(
        name="throughput",
        heading="Throughput",
        axis="images per second",
        lines=(_Line(key="images_per_second", name="images per second", colour=BLUE),),
        number=",.4~r",
        ticks=",",
    ),
)


def curves(history: Sequence[Mapping[str, float]]) -> tuple[Figure, ...]:
    """Loss, error, learning rate and throughput over the epochs.

    Args:
        history: one entry an epoch. A curve of which no epoch knows a value is left out.
    """
    epochs = [entry.get("epoch", position) for position, entry in enumerate(history, start=1)]
    drawn = []
    for curve in _CURVES:
        lines = [line for line in curve.lines if any(line.key in entry for entry in history)]
        if lines:
            drawn.append(_draw_curve(curve, lines, epochs, history))
    return tuple(drawn)


def _draw_curve(
    curve: _Curve, lines: list[_Line], epochs: list[float], history: Sequence[Mapping[str, float]]
) -> Figure:
    beside = max(0.5, 0.03 * (epochs[-1] - epochs[0]))  # epochs of room beside the first and the last
    figure = go.Figure()
    for line in lines:
        figure.add_scatter(
            x=epochs,
            y=[entry.get(line.key) for entry in history],
            name=line.name,
            mode="lines+markers" if len(epochs) <= 12 else "lines",
            line={"color": line.colour, "dash": line.dash, "width": 2},
            marker={"size": 6},
            hovertemplate=f"%{{y:{curve.number}}}",
        )
    figure.update_layout(
        **_layout(),
        hovermode="x unified",
        showlegend=len(lines) > 1,
        legend={"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom"},
        margin={"l": 56, "r": 12, "t": 36, "b": 48},
        xaxis={
            "title": "epoch",
            "gridcolor": GRID,
            "zeroline": False,
            "fixedrange": True,
            "dtick": 1 if len(epochs) <= 10 else None,
            "range": [epochs[0] - beside, epochs[-1] + beside],
        },
        yaxis={
            "title": {"text": curve.axis, "standoff": 8},
            "automargin": True,
            "gridcolor": GRID,
            "fixedrange": True,
            "rangemode": "tozero",
            "zeroline": False,
            "exponentformat": "e",
            "tickformat": curve.ticks,
        },
    )
    if curve.logarithmic and len(epochs) > 1:
        figure.update_layout(updatemenus=[scale_switch("yaxis")])
    named = " and ".join(line.name for line in lines)
    caption = f"{curve.axis} by epoch" if len(lines) == 1 else f"{curve.axis} by epoch, {named}"
    return Figure(
        name=curve.name,
        heading=curve.heading,
        caption=caption[0].upper() + caption[1:],
        fragment=as_fragment(figure, f"curve-{curve.name}", height="100%"),
    )


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
        **_layout(),
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


def _layout() -> dict[str, object]:
    return {
        "template": None,
        "font": {"family": "system-ui, sans-serif", "size": 12, "color": INK},
        "paper_bgcolor": "rgba(0, 0, 0, 0)",
        "plot_bgcolor": "rgba(0, 0, 0, 0)",
        "dragmode": False,  # a finger that drags over the figure scrolls the page
    }
