"""The gradient of each row over the steps, as a strip of colours."""

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from classicnets.training.report.figures import LAYOUT, Figure
from classicnets.training.report.ticks import logarithmic_ticks
from classicnets.web.plotting import GRID, INK, as_fragment, named_places

MOST_COLUMNS = 200  # of colours beside each other
_PIXELS_A_ROW = (3, 22)  # the least and the most
_HEIGHTS = (200, 720)  # of the figure, pixels


def gradient_strip(table: Sequence[Mapping[str, float]], interruptions: Sequence[float] = ()) -> Figure:
    """The logarithm of the norm of each row's gradient, the first row on top.

    Args:
        table: the lines of gradients.csv, at least one.
        interruptions: steps after which the run was interrupted.
    """
    rows = [name for name in table[0] if name != "step"]
    norms = np.array([[line[row] for row in rows] for line in table])
    steps = np.array([line["step"] for line in table])
    columns = np.array_split(np.arange(len(steps)), min(MOST_COLUMNS, len(steps)))
    figure = go.Figure()
    figure.add_heatmap(
        x=[float(steps[column].mean()) for column in columns],
        y=list(range(len(rows))),
        z=np.round(np.stack([_logarithm(norms[column]) for column in columns], axis=1), 2).tolist(),
        colorscale="Viridis",
        colorbar={"title": "norm", **_powers(norms), "thickness": 12, "outlinewidth": 0},
        customdata=[[html.escape(row)] * len(columns) for row in rows],
        hovertemplate="%{customdata}, step %{x:,.0f}: 10<sup>%{z:.2f}</sup><extra></extra>",
    )
    for place in interruptions:
        figure.add_vline(x=place, line={"color": INK, "width": 1, "dash": "dot"})
    places = [(float(place), html.escape(row)) for place, row in enumerate(rows)]
    figure.update_layout(
        **LAYOUT,
        height=_height(len(rows)),
        margin={"l": 24, "r": 12, "t": 12, "b": 48},
        xaxis={"title": "step", "fixedrange": True, "zeroline": False, "gridcolor": GRID},
        yaxis={
            **named_places(places, len(rows)),
            "tickangle": 0,
            "fixedrange": True,
            "automargin": True,
            "showgrid": False,
            "zeroline": False,
            "range": [len(rows) - 0.5, -0.5],
        },
    )
    return Figure(
        name="gradient-strip",
        heading="Gradient of each row",
        caption="The norm of each row's gradient by step, the first row on top: yellow the largest, dark the smallest.",
        fragment=as_fragment(figure, "gradient-strip-figure"),
    )


def _logarithm(norms: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The mean of the logarithms (to 10) of some lines' norms, row by row; NaN where a row had no gradient."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithms: npt.NDArray[np.float64] = np.log10(norms).mean(axis=0)
    logarithms[~np.isfinite(logarithms)] = math.nan
    return logarithms


def _powers(norms: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Ticks of the scale of colours, which is of logarithms."""
    there = norms[np.isfinite(norms) & (norms > 0)]
    if not len(there):
        return {}
    ticks = logarithmic_ticks(there.min(), there.max())
    return {**ticks, "tickvals": [math.log10(value) for value in ticks["tickvals"]]}


def _height(rows: int) -> int:
    least, most = _PIXELS_A_ROW
    wanted = rows * most if rows * most <= _HEIGHTS[1] - 60 else max(_HEIGHTS[1] - 60, rows * least)
    return max(_HEIGHTS[0], wanted + 60)
