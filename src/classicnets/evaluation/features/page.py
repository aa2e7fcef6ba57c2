"""Probes of a network's rows as a page: error against depth."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from classicnets.evaluation.features.probe import Classifier, Probe
from classicnets.inspection.pages.page_parts import Cell, Section, SortedTable, columns, drawn, number, render
from classicnets.web.plotting import BLUE, INK, ORANGE, axis, empty_figure, named_places

if TYPE_CHECKING:
    import plotly.graph_objects as go

NAMES: dict[Classifier, str] = {"logistic": "logistic regression", "svm": "linear SVM"}
_COLOURS: dict[Classifier, str] = {"logistic": BLUE, "svm": ORANGE}


def probes_page(probes: Sequence[Probe], *, network: str, bundle: str, data: str, guessing: float) -> str:
    """The page.

    Args:
        probes: at least one.
        network: its name.
        bundle: what named its weights.
        data: what the classifiers learned and were tested on.
        guessing: percent wrong where the commonest class is always guessed.

    Raises:
        UsageError: plotly or jinja2 is not installed.
    """
    first = probes[0]
    caption = "Test error of a linear classifier on what leaves each row; the lines span the 95% intervals."
    heads = columns(("row", "classifier"), ("features", "C", "error", "95% interval", "training error"))
    rows = tuple(
        (
            Cell(probe.row, place),
            Cell(NAMES[probe.classifier], probe.classifier),
            number(probe.features),
            Cell(f"{probe.c:g}", probe.c),
            Cell(f"{probe.error:.2f}%", probe.error),
            Cell("{:.2f} - {:.2f}%".format(*probe.interval), probe.interval[0]),
            Cell(f"{100 * probe.train_errors / probe.train_images:.2f}%", probe.train_errors),
        )
        for place, probe in enumerate(probes)
    )
    return render(
        title=f"Linear probes of {network}",
        about=(
            f"{bundle} on {data}: {first.train_images:,} images to learn from, {first.images:,} to test on.",
            "The network stays as it is. C is chosen by cross-validation on the training part alone.",
        ),
        sections=(
            Section(heading="Error against depth", plots=drawn([("Test error", caption, _figure(probes, guessing))])),
            Section(heading="Rows", table=SortedTable(heads, rows)),
        ),
    )


def _figure(probes: Sequence[Probe], guessing: float) -> "go.Figure":
    names = list(dict.fromkeys(probe.row for probe in probes))
    figure = empty_figure(height=420)
    for place, classifier in enumerate(dict.fromkeys(probe.classifier for probe in probes)):
        own = [probe for probe in probes if probe.classifier == classifier]
        figure.add_scatter(
            x=[names.index(probe.row) + 0.06 * place for probe in own],  # beside each other, so that both can be read
            y=[probe.error for probe in own],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [probe.interval[1] - probe.error for probe in own],
                "arrayminus": [probe.error - probe.interval[0] for probe in own],
                "thickness": 1,
                "width": 3,
            },
            name=NAMES[classifier],
            mode="lines+markers",
            line={"color": _COLOURS[classifier], "width": 2},
            marker={"size": 7},
            hovertext=[escape(probe.row) for probe in own],
            hovertemplate=f"%{{hovertext}}<br>{NAMES[classifier]}: %{{y:.2f}}%<extra></extra>",
        )
    figure.add_hline(
        y=guessing,
        line={"color": INK, "width": 1, "dash": "dash"},
        annotation={"text": f"guessing, {guessing:.1f}%", "xanchor": "left", "yanchor": "bottom", "x": 0},
    )
    figure.update_layout(
        showlegend=True,
        xaxis=axis(
            showgrid=False,
            range=[-0.6, len(names) - 0.4],
            **named_places([(place, escape(name)) for place, name in enumerate(names)], max(len(names), 8)),
        ),
        yaxis=axis("test error, %", rangemode="tozero", ticksuffix="%"),
    )
    return figure
