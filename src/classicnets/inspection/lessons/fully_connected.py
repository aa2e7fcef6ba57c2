"""Fully connected layers: many parameters, little arithmetic."""

from torch import nn

from classicnets.inspection.inspection import Inspection, Row, inspect
from classicnets.inspection.lessons.form import (
    Column,
    Lesson,
    LessonTable,
    Progress,
    counted,
    share,
    stepped,
    table,
    text,
)
from classicnets.inspection.lessons.sources import macs_within, parameters_within
from classicnets.inspection.units import size

_NETWORKS = ("lenet5_dense", "alexnet", "zfnet", "vgg16", "vgg19", "googlenet", "resnet50", "inception_v3")


def lesson(progress: Progress) -> Lesson:
    """The lesson."""
    networks = {name: inspect(name) for name in stepped(_NETWORKS, progress)}
    vgg16 = networks["vgg16"]
    rows = {row.name: row for row in vgg16.rows}
    fc6 = rows["fc6"]
    heads = {name: _connected(found) for name, found in networks.items()}
    parameters, macs = heads["vgg16"]
    convolutions = [row for row in vgg16.rows if row.name.startswith("conv")]
    small = sum(row.parameters for row in convolutions) / vgg16.parameters
    large = sum(row.macs for row in convolutions) / vgg16.macs
    return Lesson(
        topic="fully-connected",
        title="Where VGG's parameters are",
        question="Which layers hold the parameters of a classic network, and which do the work?",
        tables=(_by_stage(vgg16), _by_network(networks, heads)),
        conclusions=(
            f"fc6 alone holds {fc6.parameters:,} of VGG-16's {vgg16.parameters:,} parameters,"
            f" {share(fc6.parameters / vgg16.parameters)}; the three fully connected layers"
            f" {share(parameters / vgg16.parameters)}, for {share(macs / vgg16.macs)} of its MACs.",
            f"The {len(convolutions)} convolutions are the other way round: {share(small)}"
            f" of the parameters, {share(large)} of the MACs, for a weight is used at"
            " each place of the map.",
            "GoogLeNet and ResNet average each map first and keep one fully connected layer:"
            f" {heads['googlenet'][0]:,} and {heads['resnet50'][0]:,} parameters of"
            f" {networks['googlenet'].parameters:,} and {networks['resnet50'].parameters:,}. VGG-16's weights are"
            f" {size(4 * vgg16.parameters)} in float32, GoogLeNet's {size(4 * networks['googlenet'].parameters)}.",
        ),
    )


def _connected(found: Inspection) -> tuple[int, int]:
    """Parameters and MACs of the fully connected layers, auxiliary heads apart."""
    paths = [
        path
        for path, module in found.module.named_modules()
        if isinstance(module, nn.Linear) and not path.startswith("aux.")
    ]
    return sum(parameters_within(found, path) for path in paths), sum(macs_within(found, path) for path in paths)


def _by_stage(found: Inspection) -> LessonTable:
    """A line for each run of convolutions and the pooling after it, and for each fully connected layer."""
    columns = (
        text("rows"),
        text("leaves"),
        counted("parameters"),
        Column("share", "share"),
        Column("MACs", "short"),
        Column("share of MACs", "share"),
        Column("bytes out", "bytes"),
    )
    stages: dict[str, list[Row]] = {}
    for row in found.rows:
        stages.setdefault(_stage(row.name), []).append(row)
    lines = [
        (
            ", ".join(dict.fromkeys(row.name.partition("_")[0] for row in rows)),
            " x ".join(map(str, rows[-1].output)),
            sum(row.parameters for row in rows),
            sum(row.parameters for row in rows) / found.parameters,
            sum(row.macs for row in rows),
            sum(row.macs for row in rows) / found.macs,
            sum(row.activation_bytes for row in rows),
        )
        for rows in stages.values()
    ]
    total = ("all", None, found.parameters, 1.0, found.macs, 1.0, found.activation_bytes)
    return table("VGG-16", columns, [*lines, total])


def _stage(row: str) -> str:
    return row if row.startswith("fc") else row.removeprefix("conv").removeprefix("pool")[0]


def _by_network(networks: dict[str, Inspection], heads: dict[str, tuple[int, int]]) -> LessonTable:
    columns = (
        text("network"),
        counted("parameters"),
        counted("fully connected"),
        Column("share", "share"),
        Column("MACs", "short"),
        Column("share of MACs", "share"),
    )
    return table(
        "What is fully connected",
        columns,
        [
            (
                name,
                found.parameters,
                heads[name][0],
                heads[name][0] / found.parameters,
                found.macs,
                heads[name][1] / found.macs,
            )
            for name, found in networks.items()
        ],
    )
