"""Networks beside each other as plots: what they cost, and how well they do for it."""

import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from classicnets.inspection.pages.labels import Spot, sides_of_names
from classicnets.inspection.pages.plots import bars
from classicnets.inspection.units import short
from classicnets.papers import Reported
from classicnets.papers.results import Kind, doubt, kind, way
from classicnets.web.plotting import BLUE, GREEN, ORANGE, axis, empty_figure

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from classicnets.inspection.comparison import Compared, Comparison

MANY = 12  # bubbles; more of them get a higher plot, and are smaller
# Pixels of a page beside the axes; only the places of names depend on it.
_WIDTH, _FRAME = 880, 120

_MARKS = (
    ("circle", BLUE),
    ("square", ORANGE),
    ("diamond", GREEN),
    ("triangle-up", "#CC79A7"),
    ("pentagon", "#56B4E9"),
    ("star", "#E69F00"),
)


class _Bubble(NamedTuple):
    network: "Compared"
    result: Reported

    @property
    def power(self) -> float:
        """Of ten, that its MACs are."""
        return math.log10(max(1, self.network.macs))


class _Canvas(NamedTuple):
    """Where bubbles are drawn: ranges of the axes, pixels from top to bottom, and pixels across the widest."""

    powers: tuple[float, float]
    errors: tuple[float, float]
    height: int
    widest: int


def costs(compared: "Comparison") -> "go.Figure":
    """Parameters, MACs and the most bytes alive in inference and in training, as bars one below the other."""
    networks = compared.networks
    panels = {
        "parameters": [network.parameters for network in networks],
        "MACs": [network.macs for network in networks],
        "live memory, eager inference": [network.live_peak.eager for network in networks],
        "live memory, training": [network.live_peak.training for network in networks],
    }
    return bars([network.name for network in networks], panels, {})


def shown_kind(compared: "Comparison") -> Kind | None:
    """What the plot of accuracy has on its axis: the metric and data that most networks have; None without any."""
    kinds = [kind(network.reported) for network in compared.networks if network.reported]
    return max(kinds, key=kinds.count, default=None)


def left_out(compared: "Comparison") -> list[str]:
    """The networks that have no place in the plot of accuracy, because their papers report nothing of that kind."""
    shown = shown_kind(compared)
    return [
        network.name for network in compared.networks if network.reported is None or kind(network.reported) != shown
    ]


def accuracy_against_cost(compared: "Comparison") -> "go.Figure":
    """A bubble a network: MACs across, the reported error up, its area the parameters, its form how the test was done.

    Errors of one metric on one data set alone share the axis; the other networks are named below.

    Raises:
        UsageError: plotly is not installed.
    """
    shown = shown_kind(compared)
    bubbles = [
        _Bubble(network, network.reported)
        for network in compared.networks
        if network.reported and kind(network.reported) == shown
    ]
    figure = empty_figure(
        height=height_for(len(bubbles)),
        xaxis=axis("MACs of one image", type="log", exponentformat="SI"),
        yaxis=axis(f"{shown.metric} (%), {shown.data}" if shown else "error (%)"),
    )
    if bubbles:
        _add_bubbles(figure, bubbles)
    _name_the_others(figure, left_out(compared))
    return figure


def height_for(count: int) -> int:
    """Pixels of a plot of that many bubbles."""
    return 460 if count <= MANY else 660


def widest_of(count: int) -> int:
    """Pixels across the widest of that many bubbles."""
    return 56 if count <= MANY else 40


