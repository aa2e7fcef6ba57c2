"""What the figures of a report share: lines over steps or epochs, drawn by plotly."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from classicnets.training.report.ticks import logarithmic_ticks
from classicnets.web.plotting import GRID, INK, as_fragment, scale_switch

LAYOUT = {
    "template": None,
    "font": {"family": "system-ui, sans-serif", "size": 12, "color": INK},
    "paper_bgcolor": "rgba(0, 0, 0, 0)",
    "plot_bgcolor": "rgba(0, 0, 0, 0)",
    "dragmode": False,  # a finger that drags over the figure scrolls the page
}

_MOST_MARKED = 12  # points of a line that are marked each


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
class Line:
    """A line of a figure.

    Attributes:
        name: in the legend.
        x: where its points stand, ascending; at least one.
        y: their values; None leaves a gap.
        colour: as CSS writes it.
        dash: as plotly names it.
        faint: whether it stays in the background, out of the legend.
        marked: whether every point is marked; None for those of short lines.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float | None]
    colour: str
    dash: str = "solid"
    faint: bool = False
    marked: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Axis:
    """What is told of a value.

    Attributes:
        title: beside the axis.
        number: how plotly writes a value on hovering (a d3 format).
        ticks: and beside the axis, where its own choice does not do.
        scale: linear; logarithmic; or linear with a switch.
    """

    title: str
    number: str
    ticks: str | None = None
    scale: str = "linear"


def line_figure(
    name: str,
    heading: str,
    lines: Sequence[Line],
    axis: Axis,
    *,
    over: str,
    whole: bool = False,
    interruptions: Sequence[float] = (),
) -> Figure:
    """Lines over a common axis.

    Args:
        name: of the figure.
        heading: of the figure.
        lines: at least one.
        axis: of the values.
        over: what stands on the other axis, "epoch".
        whole: whether that counts whole things, of which a few are each named.
        interruptions: places at which the run was interrupted and gone on with.
    """
    first = min(line.x[0] for line in lines)
    last = max(line.x[-1] for line in lines)
    points = max(len(line.x) for line in lines)
    beside = max(0.5 if whole else 0.0, 0.03 * (last - first)) or 1.0  # room beside the first and the last
    named = [line for line in lines if not line.faint]
    drawing = go.Figure()
    for line in lines:
        _draw(drawing, line, axis)
    for place in interruptions:
        drawing.add_vline(x=place, line={"color": INK, "width": 1, "dash": "dot"})
    drawing.update_layout(
        **LAYOUT,
        hovermode="x unified",
        showlegend=len(named) > 1,
        legend={"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom"},
        margin={"l": 56, "r": 12, "t": 36, "b": 48},
        xaxis={
            "title": over,
            "gridcolor": GRID,
            "zeroline": False,
            "fixedrange": True,
            "dtick": 1 if whole and points <= 10 else None,
            "range": [first - beside, last + beside],
        },
        yaxis={
            "title": {"text": axis.title, "standoff": 8},
            "automargin": True,
            "gridcolor": GRID,
            "fixedrange": True,
            "rangemode": "tozero",
            "zeroline": False,
            "exponentformat": "e",
            "tickformat": axis.ticks,
        },
    )
    if axis.scale == "logarithmic":
        there = [value for line in lines for value in line.y if value is not None and value > 0]
        drawing.update_yaxes(type="log", **(logarithmic_ticks(min(there), max(there)) if there else {}))
    if axis.scale == "switch" and points > 1:
        drawing.update_layout(updatemenus=[scale_switch("yaxis")])
    return Figure(
        name=name,
        heading=heading,
        caption=_caption(axis.title, over, [line.name for line in named], bool(interruptions)),
        fragment=as_fragment(drawing, f"curve-{name}", height="100%"),
    )


def _draw(drawing: go.Figure, line: Line, axis: Axis) -> None:
    marked = len(line.x) <= _MOST_MARKED if line.marked is None else line.marked
    drawing.add_scatter(
        x=line.x,
        y=line.y,
        name=line.name,
        mode="lines+markers" if marked else "lines",
        line={"color": line.colour, "dash": line.dash, "width": 1 if line.faint else 2},
        opacity=0.35 if line.faint else 1,
        showlegend=not line.faint,
        marker={"size": 6},
        **({"hoverinfo": "skip"} if line.faint else {"hovertemplate": f"%{{y:{axis.number}}}"}),
    )


def _caption(what: str, over: str, names: Sequence[str], interrupted: bool) -> str:
    caption = f"{what} by {over}" if len(names) == 1 else f"{what} by {over}, {' and '.join(names)}"
    told = "; dotted lines: interruptions" if interrupted else ""
    return caption[0].upper() + caption[1:] + told
