"""Factorised kernels: an nx1 and a 1xn convolution for an nxn (Inception-v3's paper, section 3.2)."""

from typing import NamedTuple

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
from classicnets.inspection.lessons.sources import claim, look_at, relus_of
from classicnets.inspection.units import short
from classicnets.networks.chain import Row
from classicnets.networks.inception_rows import same
from classicnets.networks.rows import average_pool, branches, convolution, relu, sequence

_KERNELS = (3, 5, 7)
_MAPS, _SIDE = 192, 17
_MODULES = {"mixed_6b": 128, "mixed_6c": 160, "mixed_6d": 160, "mixed_6e": 192}  # and their inner width
_GRIDS = ("conv2", "pool1", "pool2", "mixed_6a", "mixed_7a")  # Inception-v3's rows where a new size of map begins
_FLOAT = 4  # bytes


class _Way(NamedTuple):
    """One kernel, or two thin ones that see as much, built and traced."""

    kernel: int
    thin: bool
    found: Inspection

    @property
    def name(self) -> str:
        side = self.kernel
        return f"{side}x1, 1x{side}" if self.thin else f"{side}x{side}"

    @property
    def moved(self) -> int:
        """Bytes that the convolutions read and write: maps and weights."""
        rows = self.found.rows
        maps = rows[0].activation_bytes * 2 * (2 if self.thin else 1)
        return maps + _FLOAT * self.found.parameters


def lesson(progress: Progress) -> Lesson:
    """The lesson."""
    ways = [_way(kernel, thin, _MAPS, _SIDE) for kernel in _KERNELS for thin in (False, True)]
    of = {(way.kernel, way.thin): way.found for way in ways}
    network = inspect("inception_v3")
    full = {row: _whole(width) for row, width in stepped(list(_MODULES.items()), progress)}
    grids = [(row, *_on_grid(network, row)) for row in _GRIDS]
    first = next(row for row in network.rows if row.name == "mixed_6b")
    saved = sum(found.macs for found in full.values()) - sum(row.macs for row in network.rows if row.name in _MODULES)
    smallest, large = _within(8, 7), _within(17, 7)
    return Lesson(
        topic="factorised",
        title="An nx1 and a 1xn convolution for an nxn",
        question="Inception-v3 has 7x7 kernels on 17x17 pixels at a price that a 7x7 never had. How, and why there?",
        tables=(_of_ways(ways), _of_modules(network, full), _of_grids(grids)),
        conclusions=(
            f"The pair has 2/n of the weights and MACs whatever the map: 3x1 and 1x3 save"
            f" {share(1 - of[3, True].parameters / of[3, False].parameters)} of a 3x3, 7x1 and 1x7"
            f" {share(1 - of[7, True].parameters / of[7, False].parameters)} of a 7x7, and see the same"
            f" {of[7, True].rows[-1].receptive_field} pixels with a ReLU more.",
            f"mixed_6b of Inception-v3 computes {short(first.macs)} MACs; with whole 7x7 kernels it would be"
            f" {short(full['mixed_6b'].macs)}, {times(full['mixed_6b'].macs / first.macs)} as much. The four modules"
            f" save {saved / 1e9:.2f} G of what would be {(network.macs + saved) / 1e9:.2f} G in all.",
            f"What depends on the map: on 8x8 pixels {share(1 - smallest)} of what a 7x7 reads is padding, on 17x17"
            f" {share(1 - large)}; and on the large maps of the first rows, where few maps arrive, the map between the"
            " two thin convolutions is the largest thing to move, so that there are fewer MACs for each byte. That"
            " the pair learns well on 12 to 20 pixels a side is what the paper found by trying, not arithmetic.",
        ),
        papers=(claim("inception_v3", "best on 12 to 20 pixels"),),
    )


