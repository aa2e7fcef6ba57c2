"""A classic network is a chain of named rows, and the rows are the rows of its paper's table."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Literal, NamedTuple, Self, get_args

import torch
from torch import nn

from classicnets.errors import UsageError, check_choice, near
from classicnets.layers.initialisation import Initialise, he, initialise, modern, start_as_shortcuts
from classicnets.layers.recomputing import recomputed
from classicnets.layers.storage import allocate, without_memory

FirstWeights = Literal["paper", "modern"]
"""By which rule a network's weights begin: its paper's, or what has become usual since."""


class Site(NamedTuple):
    """What arrives at a row: the shape of one image's activation, and how many classes the network tells apart.

    A vector is ``flat``: its length counts as channels, of one pixel each.
    """

    channels: int
    height: int
    width: int
    classes: int
    flat: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels, height, width of maps; the length alone of a vector."""
        return (self.channels,) if self.flat else (self.channels, self.height, self.width)


class Built(NamedTuple):
    """A row made for its place: the module, and what it hands to the next row."""

    module: nn.Module
    out: Site


class ImageTooSmallError(UsageError):
    """So few pixels arrive at a row that nothing would leave it."""


Row = Callable[[Site], Built]
"""A line of a network's table: told what arrives, it makes the module and says what leaves."""


def rows(**table: Row) -> Mapping[str, Row]:
    """A table of rows, in the order written."""
    return table


@dataclass(frozen=True, kw_only=True)
class Design:
    """A network on paper: everything but the weights.

    Attributes:
        rows: the table, from the image to the logits. The last row is the head.
        aux: auxiliary classifiers, each under the name of the row it hangs from.
        input_shape: channels, height and width of the paper's input.
        num_classes: the paper's.
        initialise: the paper's rule for the first weights.
    """

    rows: Mapping[str, Row]
    aux: Mapping[str, Row] = field(default_factory=dict)
    input_shape: tuple[int, int, int]
    num_classes: int
    initialise: Initialise = he


