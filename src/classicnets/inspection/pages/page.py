"""An inspection as one HTML page that needs no network."""

from math import prod
from typing import TYPE_CHECKING

from classicnets.inspection.drawing.svg import draw
from classicnets.inspection.known import last_map, paper_of
from classicnets.inspection.pages import plots
from classicnets.inspection.pages.page_parts import (
    MEANING,
    Cell,
    Fact,
    Plot,
    Section,
    SortedTable,
    columns,
    drawn,
    number,
    render,
)
from classicnets.inspection.units import count, shape, short, size
from classicnets.papers import NetworkFacts, Paper
from classicnets.papers.results import contradiction_in_words, in_words

if TYPE_CHECKING:
    from classicnets.inspection.inspection import Inspection, Row

_ON_SHORTCUTS = (
    "Tensors that wait while other operations run, until a sum or a concatenation takes them up, or what is made of"
    " them."
)


def page(found: "Inspection") -> str:
    """A network on a page: its figures, a drawing, plots, rows, what its shortcuts hold, and what its paper says.

    Raises:
        UsageError: the packages that draw are missing.
    """
    paper, facts = paper_of(found)
    about = [facts.summary, paper.citation] if paper else []
    sections = [
        Section(heading="Drawing", drawing=_drawing(found)),
        Section(heading="Where it goes", plots=_plots(found)),
        Section(heading="Rows", table=_rows(found, facts), note=_on_rows(found)),
        *_shortcuts(found),
        *([_of_the_paper(paper, facts)] if paper else []),
        MEANING,
    ]
    return render(
        title=found.name, about=[line for line in about if line], headline=_headline(found), sections=sections
    )


def _drawing(found: "Inspection") -> str:
    document = draw(found)
    # An HTML page has no room for the declaration of a document of its own.
    return document[document.index("<svg") :]


def _headline(found: "Inspection") -> list[Fact]:
    peak = found.live_peak
    images = "one image" if found.batch == 1 else f"{found.batch} images"
    aux = f"; {count(found.aux_parameters)} more in auxiliary heads" if found.aux_parameters else ""
    last = last_map(found.rows)
    facts = [
        Fact("input", shape(found.input), "channels, height, width"),
        Fact("parameters", short(found.parameters), count(found.parameters) + aux),
        Fact("MACs", short(found.macs), f"{count(found.macs)}, one image"),
        Fact("activations", size(found.activation_bytes), "what leaves the rows, one image"),
        Fact("live memory, eager", size(peak.eager), f"{count(peak.eager)} bytes, {images}"),
        Fact("live memory, fused", size(peak.fused), f"{count(peak.fused)} bytes, {images}"),
        Fact("live memory, training", size(peak.training), f"{images}, {found.optimizer}, {found.precision}"),
    ]
    if last:
        side = f"{count(last.receptive_field)} pixels" if last.stride else "everything"
        facts.append(Fact("sees", side, f"one side, an activation of {last.name}"))
    return facts


def _plots(found: "Inspection") -> tuple[Plot, ...]:
    step = found.training_memory
    figures = [
        ("Parameters, MACs and activations by row", "Rows in the order that they run.", plots.by_row(found)),
        (
            "Live memory in inference",
            "Bytes alive while each operation runs, input and weights apart. Names stand where rows begin.",
            plots.live_memory(found),
        ),
        (
            "Live memory in training",
            f"The same over a forward and a backward pass. The forward leaves {size(step.activations)} for the backward"
            f" pass; the gradients of the weights take {size(step.gradients)}, the optimizer's state"
            f" {size(step.optimizer_state)}.",
            plots.training_memory(found),
        ),
    ]
    if any(row.receptive_field for row in found.rows):
        caption = "The side of the square of pixels that an activation depends on, row by row."
        figures.append(("Receptive field", caption, plots.receptive_field_growth(found)))
    return drawn(figures)


def _rows(found: "Inspection", facts: NetworkFacts) -> SortedTable:
    printed = list(dict.fromkeys(column for row in facts.rows.values() for column in row.printed))
    numbers = ("output", "parameters", "MACs", "bytes out", "sees", "stride", *(f"paper: {name}" for name in printed))
    rows = []
    for place, row in enumerate(found.rows):
        stated = facts.rows[row.name].printed if row.name in facts.rows else {}
        rows.append(
            (
                Cell(row.name, place),
                Cell(shape(row.output), prod(row.output)),
                number(row.parameters),
                number(row.macs),
                number(row.activation_bytes),
                Cell(_sight(row), row.receptive_field),
                number(row.stride),
                *(Cell(stated.get(name, ""), place) for name in printed),
            )
        )
    totals = ("total", "", *map(count, (found.parameters, found.macs, found.activation_bytes)), "", "")
    return SortedTable(columns(("row",), numbers), tuple(rows), (*totals, *("" for _ in printed)))


def _sight(row: "Row") -> str:
    if not row.receptive_field:
        return ""
    beyond = " *" if row.exceeds_image else ""
    return f"{count(row.receptive_field)}{beyond}" if row.stride else "all"


def _on_rows(found: "Inspection") -> str:
    said = "A click on a column's head sorts."
    return f"{said} * sees beyond the border of the image." if any(row.exceeds_image for row in found.rows) else said


def _shortcuts(found: "Inspection") -> list[Section]:
    if not found.shortcuts:
        return []
    places = {row.name: place for place, row in enumerate(found.rows)}
    rows = tuple(
        (
            *(Cell(row, places.get(row, -1)) for row in (held.row, held.begin, held.end)),
            Cell(held.kind, held.kind),
            number(held.bytes),
            number(held.operations),
        )
        for held in found.shortcuts
    )
    heads = columns(("comes together in", "made in", "waits until", "as"), ("bytes held", "operations meanwhile"))
    return [Section(heading="What shortcuts hold", table=SortedTable(heads, rows), note=_ON_SHORTCUTS)]


def _of_the_paper(paper: Paper, facts: NetworkFacts) -> Section:
    cannot_hold = [contradiction_in_words(stated) for stated in (*paper.contradictions, *facts.contradictions)]
    return Section(
        heading="What the paper says",
        lists={
            "Reported": [in_words(result) for result in facts.reported],
            "Cannot hold as printed": cannot_hold,
            "Where this network departs from it": [*paper.departs, *facts.departs],
            "What it leaves open, and what was chosen": facts.unsaid,
        },
    )