def _way(kernel: int, thin: bool, channels: int, side: int) -> _Way:
    sizes = ((kernel, 1), (1, kernel)) if thin else ((kernel, kernel),)
    parts = {
        f"conv{number}": sequence(
            convolution=convolution(channels, size, padding=(size[0] // 2, size[1] // 2), bias=False), relu=relu()
        )
        for number, size in enumerate(sizes, start=1)
    }
    return _Way(kernel, thin, look_at((channels, side, side), **parts))


def _of_ways(ways: list[_Way]) -> LessonTable:
    columns = (
        text("kernels"),
        counted("weights"),
        counted("MACs"),
        counted("sees"),
        counted("ReLUs"),
        Column("of nxn", "share"),
    )
    whole = {way.kernel: way.found.macs for way in ways if not way.thin}
    return table(
        f"{_MAPS} maps in and out, {_SIDE}x{_SIDE} pixels, biases apart",
        columns,
        [
            (
                way.name,
                way.found.parameters,
                way.found.macs,
                way.found.rows[-1].receptive_field,
                relus_of(way.found),
                way.found.macs / whole[way.kernel],
            )
            for way in ways
        ],
    )


def _whole(width: int) -> Inspection:
    """The module on 17x17 pixels with 7x7 kernels where Inception-v3 has pairs."""
    made: Row = branches(
        one_by_one=same(192, 1),
        seven_by_seven=sequence(conv1=same(width, 1), conv2=same(192, 7)),
        double_seven_by_seven=sequence(conv1=same(width, 1), conv2=same(width, 7), conv3=same(192, 7)),
        pool=sequence(average=average_pool(3, stride=1, padding=1), project=same(192, 1)),
    )
    return look_at((768, 17, 17), module=made)


def _of_modules(network: Inspection, full: dict[str, Inspection]) -> LessonTable:
    columns = (
        text("module"),
        counted("width"),
        counted("parameters"),
        counted("if 7x7"),
        counted("MACs"),
        counted("MACs if 7x7"),
        Column("as much", "factor"),
    )
    rows = {row.name: row for row in network.rows}
    return table(
        "Inception-v3's modules on 17x17 pixels, as they are and with whole 7x7 kernels",
        columns,
        [
            (
                name,
                _MODULES[name],
                rows[name].parameters,
                whole.parameters,
                rows[name].macs,
                whole.macs,
                whole.macs / rows[name].macs,
            )
            for name, whole in full.items()
        ],
    )


def _on_grid(network: Inspection, row: str) -> tuple[int, int, _Way, _Way]:
    """Maps and side of what leaves that row, and a 7x7 there as a whole and as a pair."""
    channels, side, _ = next(found.output for found in network.rows if found.name == row)
    return channels, side, _way(7, False, channels, side), _way(7, True, channels, side)


def _of_grids(grids: list[tuple[str, int, int, _Way, _Way]]) -> LessonTable:
    columns = (
        text("after"),
        text("maps"),
        Column("7x7 MACs", "short"),
        Column("pair's", "short"),
        Column("map between", "bytes"),
        counted("7x7 MACs/B"),
        counted("pair's MACs/B"),
        Column("padding", "share"),
    )
    return table(
        "A 7x7 and its pair, if they stood on the maps of Inception-v3: MACs, MACs a byte, padding in what a 7x7 reads",
        columns,
        [
            (
                row,
                f"{channels} x {side} x {side}",
                whole.found.macs,
                pair.found.macs,
                pair.found.rows[0].activation_bytes,
                whole.found.macs // whole.moved,
                pair.found.macs // pair.moved,
                1 - _within(side, 7),
            )
            for row, channels, side, whole, pair in grids
        ],
    )


def _within(side: int, kernel: int) -> float:
    """The share of what a kernel reads that lies within a map of that side, on the mean of all places."""
    reach = kernel // 2
    along = sum(min(place + reach, side - 1) - max(place - reach, 0) + 1 for place in range(side))
    return (along / (side * kernel)) ** 2
