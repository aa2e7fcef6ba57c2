"""How much of the image an activation sees, and how that grows with depth."""

from classicnets.inspection.inspection import Inspection, Row, inspect
from classicnets.inspection.lessons.form import Column, Lesson, LessonTable, Progress, counted, stepped, table, text

_NETWORKS = ("alexnet", "zfnet", "vgg11", "vgg16", "vgg19", "googlenet", "resnet18", "resnet34", "resnet50")
_SHOWN = ("vgg16", "resnet18")


def lesson(progress: Progress) -> Lesson:
    """The lesson."""
    networks = {name: inspect(name) for name in stepped(_NETWORKS, progress)}
    last = {name: _last_maps(found) for name, found in networks.items()}
    beyond = {name: _first_beyond(found) for name, found in networks.items()}
    deep, shallow = "resnet34", "resnet18"
    return Lesson(
        topic="receptive-field",
        title="What one activation sees",
        question="How much of the image does an activation depend on, and where does it begin to see all of it?",
        tables=(_of_networks(networks, last, beyond), *(_by_row(name, networks[name]) for name in _SHOWN)),
        conclusions=(
            f"VGG-16 sees {last['vgg16'].receptive_field} pixels a side in its last maps, not all of the"
            f" {networks['vgg16'].input[1]} of its image; its first fully connected layer puts that together."
            f" ResNet-18 sees {last[shallow].receptive_field}, more than there are: from {beyond[shallow]} on its"
            " activations see beyond the border.",
            "A convolution adds its side less one, times the stride so far: depth adds, strides multiply. From 18 to"
            f" 34 layers ResNet goes from {last[shallow].receptive_field} to {last[deep].receptive_field} pixels at"
            f" the same stride of {last[deep].stride}.",
            "A shortcut takes nothing away: the sum sees what the longer way sees. What is meant is what an"
            " activation can depend on; pixels in the middle weigh more.",
        ),
    )


def _last_maps(found: Inspection) -> Row:
    """The last row that leaves maps."""
    return [row for row in found.rows if len(row.output) == 3][-1]


def _first_beyond(found: Inspection) -> str | None:
    """The first row of maps that sees a side longer than the image's."""
    side = min(found.input[1:])
    return next((row.name for row in found.rows if len(row.output) == 3 and row.receptive_field > side), None)


def _of_networks(networks: dict[str, Inspection], last: dict[str, Row], beyond: dict[str, str | None]) -> LessonTable:
    columns = (
        text("network"),
        counted("image"),
        text("last maps"),
        text("their shape"),
        counted("see"),
        counted("stride"),
        text("more than the image from"),
    )
    return table(
        "The last maps of each network",
        columns,
        [
            (
                name,
                found.input[1],
                last[name].name,
                " x ".join(map(str, last[name].output)),
                last[name].receptive_field,
                last[name].stride,
                beyond[name] or "nowhere",
            )
            for name, found in networks.items()
        ],
    )


def _by_row(name: str, found: Inspection) -> LessonTable:
    side = min(found.input[1:])
    columns = (text("row"), text("leaves"), counted("stride"), counted("sees"), Column("of the image's side", "share"))
    rows = [row for row in found.rows if len(row.output) == 3]
    return table(
        name,
        columns,
        [
            (
                row.name,
                " x ".join(map(str, row.output)),
                row.stride,
                row.receptive_field,
                min(1.0, row.receptive_field / side),
            )
            for row in rows
        ],
    )
