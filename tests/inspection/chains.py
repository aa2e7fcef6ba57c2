"""Random chains of rows, and what a real run of them shows."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from hypothesis import strategies as st
from torch import nn

from classicnets.networks.chain import Built, Chain, Design, Row, Site
from classicnets.networks.rows import (
    average_pool,
    batch_norm,
    branches,
    conv_norm_relu,
    conv_relu,
    convolution,
    dropout,
    flatten,
    global_average_pool,
    identity,
    linear,
    max_pool,
    relu,
    residual,
    sequence,
)
from tests.inspection.measuring import Measured, state


@st.composite
def chains(draw: st.DrawFn, *, classifier: bool = True) -> Chain:
    """A convolution, up to five rows of any kind, and perhaps a classifier; images of 9 to 24 pixels a side."""
    channels, height, width = draw(st.integers(1, 4)), draw(st.integers(9, 24)), draw(st.integers(9, 24))
    site = Site(channels, height, width, classes=3)
    rows: dict[str, Row] = {}
    for number in range(1 + draw(st.integers(0, 5))):
        kinds = _KINDS[:1] if number == 0 else _KINDS
        row = draw(draw(st.sampled_from(kinds))(site))
        rows[f"row{number}"] = row
        with torch.device("meta"):
            site = row(site).out
    if classifier and draw(st.booleans()):
        rows["vector"] = draw(st.sampled_from([flatten(), global_average_pool()]))
        rows["fc"] = linear()
    return Chain(Design(rows=rows, input_shape=(channels, height, width), num_classes=3), name="random")


def _convolution(site: Site) -> st.SearchStrategy[Row]:
    """Of every kind that PyTorch has, window by window."""

    @st.composite
    def strategy(draw: st.DrawFn) -> Row:
        windows: list[tuple[int, int, int, int]] = []
        sides: list[int] = []
        for side in (site.height, site.width):
            pad = draw(st.integers(0, 2))
            length = draw(st.integers(1, min(5, side + 2 * pad)))
            apart = draw(st.integers(1, 2)) if 2 * (length - 1) < side + 2 * pad else 1
            step = draw(st.integers(1, 3))
            sides.append(len(range(0, side + 2 * pad - apart * (length - 1), step)))
            windows.append((length, step, pad, apart))
        groups = draw(st.sampled_from([count for count in (1, 2, 3) if site.channels % count == 0]))
        out = groups * draw(st.integers(1, 3))
        kernel, stride, padding, dilation = zip(*windows, strict=True)
        bias = draw(st.booleans())
        module = nn.Conv2d(site.channels, out, kernel, stride, padding, dilation, groups, bias, device="meta")
        return lambda site: Built(module, site._replace(channels=out, height=sides[0], width=sides[1]))

    return strategy()


def _pool(site: Site) -> st.SearchStrategy[Row]:
    side = min(site.height, site.width)
    kernels = st.integers(1, min(4, side))
    make = st.sampled_from([max_pool, average_pool])

    def pool(make: Callable[..., Row], kernel: int, stride: int, ceil: bool, padded: bool) -> Row:
        return make(kernel, stride=stride, padding=kernel // 2 if padded else 0, ceil=ceil)

    return st.builds(pool, make, kernels, st.integers(1, 3), st.booleans(), st.booleans())


def _same(site: Site) -> st.SearchStrategy[Row]:
    """Rows that keep the size of the map."""
    silu: Row = lambda site: Built(nn.SiLU(), site)  # noqa: E731
    fresh: Row = lambda site: Built(nn.ReLU(), site)  # noqa: E731
    return st.sampled_from(
        [
            *(batch_norm(), relu(), fresh, silu, dropout(0.5), identity()),
            *(conv_relu(2, 3), conv_norm_relu(3, (1, 3), bias=True), conv_norm_relu(4, 5)),
        ]
    )


def _branches(site: Site) -> st.SearchStrategy[Row]:
    ways = st.sampled_from(
        [
            *(conv_relu(1, 1), conv_relu(2, 3), convolution(3, (5, 1), padding=(2, 0)), conv_norm_relu(2, 5)),
            *(max_pool(3, stride=1, padding=1), average_pool(3, stride=1, padding=1)),
            sequence(reduce=conv_relu(2, 1), convolution=conv_relu(3, 3)),
        ]
    )
    return st.lists(ways, min_size=1, max_size=3).map(
        lambda given: branches(**{f"way{number}": way for number, way in enumerate(given)})
    )


def _residual(site: Site) -> st.SearchStrategy[Row]:
    def block(kernel: int, stride: int, before: bool, after: bool) -> Row:
        first = conv_norm_relu(2, kernel, stride=stride)
        branch = sequence(first=first, second=convolution(site.channels, 3, padding=1), norm=batch_norm())
        shortcut = identity() if stride == 1 else convolution(site.channels, 1, stride=stride)
        shared = sequence(norm=batch_norm(), relu=relu()) if before else None
        return residual(branch, shortcut, before=shared, after=None if after else identity())

    return st.builds(block, st.sampled_from([1, 3, 5]), st.integers(1, 2), st.booleans(), st.booleans())


_KINDS = [_convolution, _pool, _same, _branches, _residual]


class Shown(NamedTuple):
    """What a run on the processor shows of a row.

    Attributes:
        shape: of what left it, the batch first.
        macs: multiply-accumulates of one image.
        new_bytes: of what left it, unless it is the memory that arrived.
    """

    shape: tuple[int, ...]
    macs: int
    new_bytes: int


def ready(network: Chain, dtype: torch.dtype = torch.float32) -> Chain:
    """The network in evaluation mode with positive weights, none larger than 1."""
    network.to_empty(device="cpu")
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.uniform_(0.1, 1.0)
    return network.to(dtype).eval()


def shown_by_rows(network: Chain) -> dict[str, Shown]:
    """What a forward of a `ready` network shows to hooks."""
    macs = dict.fromkeys(network.rows, 0)
    found: dict[str, Shown] = {}

    def count(row: str) -> Callable[[nn.Module, Any, torch.Tensor], None]:
        def hook(module: nn.Module, _: Any, output: torch.Tensor) -> None:
            if isinstance(module, nn.Conv2d | nn.Linear):
                macs[row] += output[0].numel() * module.weight[0].numel()

        return hook

    handles = [
        part.register_forward_hook(count(row)) for row, module in network.row_modules() for part in module.modules()
    ]
    activation = torch.ones(1, *network.input_shape)
    with torch.no_grad():
        for row, module in network.row_modules():
            arrived = activation.untyped_storage().data_ptr()
            activation = module(activation)
            new = activation.untyped_storage().data_ptr() != arrived
            found[row] = Shown(tuple(activation.shape), macs[row], activation.nbytes if new else 0)
    for handle in handles:
        handle.remove()
    return found


def peak_of_a_run(network: Chain) -> int:
    """The most bytes alive after any operation of a `ready` network, image and weights apart."""
    image = torch.ones(1, *network.input_shape)
    with torch.no_grad(), Measured([image, *state(network)]) as measured:
        network(image)
    return int(measured.peak)
