"""What the plots share: plotly where it is installed, colours, axes that name the rows, and HTML."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from classicnets.errors import require

if TYPE_CHECKING:
    import plotly.graph_objects as go

# Three colours of the palette of Okabe and Ito: told apart with every form of colour blindness.
BLUE = "#0072B2"
ORANGE = "#D55E00"
GREEN = "#009E73"

# Neither white nor black, so that axes can be read on a light and on a dark page even without the style sheet.
INK = "#6b7280"
GRID = "rgba(128, 128, 128, 0.25)"

MOST_TICKS = 44  # upright names beside each other in the width of a page
LONGEST_TICK = 20  # characters of a name below an axis; the whole name shows on hovering

HOVER_BYTES = "%{y:.3s}B"
"""How plotly writes bytes on hovering: 6.42MB."""


def empty_figure(*, height: int, **layout: Any) -> "go.Figure":
    """A figure of that many pixels without data, laid out as all are.

    Raises:
        UsageError: plotly is not installed.
    """
    try:
        import plotly.graph_objects as go
    except ModuleNotFoundError as missing:
        raise require("train", missing) from missing
    common = {
        "template": None,
        "height": height,
        "font": {"family": "system-ui, sans-serif", "size": 12, "color": INK},
        "paper_bgcolor": "rgba(0, 0, 0, 0)",
        "plot_bgcolor": "rgba(0, 0, 0, 0)",
        "dragmode": False,  # a finger that drags over the figure scrolls the page
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom"},
        "margin": {"l": 64, "r": 16, "t": 40, "b": 24},
        "hoverlabel": {"align": "left"},
    }
    return go.Figure(layout={**common, **layout})


def axis(title: str = "", **settings: Any) -> dict[str, Any]:
    """An axis with quiet lines."""
    common = {"gridcolor": GRID, "zeroline": False, "fixedrange": True, "automargin": True}
    return {**common, "title": {"text": title, "standoff": 8}, **settings}


def byte_axis(title: str, **settings: Any) -> dict[str, Any]:
    """An axis of bytes, from zero."""
    return axis(title, tickformat="~s", ticksuffix="B", rangemode="tozero", **settings)


def named_places(places: Sequence[tuple[float, str]], length: float) -> dict[str, Any]:
    """The settings of an axis of that length that names places along it: as many as can be read, in their order."""
    apart = length / MOST_TICKS
    shown: list[tuple[float, str]] = []
    for place, name in sorted(places, key=lambda item: item[0]):
        if not shown or place - shown[-1][0] >= apart:
            shown.append((place, name))
    return {
        "tickmode": "array",
        "tickvals": [place for place, _ in shown],
        "ticktext": [_tick(name) for _, name in shown],
        "tickangle": -90,
        "tickfont": {"size": 11 if len(shown) <= 30 else 10},
    }


def scale_switch(*axes: str) -> dict[str, Any]:
    """Two buttons above a figure that set these axes ("yaxis", "yaxis2") to a linear or a logarithmic scale."""
    buttons = [
        {
            "label": scale,
            "method": "relayout",
            "args": [{f"{name}.{key}": value for name in axes for key, value in _scale(scale).items()}],
        }
        for scale in ("linear", "log")
    ]
    return {
        "type": "buttons",
        "direction": "right",
        "buttons": buttons,
        "x": 1,
        "y": 1.0,
        "xanchor": "right",
        "yanchor": "bottom",
        "pad": {"t": 0, "b": 8},
        "font": {"size": 11},
        "bgcolor": "rgba(0, 0, 0, 0)",
        "bordercolor": GRID,
        "showactive": False,
    }


def as_fragment(figure: "go.Figure", identifier: str, *, height: str | None = None) -> str:
    """The figure as HTML to stand unescaped in a page that has `javascript`; of its own height, or of that one."""
    # plotly writes the data as JSON in which <, > and / are escaped, so no name can end the script.
    return str(
        figure.to_html(
            full_html=False,
            include_plotlyjs=False,
            div_id=identifier,
            default_width="100%",
            **({"default_height": height} if height else {}),
            config={"responsive": True, "displayModeBar": False},
        )
    )


def javascript() -> str:
    """The library that draws the figures, to stand once in a script element of the page."""
    import plotly.offline

    return str(plotly.offline.get_plotlyjs())


def _scale(scale: str) -> dict[str, Any]:
    return {"type": scale, "autorange": True}


def _tick(name: str) -> str:
    # The end of a path tells modules apart.
    return name if len(name) <= LONGEST_TICK else "…" + name[1 - LONGEST_TICK :]
