"""A network's figures as plots, along its rows and along its operations."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING, Any

from classicnets.inspection.memory.fused import fused_live
from classicnets.inspection.memory.live import live
from classicnets.inspection.memory.shortcuts import held_by_shortcuts
from classicnets.inspection.tracing.rows import places_by_row
from classicnets.inspection.tracing.trace import Operation, Trace
from classicnets.inspection.units import count, short, size
from classicnets.web.plotting import (
    BLUE,
    GREEN,
    HOVER_BYTES,
    INK,
    ORANGE,
    axis,
    byte_axis,
    empty_figure,
    named_places,
    scale_switch,
)

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from classicnets.inspection.inspection import Inspection, Row


def by_row(found: "Inspection") -> "go.Figure":
    """Parameters, MACs and bytes of activations of each row, as bars one below the other.

    Raises:
        UsageError: plotly is not installed, as for every plot.
    """
    panels = {
        "parameters": [row.parameters for row in found.rows],
        "MACs": [row.macs for row in found.rows],
        "activations": [row.activation_bytes for row in found.rows],
    }
    totals = {"parameters": short(found.parameters), "MACs": short(found.macs)}
    return bars([row.name for row in found.rows], panels, {**totals, "activations": size(found.activation_bytes)})


def bars(names: Sequence[str], panels: Mapping[str, Sequence[int]], totals: Mapping[str, str]) -> "go.Figure":
    """Bars for each name, in panels one below the other; a switch makes their scales logarithmic.

    Args:
        names: along the axis.
        panels: under each title a number for each name: bytes if the title is no "parameters" or "MACs".
        totals: what stands beside some of the titles.
    """
    figure = empty_figure(height=150 * len(panels) + 150, bargap=0.2, showlegend=False)
    share = 1 / len(panels)
    # Two bars that fill the width of a page would look like walls.
    length = max(len(names), 8)
    for place, (title, values) in enumerate(panels.items(), start=1):
        number = "" if place == 1 else str(place)
        counted = title in ("parameters", "MACs")
        hover = "%{y:,}" if counted else HOVER_BYTES
        figure.add_bar(
            x=list(range(len(names))),
            y=list(values),
            hovertext=[escape(name) for name in names],
            hovertemplate=f"%{{hovertext}}<br>{hover}<extra></extra>",
            marker={"color": (BLUE, ORANGE, GREEN)[(place - 1) % 3], "line": {"width": 0}},
            yaxis=f"y{number}",
        )
        top = 1 - share * (place - 1)
        along = axis(tickformat="~s") if counted else byte_axis("")
        figure.layout[f"yaxis{number}"] = {**along, "nticks": 4, "domain": [top - share * 0.78, top]}
        figure.add_annotation(
            text=f"<b>{title}</b>" + (f", {totals[title]} in all" if title in totals else ""),
            x=0,
            y=top,
            xref="paper",
            yref="paper",
            xanchor="left",
            yanchor="bottom",
            showarrow=False,
        )
    figure.update_layout(
        xaxis=axis(
            anchor=f"y{len(panels) if len(panels) > 1 else ''}",
            showgrid=False,
            range=[-0.6, length - 0.4],
            **named_places(list(enumerate(map(escape, names))), length),
        ),
        updatemenus=[scale_switch(*(f"yaxis{place or ''}" for place in (0, *range(2, len(panels) + 1))))],
    )
    return figure


def live_memory(found: "Inspection") -> "go.Figure":
    """Bytes alive while each operation of inference runs: eager, fused, and what shortcuts hold of them."""
    ran = found.trace
    eager = live(ran)
    figure = _course(found, ran)
    _add_steps(figure, ran, eager, "eager", BLUE, fill="rgba(0, 114, 178, 0.15)")
    _add_steps(figure, ran, fused_live(ran), "fused", GREEN)
    held = held_by_shortcuts(ran)
    if any(held):
        _add_steps(figure, ran, held, "held by shortcuts", ORANGE, fill="rgba(213, 94, 0, 0.3)")
    _mark_peak(figure, ran, eager)
    return figure


def training_memory(found: "Inspection") -> "go.Figure":
    """Bytes alive while each operation of a training step runs: forward, backward, and the optimizer's state."""
    ran = found.training_trace
    state = found.training_memory.optimizer_state
    alive = [state + held for held in live(ran)]
    figure = _course(found, ran)
    _add_steps(figure, ran, alive, "alive", BLUE, fill="rgba(0, 114, 178, 0.15)")
    if state:
        _add_steps(figure, ran, [state] * len(alive), f"of which {found.optimizer}'s state", ORANGE)
    turn = next((place for place, operation in enumerate(ran.operations) if operation.backward), None)
    if turn is not None:
        figure.add_vline(
            x=turn,
            line={"color": INK, "width": 1, "dash": "dash"},
            annotation={"text": "backward", "yref": "paper", "y": 0, "yanchor": "bottom", "xanchor": "left"},
        )
    _mark_peak(figure, ran, alive)
    return figure