def _add_bubbles(figure: "go.Figure", bubbles: Sequence[_Bubble]) -> None:
    canvas = _canvas(bubbles)
    sides = _sides(bubbles, canvas)
    largest = max(bubble.network.parameters for bubble in bubbles)
    ways = dict.fromkeys(way(bubble.result) for bubble in bubbles)
    for place, name in enumerate(ways):
        symbol, colour = _MARKS[place % len(_MARKS)]
        drawn = [index for index, bubble in enumerate(bubbles) if way(bubble.result) == name]
        figure.add_scatter(
            x=[bubbles[index].network.macs for index in drawn],
            y=[bubbles[index].result.value for index in drawn],
            name=name,
            mode="markers+text",
            text=[escape(bubbles[index].network.name) if index in sides else "" for index in drawn],
            textposition=[sides.get(index, "top center") for index in drawn],
            textfont={"size": 11},
            marker={
                "symbol": symbol,
                "color": colour,
                "opacity": 0.6,
                "size": [bubbles[index].network.parameters for index in drawn],
                "sizemode": "area",
                "sizeref": 2 * largest / canvas.widest**2,
                "sizemin": 3,
                "line": {"width": 1, "color": colour},
            },
            hovertext=[_told(bubbles[index]) for index in drawn],
            hovertemplate="%{hovertext}<extra></extra>",
            showlegend=True,
        )
    ticks = _ticks(canvas.powers)
    figure.update_layout(
        legend_itemsizing="constant",
        xaxis={"range": list(canvas.powers), "tickvals": ticks, "ticktext": [_plain(tick) for tick in ticks]},
        yaxis_range=list(canvas.errors),
    )


def _told(bubble: _Bubble) -> str:
    network, result = bubble
    lines = [
        f"<b>{escape(network.name)}</b>, {network.year}",
        f"{result.value:g}% {result.metric.removesuffix(' error')}{doubt(result.certainty)}",
        escape(result.protocol),
        f"{short(network.parameters)} parameters, {short(network.macs)} MACs",
    ]
    return "<br>".join(lines)


def _canvas(bubbles: Sequence[_Bubble]) -> _Canvas:
    """With room for bubbles and names on all sides."""
    powers = [bubble.power for bubble in bubbles]
    errors = [bubble.result.value for bubble in bubbles]
    beside = max(0.15, 0.12 * (max(powers) - min(powers)))
    above = max(0.05 * max(errors), 0.15 * (max(errors) - min(errors)))
    return _Canvas(
        powers=(min(powers) - beside, max(powers) + beside),
        errors=(max(0.0, min(errors) - above), max(errors) + above),
        height=height_for(len(bubbles)) - _FRAME,
        widest=widest_of(len(bubbles)),
    )


def _ticks(powers: tuple[float, float]) -> list[float]:
    """1, 2 and 5 times each power of ten between the two; over more than two powers the ones alone."""
    steps = (1, 2, 5) if powers[1] - powers[0] < 2.5 else (1,)
    candidates = [step * 10.0**power for power in range(math.floor(powers[0]), math.ceil(powers[1])) for step in steps]
    return [tick for tick in candidates if powers[0] <= math.log10(tick) <= powers[1]]


def _plain(tick: float) -> str:
    number, _, unit = short(tick).partition(" ")
    return f"{float(number):g} {unit}"


def _sides(bubbles: Sequence[_Bubble], canvas: _Canvas) -> dict[int, str]:
    """On which side of each bubble its name stands, if it does."""
    (first, last), (lowest, highest) = canvas.powers, canvas.errors
    largest = max(1, *(bubble.network.parameters for bubble in bubbles))
    spots = [
        Spot(
            name=bubble.network.name,
            across=(bubble.power - first) / (last - first) * _WIDTH,
            down=(highest - bubble.result.value) / (highest - lowest) * canvas.height,
            radius=max(2.0, canvas.widest / 2 * math.sqrt(bubble.network.parameters / largest)),
        )
        for bubble in bubbles
    ]
    return sides_of_names(spots, _WIDTH, canvas.height)


def _name_the_others(figure: "go.Figure", names: Sequence[str]) -> None:
    if not names:
        return
    lines = [""]
    for name in names:
        if len(lines[-1]) + len(name) > 100:
            lines.append("")
        lines[-1] += ("" if not lines[-1] else ", ") + escape(name)
    figure.add_annotation(
        text="not here, for want of such a result: " + ",<br>".join(lines),
        xref="paper",
        yref="paper",
        x=0,
        y=0,
        xanchor="left",
        yanchor="top",
        align="left",
        yshift=-52,
        showarrow=False,
    )
    figure.update_layout(height=figure.layout.height + 16 * len(lines), margin_b=64 + 16 * len(lines))
