"""The Inception module: kernels of all sizes, and 1x1 convolutions that pay for them (GoogLeNet's paper, figure 2)."""

from classicnets.inspection.inspection import Inspection, inspect
from classicnets.inspection.lessons.form import Column, Lesson, LessonTable, Progress, counted, table, text, times
from classicnets.inspection.lessons.sources import contradiction, look_at, macs_within, parameters_within
from classicnets.networks.googlenet import inception, naive_inception

_ARRIVES = (256, 28, 28)  # at inception_3b
_WIDTHS = (128, (128, 192), (32, 96), 64)  # inception_3b's in table 1


def lesson(progress: Progress) -> Lesson:
    """The lesson."""
    naive = look_at(_ARRIVES, module=naive_inception(*_WIDTHS))
    reduced = look_at(_ARRIVES, module=inception(*_WIDTHS))
    networks = inspect("inception_naive"), inspect("googlenet")
    progress(1, 1)
    out = {found: found.rows[-1].output[0] for found in (naive, reduced)}
    arrives = _ARRIVES[0]
    largest = macs_within(naive, "module.five_by_five") / macs_within(reduced, "module.five_by_five")
    return Lesson(
        topic="inception",
        title="The naive module against the one that reduces first",
        question="What do the 1x1 convolutions before the 3x3 and the 5x5 of an Inception module buy?",
        tables=(_by_branch(naive, reduced), _by_module(*networks)),
        conclusions=(
            f"On {arrives} maps of {_ARRIVES[1]}x{_ARRIVES[2]} pixels the naive module computes"
            f" {naive.macs / 1e6:.1f} million MACs, the one that reduces first {reduced.macs / 1e6:.1f}:"
            f" {times(naive.macs / reduced.macs)} as much, and {times(largest)} in the branch of 5x5 kernels.",
            f"{out[naive]} maps leave it for {out[reduced]}, because pooling passes all {arrives} on; in the real"
            " module a 1x1 convolution projects them.",
            f"From module to module that adds up: naive modules end in {networks[0].rows[-4].output[0]:,} maps for"
            f" {networks[1].rows[-4].output[0]:,}, and the network would have {networks[0].parameters:,} parameters for"
            f" {networks[1].parameters:,} and {times(networks[0].macs / networks[1].macs)} the MACs.",
        ),
        papers=(f"Often mixed up: {contradiction('inception_naive', 'inception_3b').found}.",),
    )


def _by_branch(naive: Inspection, reduced: Inspection) -> LessonTable:
    columns = (
        text("branch"),
        counted("maps, naive"),
        counted("weights, naive"),
        Column("MACs, naive", "short"),
        counted("maps"),
        counted("weights"),
        Column("MACs", "short"),
    )
    rows = [
        (name.replace("_", " "), *_branch(naive, name), *_branch(reduced, name))
        for name, _ in naive.module.get_submodule("module").named_children()
    ]
    totals = [(found.rows[-1].output[0], found.parameters, found.macs) for found in (naive, reduced)]
    return table(
        "One module, inception_3b, on 256 x 28 x 28; weights with biases",
        columns,
        [*rows, ("all, joined", *totals[0], *totals[1])],
    )


def _branch(found: Inspection, name: str) -> tuple[int, int, int]:
    path = f"module.{name}"
    leaves = next(call.outputs[0] for call in found.trace.calls if call.path == path)
    return leaves.shape[1], parameters_within(found, path), macs_within(found, path)


def _by_module(naive: Inspection, real: Inspection) -> LessonTable:
    columns = (
        text("row"),
        text("maps, naive"),
        Column("MACs, naive", "short"),
        text("maps"),
        Column("MACs", "short"),
        Column("naive / real", "factor"),
    )
    rows = [
        (one.name, _shape(one.output), one.macs, _shape(other.output), other.macs, one.macs / other.macs)
        for one, other in zip(naive.rows, real.rows, strict=True)
        if one.name.startswith("inception")
    ]
    total = ("whole network", None, naive.macs, None, real.macs, naive.macs / real.macs)
    return table("GoogLeNet with naive modules, and as it is", columns, [*rows, total])


def _shape(sides: tuple[int, ...]) -> str:
    return " x ".join(map(str, sides))
