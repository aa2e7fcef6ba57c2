"""A classic network is a chain of named rows, and the rows are the rows of its paper's table."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple, Self

import torch
from torch import nn

from classicnets.errors import UsageError, near
from classicnets.layers.initialisation import Initialise, he, initialise


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
    """

    def __init__(
        self,
        design: Design,
        *,
        name: str = "chain",
        options: Mapping[str, object] = MappingProxyType({}),
        num_classes: int | None = None,
        in_channels: int | None = None,
    ) -> None:
        super().__init__()
        self.name = name
        self.options = dict(options)
        self.num_classes = _positive("num_classes", design.num_classes if num_classes is None else num_classes)
        channels, height, width = design.input_shape
        channels = _positive("in_channels", channels if in_channels is None else in_channels)
        self.input_shape = (channels, height, width)
        self.rows = tuple(design.rows)
        self.sites: dict[str, Site] = {}
        self._design = design
        self._frozen: frozenset[str] = frozenset()
        # Made without storage: weights come once, from the paper's rule or from a file.
        with torch.device("meta"):
            site = Site(channels, height, width, self.num_classes)
            for row, make in design.rows.items():
                module, site = make(site)
                self.add_module(row, module)
                self.sites[row] = site
            self.aux = nn.ModuleDict({row: self._aux_head(row) for row in design.aux})

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
        return _Cut(cut, self._frozen.intersection(cut))

    def freeze(self, upto: str | None) -> Self:
        """Make the rows up to ``upto``, that one included, fixed functions; later rows learn. None frees all rows.

        A frozen row's parameters get no gradient, and it stays in evaluation mode whatever ``train`` says: dropout is
        off, and batch normalisation uses and keeps its running statistics. An auxiliary head is frozen with the row
        it hangs from.
        """
        last = -1 if upto is None else self.rows.index(self.find_row(upto))
        self._frozen = frozenset(self.rows[: last + 1])
        return self._settle()

    def train(self, mode: bool = True) -> Self:
        """Switch to training, or to evaluation; frozen rows stay in evaluation."""
        super().train(mode)
        for row in self._frozen:
            for module in self._with_aux(row):
                module.eval()
        return self

    def replace_head(self, num_classes: int) -> Self:
        """Make the last row and the auxiliary heads anew for ``num_classes`` classes, with fresh weights."""
        self.num_classes = _positive("num_classes", num_classes)
        *body, head = self.rows
        arrives = self.sites[body[-1]] if body else Site(*self.input_shape, num_classes)
        old = next(iter(self.parameters()))
        with torch.device("meta"):
            module, self.sites[head] = self._design.rows[head](arrives._replace(classes=num_classes))
            fresh = {head: module, **{f"aux.{row}": self._aux_head(row) for row in self.aux}}
        for path, made in fresh.items():
            if old.device.type != "meta":
                made.to_empty(device=old.device)
                initialise(made, self._design.initialise)
            self.set_submodule(path, made.to(dtype=old.dtype))
        return self._settle()

    def reset(self) -> Self:
        """Give every row fresh weights by the paper's rule, drawn from torch's random numbers."""
        initialise(self, self._design.initialise)
        return self

    def _run(self, images: torch.Tensor, *, with_aux: bool) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        if images.dim() != 4 or images.shape[1] != self.input_shape[0]:
            wanted = f"(images, {self.input_shape[0]}, height, width)"
            raise UsageError(f"{self.name} takes images of shape {wanted}, not {tuple(images.shape)}")
        activation = images
        auxiliary = {}
        try:
            for row, module in self.row_modules():
                activation = module(activation)
                if with_aux and row in self.aux:
                    auxiliary[row] = self.aux[row](activation)
        except RuntimeError:
            self._must_take(images.shape[2], images.shape[3])
            raise
        return activation, auxiliary

    def _must_take(self, height: int, width: int) -> None:
        """Raise where the rows cannot take images of that size: too small, or weights for another size."""
        channels, *paper_size = self.input_shape
        site = Site(channels, height, width, self.num_classes)
        with torch.device("meta"):
            for row, make in self._design.rows.items():
                module, site = make(site)
                if _weight_shapes(module) != _weight_shapes(self.get_submodule(row)):
                    made_for = "x".join(map(str, paper_size))
                    raise UsageError(
                        f"{self.name} takes images of {made_for} pixels, not {height}x{width}:"
                        f" the weights of row {row} are made for that size"
                    )

    def _settle(self) -> Self:
        """Bring gradients and modes of the rows in line with what is frozen."""
        for row in self.rows:
            for module in self._with_aux(row):
                module.requires_grad_(row not in self._frozen)
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


def _positive(what: str, number: int) -> int:
    if not isinstance(number, int) or number < 1:
        raise UsageError(f"{what} must be a whole number of at least 1, not {number!r}")
    return number
