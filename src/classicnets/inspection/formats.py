"""An inspection written down: for programs, for documents, for spreadsheets."""

import csv
import dataclasses
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from classicnets.inspection.units import count, shape, size

if TYPE_CHECKING:
    from classicnets.inspection.inspection import Inspection

CONVENTIONS = (
    "Parameters are trainable numbers, batch normalisation's scale and shift included; buffers are kept, not trained.",
    "MACs are multiply-accumulates of convolutions and fully connected layers for one image, biases not counted.",
    "Other operations are what is no multiply-accumulate: activations, normalisation, pooling, sums, biases.",
    "A row sees so many pixels on a side of the image, + where that is more than there are; its neighbours, the same a"
    " stride further on.",
    "Live memory is the most alive at once in float32, input and weights apart: eager as PyTorch runs it, fused as an"
    " inference runtime plans it, training with gradients and the optimizer's state.",
)
"""What the figures of every table mean."""


def as_dict(found: "Inspection") -> dict[str, Any]:
    """The whole table; counts are of one image, bytes of live memory of the batch."""
    return {
        "name": found.name,
        "input": list(found.input),
        "batch": found.batch,
        "parameters": found.parameters,
        "aux_parameters": found.aux_parameters,
        "buffers": found.buffers,
        "macs": found.macs,
        "other_operations": found.other_operations,
        "activation_bytes": found.activation_bytes,
        "live_peak": found.live_peak._asdict(),
        "training": {"optimizer": found.optimizer, "precision": found.precision, **found.training_memory._asdict()},
        "rows": [{**dataclasses.asdict(row), "output": list(row.output)} for row in found.rows],
        "shortcuts": [shortcut._asdict() for shortcut in found.shortcuts],
    }


def as_csv(found: "Inspection") -> str:
    """The rows, one a line under a header; whole numbers."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    figures = ("parameters", "macs", "other_operations", "activation_bytes", "receptive_field", "stride")
    writer.writerow(["row", "output", *figures])
    for row in found.rows:
        writer.writerow([row.name, "x".join(map(str, row.output)), *(getattr(row, figure) for figure in figures)])
    return text.getvalue()


def as_markdown(found: "Inspection") -> str:
    """A headline, the rows as a table, and what the figures mean."""
    cells = [
        [
            row.name,
            shape(row.output),
            _or_nothing(row.parameters),
            _or_nothing(row.macs),
            _or_nothing(row.activation_bytes),
            _or_nothing(row.receptive_field),
            _or_nothing(row.stride),
        ]
        for row in found.rows
    ]
    totals = ["**total**", "", *(f"**{count(total)}**" for total in (found.parameters, found.macs)), "", "", ""]
    columns = ["row", "output", "parameters", "MACs", "activation bytes", "sees pixels", "stride"]
    return "\n".join(
        [
            f"## {found.name}, input {shape(found.input)}",
            "",
            *markdown_table(columns, [*cells, totals], left=2),
            "",
            *(f"- {line}" for line in headline(found)),
            "",
            *CONVENTIONS,
            "",
        ]
    )


def headline(found: "Inspection") -> list[str]:
    """The totals, a line each."""
    lines = [f"parameters: {count(found.parameters)}; buffers: {count(found.buffers)}"]
    if found.aux_parameters:
        lines.append(f"auxiliary heads, in training only: {count(found.aux_parameters)} parameters more")
    of_batch = "" if found.batch == 1 else f", {found.batch} images at once"
    peak = found.live_peak
    lines += [
        f"MACs: {count(found.macs)}; other operations: {count(found.other_operations)}",
        f"live memory{of_batch}: eager {size(peak.eager)}, fused {size(peak.fused)}, training {size(peak.training)}"
        f" ({found.optimizer}, {found.precision})",
    ]
    return lines


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> list[str]:
    """The lines of a table whose first ``left`` columns are flush left and the others flush right."""
    marks = ["---" if place < left else "---:" for place in range(len(columns))]
    return [f"| {' | '.join(cells)} |" for cells in (columns, marks, *rows)]


def _or_nothing(number: int) -> str:
    return count(number) if number else ""
