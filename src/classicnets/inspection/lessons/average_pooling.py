"""Global average pooling in the place of fully connected layers (GoogLeNet's paper, section 5)."""

from collections.abc import Mapping
from dataclasses import replace

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
    times,
)
from classicnets.inspection.lessons.sources import claim
from classicnets.networks.alexnet import alexnet
from classicnets.networks.chain import Chain, Design, Row, rows
from classicnets.networks.googlenet import googlenet
from classicnets.networks.heads import classifier, hidden
from classicnets.networks.rows import global_average_pool, linear
from classicnets.networks.vgg import vgg

_CONNECTED = rows(
    fc6=hidden(4096, head="connected"), fc7=hidden(4096, head="connected"), fc8=classifier(head="connected")
)
_AVERAGED = rows(average=global_average_pool(), fc=linear())
_SIDES = (224, 448)  # pixels


def lesson(progress: Progress) -> Lesson:
    """The lesson."""
    designs = {"alexnet": alexnet(), "vgg16": vgg(configuration="D"), "googlenet": googlenet()}
    both = {
        name: (_with_head(design, _CONNECTED), _with_head(design, _AVERAGED))
        for name, design in stepped(list(designs.items()), progress)
    }
    sizes = {name: tuple(inspect(name, input_size=side) for side in _SIDES) for name in ("vgg16", "googlenet")}
    connected, averaged = both["vgg16"]
    inception = both["googlenet"]
    small, large = sizes["vgg16"]
    return Lesson(
        topic="average-pooling",
        title="The mean of each map in place of fully connected layers",
        question="What does GoogLeNet save by averaging its last maps instead of connecting all their pixels?",
        tables=(_heads(both), _on_larger_images(sizes)),
        conclusions=(
            f"VGG-16 with one layer on the means of its maps would have {averaged.parameters:,} parameters for"
            f" {connected.parameters:,}: {share(1 - averaged.parameters / connected.parameters)} of them are gone, and"
            f" {share(1 - averaged.macs / connected.macs)} of the MACs.",
            f"GoogLeNet with VGG's three layers would have {inception[0].parameters:,} for {inception[1].parameters:,},"
            f" {times(inception[0].parameters / inception[1].parameters)} as many.",
            f"A layer that reads every pixel is made for one size of image: at {_SIDES[1]} pixels VGG-16 needs"
            f" {large.parameters:,} parameters for {small.parameters:,} at {_SIDES[0]}, GoogLeNet the same"
            f" {sizes['googlenet'][1].parameters:,}.",
        ),
        papers=(claim("googlenet", "Average pooling"),),
    )


def _with_head(design: Design, head: Mapping[str, Row]) -> Inspection:
    """The rows up to the last maps, then that head; auxiliary heads apart."""
    last = [name for name in design.rows if name.startswith(("pool", "inception"))][-1]
    names = list(design.rows)
    body = {name: design.rows[name] for name in names[: names.index(last) + 1]}
    return inspect(Chain(replace(design, rows={**body, **head}, aux={})))


def _heads(both: dict[str, tuple[Inspection, Inspection]]) -> LessonTable:
    columns = (
        text("network"),
        text("last maps"),
        text("head"),
        counted("its parameters"),
        counted("all parameters"),
        Column("MACs", "short"),
    )
    lines = []
    for name, pair in both.items():
        for head, found, count in zip(("fc 4096, 4096, 1000", "average, fc 1000"), pair, (3, 2), strict=True):
            maps = " x ".join(map(str, found.rows[-count - 1].output))
            own = sum(row.parameters for row in found.rows[-count:])
            lines.append((name, maps, head, own, found.parameters, found.macs))
    return table("Two heads on the last maps of three networks", columns, lines)


def _on_larger_images(sizes: dict[str, tuple[Inspection, ...]]) -> LessonTable:
    columns = (text("network"), *(counted(f"parameters at {side} pixels") for side in _SIDES))
    return table(
        "The same networks made for larger images",
        columns,
        [(name, *(found.parameters for found in pair)) for name, pair in sizes.items()],
    )