class Chain(nn.Module):
    """A network made of named rows that run one after the other; auxiliary heads hang from rows.

    Rows are submodules under their own names. ``forward`` returns logits and nothing else, in training and in
    evaluation alike.

    Attributes:
        name: as in the catalog ("resnet20_cifar").
        options: what was asked for beyond the defaults, enough to make the same network again.
        input_shape: channels, height and width that the rows were made for.
        num_classes: the number of logits.
        rows: the names of the rows, in order.
        sites: for each row what leaves it.
        first_weights: the rule that weights begin by.
        frozen: the rows that `freeze` made fixed functions.
        statistics_held: whether `hold_statistics` keeps those of batch normalisation.
        segments: neighbouring rows that training runs again, as `recompute` was told.
    """

    def __init__(
        self,
        design: Design,
        *,
        name: str = "chain",
        options: Mapping[str, object] = MappingProxyType({}),
        num_classes: int | None = None,
        in_channels: int | None = None,
        input_size: int | tuple[int, int] | None = None,
        first_weights: FirstWeights = "paper",
    ) -> None:
        super().__init__()
        check_choice("first_weights", first_weights, get_args(FirstWeights))
        self.name = name
        self.options = dict(options)
        self.num_classes = _positive("num_classes", design.num_classes if num_classes is None else num_classes)
        channels, *size = design.input_shape
        height, width = _size(input_size) if input_size is not None else size
        channels = _positive("in_channels", channels if in_channels is None else in_channels)
        self.input_shape = (channels, height, width)
        self.rows = tuple(design.rows)
        self.sites: dict[str, Site] = {}
        self._design = design
        self.first_weights: FirstWeights = first_weights
        self.frozen: frozenset[str] = frozenset()
        self.statistics_held = False
        self.segments: tuple[tuple[str, ...], ...] = ()
        made, aux = self._make(height, width)
        for row, (module, self.sites[row]) in made.items():
            self.add_module(row, module)
        self.aux = nn.ModuleDict(aux)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) -> (N, num_classes) logits."""
        return self._run(images, with_aux=False)[0]

    def forward_with_aux(self, images: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The logits, and under each row that carries an auxiliary head the logits of that head."""
        return self._run(images, with_aux=True)

    def row_modules(self) -> Iterator[tuple[str, nn.Module]]:
        """The rows, each with its module."""
        for row in self.rows:
            yield row, self.get_submodule(row)

    def find_row(self, row: str) -> str:
        """The row of that name; ``conv3_x`` stands for the last row whose name begins with ``conv3_``.

        Raises:
            UsageError: there is none; the message names near ones.
        """
        if row in self.rows:
            return row
        if row.endswith("_x"):
            stage = [name for name in self.rows if name.startswith(row[:-1])]
            if stage:
                return stage[-1]
        raise UsageError(f"{self.name} has no row {row!r}{near(row, self.rows)}")

    def upto(self, row: str) -> nn.Sequential:
        """The rows from the image to ``row``, that one included; they stay this network's own, weights and all.

        Those that are frozen now stay in evaluation mode whatever ``train`` says.
        """
        last = self.rows.index(self.find_row(row))
        cut = OrderedDict((name, self.get_submodule(name)) for name in self.rows[: last + 1])
        return _Cut(cut, self.frozen.intersection(cut))

    def freeze(self, upto: str | None) -> Self:
        """Make the rows up to ``upto``, that one included, fixed functions; later rows learn. None frees all rows.

        A frozen row's parameters get no gradient, and it stays in evaluation mode whatever ``train`` says: dropout is
        off, and batch normalisation uses and keeps its running statistics. An auxiliary head is frozen with the row
        it hangs from.
        """
        last = -1 if upto is None else self.rows.index(self.find_row(upto))
        self.frozen = frozenset(self.rows[: last + 1])
        return self._settle()

    def hold_statistics(self, held: bool = True) -> Self:
        """Have batch normalisation use and keep its running statistics in training too, in every row; or no longer.

        Its scales and shifts go on learning. Auxiliary heads, which may be fresh, are left as they are.
        """
        self.statistics_held = held
        return self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Switch to training, or to evaluation; frozen rows and statistics that are held stay in evaluation."""
        super().train(mode)
        for row in self.frozen:
            for module in self._with_aux(row):
                module.eval()
        if self.statistics_held:
            for _, row_module in self.row_modules():
                for module in row_module.modules():
                    if isinstance(module, nn.modules.batchnorm._BatchNorm):
                        module.eval()
        return self

    def recompute(self, segments: Iterable[tuple[str, str]]) -> Self:
        """Have training keep of each segment only what arrives at it, and run its rows again in the backward pass.

        Outputs, gradients and running statistics stay the same, bit for bit.

        Args:
            segments: each its first and its last row, in order; none for keeping everything. The first row must not
                write over what arrives at it, as one that is nothing but a ReLU does.

        Raises:
            UsageError: there is no such row, or the segments are out of order or overlap.
        """
        found: list[tuple[str, ...]] = []
        free = 0
        for first, last in segments:
            begin, end = (self.rows.index(self.find_row(row)) for row in (first, last))
            if not free <= begin <= end:
                raise UsageError(f"segments of {self.name} follow one another: {first} to {last} does not")
            free = end + 1
            found.append(self.rows[begin:free])
        self.segments = tuple(found)
        return self

    def replace_head(self, num_classes: int) -> Self:
        """Make the last row and the auxiliary heads anew for ``num_classes`` classes, with fresh weights."""
        self.num_classes = _positive("num_classes", num_classes)
        *body, head = self.rows
        arrives = self.sites[body[-1]] if body else Site(*self.input_shape, num_classes)
        old = next(iter(self.parameters()))
        with without_memory():
            module, self.sites[head] = self._design.rows[head](arrives._replace(classes=num_classes))
            fresh = {head: module, **{f"aux.{row}": self._aux_head(row) for row in self.aux}}
        for path, made in fresh.items():
            if old.device.type != "meta":
                allocate(made, old.device)
                initialise(made, self._rule, path=path)
            self.set_submodule(path, made.to(dtype=old.dtype))
        return self._settle()

    def reset(self) -> Self:
        """Give every row fresh weights by the rule asked for, the paper's by default, from torch's random numbers."""
        initialise(self, self._rule)
        if self.first_weights == "modern":
            start_as_shortcuts(self)
        return self

    def smallest_input(self) -> int:
        """The side in pixels of the smallest square image whose activations reach every row and auxiliary head."""
        too_small, enough = 0, max(self.input_shape[1:])
        while not self._reaches_the_end(enough):
            too_small, enough = enough, 2 * enough
        while enough - too_small > 1:
            middle = (too_small + enough) // 2
            too_small, enough = (too_small, middle) if self._reaches_the_end(middle) else (middle, enough)
        return enough

    def _run(self, images: torch.Tensor, *, with_aux: bool) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        if images.dim() != 4 or images.shape[1] != self.input_shape[0]:
            wanted = f"(images, {self.input_shape[0]}, height, width)"
            raise UsageError(f"{self.name} takes images of shape {wanted}, not {tuple(images.shape)}")
        activation = images
        auxiliary: dict[str, torch.Tensor] = {}
        try:
            for rows, again in self._parts():
                run = partial(self._run_rows, rows, with_aux)
                modules = [module for row in rows for module in self._with_aux(row)] if again else []
                activation, found = recomputed(run, activation, modules) if again else run(activation)
                auxiliary |= found
        except RuntimeError:
            self._must_take(images.shape[2], images.shape[3], with_aux=with_aux)
            raise
        return activation, auxiliary

    def _run_rows(
        self, rows: Sequence[str], with_aux: bool, activation: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        auxiliary = {}
        for row in rows:
            activation = self.get_submodule(row)(activation)
            if with_aux and row in self.aux:
                auxiliary[row] = self.aux[row](activation)
        return activation, auxiliary

    def _parts(self) -> Iterator[tuple[tuple[str, ...], bool]]:
        """The rows from the image to the logits in parts, and whether the backward pass runs a part again."""
        done = 0
        for segment in self.segments if self.training and torch.is_grad_enabled() else ():
            begin = self.rows.index(segment[0])
            yield self.rows[done:begin], False
            yield segment, True
            done = begin + len(segment)
        yield self.rows[done:], False

    def _must_take(self, height: int, width: int, *, with_aux: bool) -> None:
        """Raise where the rows cannot take images of that size: too small, or weights for another size."""
        made, aux = self._make(height, width)
        fresh = {row: module for row, (module, _) in made.items()}
        if with_aux:
            fresh |= {f"aux.{row}": module for row, module in aux.items()}
        for path, module in fresh.items():
            if _weight_shapes(module) != _weight_shapes(self.get_submodule(path)):
                made_for = "x".join(map(str, self.input_shape[1:]))
                raise UsageError(
                    f"{self.name} takes images of {made_for} pixels, not {height}x{width}:"
                    f" the weights of row {path} are made for that size;"
                    f" a network for yours is made with input_size=({height}, {width})"
                )

    def _make(self, height: int, width: int) -> tuple[dict[str, Built], dict[str, nn.Module]]:
        """Rows and auxiliary heads for images of that size, without storage: weights come once, later."""
        try:
            return self._try_to_make(height, width)
        except ImageTooSmallError as error:
            side = self.smallest_input()
            message = f"{self.name} takes images of at least {side}x{side} pixels, not {height}x{width}: {error}"
            raise UsageError(message) from error

    def _try_to_make(self, height: int, width: int) -> tuple[dict[str, Built], dict[str, nn.Module]]:
        site = Site(self.input_shape[0], height, width, self.num_classes)
        made = {}
        aux = {}
        with without_memory():
            for row, make in self._design.rows.items():
                made[row] = make(site)
                site = made[row].out
                if row in self._design.aux:
                    aux[row] = self._design.aux[row](site).module
        return made, aux

    def _reaches_the_end(self, side: int) -> bool:
        try:
            self._try_to_make(side, side)
        except ImageTooSmallError:
            return False
        return True

    @property
    def _rule(self) -> Initialise:
        return modern if self.first_weights == "modern" else self._design.initialise

    def _settle(self) -> Self:
        """Bring gradients and modes of the rows in line with what is frozen."""
        for row in self.rows:
            for module in self._with_aux(row):
                module.requires_grad_(row not in self.frozen)
        return self.train(self.training)

    def _aux_head(self, row: str) -> nn.Module:
        return self._design.aux[row](self.sites[row]._replace(classes=self.num_classes)).module

    def _with_aux(self, row: str) -> list[nn.Module]:
        return [self.get_submodule(row), *([self.aux[row]] if row in self.aux else [])]


class _Cut(nn.Sequential):
    """Rows of a network, of which the frozen ones stay in evaluation mode."""

    def __init__(self, rows: OrderedDict[str, nn.Module], frozen: frozenset[str] = frozenset()) -> None:
        super().__init__(rows)
        self._frozen = frozen

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        for row, module in self.named_children():
            if row in self._frozen:
                module.eval()
        return self


def _weight_shapes(module: nn.Module) -> list[torch.Size]:
    return [tensor.shape for tensor in module.state_dict().values()]


def _size(given: int | tuple[int, int]) -> tuple[int, int]:
    sides = [given, given] if isinstance(given, int) else list(given) if isinstance(given, tuple | list) else []
    if len(sides) != 2:
        raise UsageError(f"input_size must be a side or (height, width), in pixels, not {given!r}")
    height, width = (_positive("input_size", side) for side in sides)
    return height, width


def _positive(what: str, number: int) -> int:
    if not isinstance(number, int) or number < 1:
        raise UsageError(f"{what} must be a whole number of at least 1, not {number!r}")
    return number