def receptive_field_growth(found: "Inspection") -> "go.Figure":
    """The side in pixels of what an activation of each map sees, and the image's side as a line.

    What sees everything, whatever the size of the image, stands on that line.
    """
    seen = [row for row in found.rows if row.receptive_field and len(row.output) == 3]
    figure = empty_figure(height=340, showlegend=False)
    figure.add_scatter(
        x=list(range(len(seen))),
        y=[row.receptive_field for row in seen],
        mode="lines+markers" if len(seen) <= 60 else "lines",
        line={"color": BLUE, "width": 2},
        marker={"size": 6},
        hovertext=[f"{escape(row.name)}<br>{_sight(row)}" for row in seen],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    side = max(found.input[1:])
    figure.add_hline(
        y=side,
        line={"color": ORANGE, "width": 1.5, "dash": "dash"},
        annotation={"text": f"the image, {side}", "xanchor": "left", "yanchor": "bottom", "x": 0},
    )
    figure.update_layout(
        xaxis=axis(
            showgrid=False,
            range=[-0.6, len(seen) - 0.4],
            **named_places([(place, escape(row.name)) for place, row in enumerate(seen)], len(seen)),
        ),
        yaxis=axis("pixels seen, one side", rangemode="tozero", tickformat=","),
        updatemenus=[scale_switch("yaxis")],
    )
    return figure


def _sight(row: "Row") -> str:
    if not row.stride:
        return "sees the whole image"
    return f"sees {count(row.receptive_field)} pixels, its neighbours {count(row.stride)} further"


def _course(found: "Inspection", ran: Trace) -> "go.Figure":
    """An empty plot over the operations of a pass, the rows marked where they begin."""
    names = [row.name for row in found.traced_rows]
    places = [(place, escape(name)) for name, place in _beginnings(ran, names)]
    length = len(ran.operations)
    return empty_figure(
        height=400,
        xaxis=axis(range=[0, length], **named_places(places, length)),
        yaxis=byte_axis("alive", exponentformat="none"),
    )


def _beginnings(ran: Trace, names: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Each row with the place of its first operation forward, and again with that of its first backward."""
    for name, places in places_by_row(ran, names).items():
        for _, run in groupby(places, key=lambda place: ran.operations[place].backward):
            yield name, next(run)


def _add_steps(
    figure: "go.Figure", ran: Trace, alive: Sequence[int], name: str, colour: str, *, fill: str | None = None
) -> None:
    # The last step has a width too.
    operations = [*ran.operations, *ran.operations[-1:]]
    settings: dict[str, Any] = {"fill": "tozeroy", "fillcolor": fill} if fill else {}
    figure.add_scatter(
        x=list(range(len(operations))),
        y=[*alive, *alive[-1:]],
        name=name,
        mode="lines",
        line={"color": colour, "width": 1.5 if len(operations) < 300 else 1, "shape": "hv"},
        hovertext=[_words(operation) for operation in operations],
        hovertemplate=f"%{{hovertext}}<br>{name}: {HOVER_BYTES}<extra></extra>",
        **settings,
    )


def _mark_peak(figure: "go.Figure", ran: Trace, alive: Sequence[int]) -> None:
    if not alive:
        return
    place = max(range(len(alive)), key=alive.__getitem__)
    left = place < len(alive) / 2
    figure.add_annotation(
        x=place + 0.5,
        y=alive[place],
        text=f"peak {size(alive[place])}: {_words(ran.operations[place])}",
        xanchor="left" if left else "right",
        ax=24 if left else -24,
        ay=-14,
        arrowhead=2,
        arrowcolor=INK,
        font={"size": 12},
    )
    # Room for the words above the highest step.
    figure.update_layout(yaxis_range=[0, 1.18 * alive[place] or 1])


def _words(operation: Operation) -> str:
    where = f"{escape(operation.path)}, " if operation.path else ""
    return f"{where}{escape(operation.name)}{' (backward)' if operation.backward else ''}"
