"""Groups of maps: AlexNet's towers (section 3.2 of its paper) and ResNeXt's cardinality (table 2 of its paper)."""

from classicnets.inspection.inspection import Inspection, inspect
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
from classicnets.inspection.lessons.sources import VALIDATION, claim, look_at, reported, result
from classicnets.networks.rows import convolution

_MAPS, _SIDE = 256, 14
_GROUPS = (1, 2, 4, 32, 256)
_CARDINALITIES = ((2, 40), (4, 24), (8, 14), (32, 4))  # groups, and channels of each in the first stage
_CROP = "one 224x224 crop, shorter side 256"


def lesson(progress: Progress) -> Lesson:
    """The lesson."""
    layers = {count: _layer(count) for count in _GROUPS}
    towers, single = inspect("alexnet"), inspect("alexnet_single")
    widths = {"1x64d": inspect("resnet50_v1_5")}
    for count, width in stepped(_CARDINALITIES, progress):
        widths[f"{count}x{width}d"] = inspect(f"resnext50_{count}x{width}d")
    errors = {"1x64d": _error("ResNet-50, 1x64d")}
    errors |= {f"{count}x{width}d": _error(f"ResNeXt-50, {count}x{width}d") for count, width in _CARDINALITIES[:-1]}
    last = list(widths)[-1]
    errors[last] = reported("resnext50_32x4d", "top-1 error", _CROP).value
    saved = sum(row.macs for row in single.rows) - sum(row.macs for row in towers.rows)
    first, most = widths["1x64d"], widths[last]
    costs = sorted(found.macs for found in widths.values())
    return Lesson(
        topic="groups",
        title="AlexNet's towers and ResNeXt's groups",
        question="What is saved where a kernel reads only some of the maps, and what is done with that?",
        tables=(_layers(layers), _towers(towers, single), _cardinalities(widths, errors)),
        conclusions=(
            f"With g groups a kernel reads 1/g of the maps: {layers[2].parameters:,} weights for"
            f" {layers[1].parameters:,} with 2, {layers[_MAPS].parameters:,} with a group for each of the {_MAPS}"
            " maps.",
            "AlexNet's two towers are there to fit two small GPUs; against one column they save"
            f" {share(saved / single.macs)} of the MACs and {single.parameters - towers.parameters:,} parameters,"
            f" {share(1 - towers.parameters / single.parameters)}, for most are in fully connected layers.",
            f"ResNeXt spends what groups save on more maps: from 1 group to {_CARDINALITIES[-1][0]} the MACs stay"
            f" between {costs[0] / 1e9:.2f} and {costs[-1] / 1e9:.2f} G, the 3x3 convolutions of the first stage go"
            f" from {_inner(first)} maps to {_inner(most)}, and the top-1 error falls from {errors['1x64d']}% to"
            f" {errors[last]}%.",
        ),
        papers=(claim("resnext50_32x4d", "At the same number of MACs"), claim("alexnet", "Two GPUs")),
    )


def _layer(groups: int) -> Inspection:
    made = convolution(_MAPS, 3, padding=1, groups=groups, bias=False)
    return look_at((_MAPS, _SIDE, _SIDE), convolution=made)


def _layers(layers: dict[int, Inspection]) -> LessonTable:
    columns = (counted("groups"), counted("maps a kernel reads"), counted("weights"), Column("MACs", "short"))
    return table(
        f"A 3x3 convolution from {_MAPS} to {_MAPS} maps of {_SIDE}x{_SIDE} pixels",
        columns,
        [(groups, _MAPS // groups, found.parameters, found.macs) for groups, found in layers.items()],
    )


def _towers(towers: Inspection, single: Inspection) -> LessonTable:
    columns = (
        text("row"),
        counted("groups"),
        counted("parameters"),
        counted("in one column"),
        counted("MACs"),
        counted("MACs in one column"),
    )
    traced = {row.name: row for row in towers.traced_rows}
    lines = []
    for one, other in zip(towers.rows, single.rows, strict=True):
        if one.macs:
            groups = [step.arguments[8] for step in traced[one.name].operations if step.name == "convolution"]
            lines.append(
                (one.name, groups[0] if groups else None, one.parameters, other.parameters, one.macs, other.macs)
            )
    total = ("all", None, towers.parameters, single.parameters, towers.macs, single.macs)
    return table("AlexNet in two towers, and in one column", columns, [*lines, total])


def _cardinalities(widths: dict[str, Inspection], errors: dict[str, float]) -> LessonTable:
    columns = (
        text("groups x channels"),
        counted("maps of a 3x3 in conv2"),
        counted("parameters"),
        counted("MACs"),
        Column("top-1 error in the paper", "percent"),
    )
    return table(
        "ResNet-50 and ResNeXt-50, stride in the 3x3 convolution",
        columns,
        [(name, _inner(found), found.parameters, found.macs, errors[name]) for name, found in widths.items()],
    )


def _inner(found: Inspection) -> int:
    """The maps of the 3x3 convolution in the first block."""
    steps = next(row for row in found.traced_rows if row.name == "conv2_1").operations
    return next(
        step.outputs[0].shape[1] for step in steps if step.name == "convolution" and step.arguments[1].shape[-1] == 3
    )


def _error(model: str) -> float:
    return result("resnext50_32x4d", model, "top-1 error", VALIDATION).value
