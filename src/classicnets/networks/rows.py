"""The lines that tables of networks are written in: each tells what it makes, never what arrives."""

from collections import OrderedDict

from torch import nn

from classicnets.layers.activations import ScaledTanh
from classicnets.layers.branches import Branches
from classicnets.layers.residual import PaddedShortcut, Residual
from classicnets.layers.response_norm import ResponseNorm
from classicnets.networks.chain import Built, ImageTooSmallError, Row, Site

Pair = tuple[int, int]
"""Height and width."""


def sequence(**parts: Row) -> Row:
    """Parts that run one after the other as one row."""

    def make(site: Site) -> Built:
        modules = OrderedDict[str, nn.Module]()
        for name, part in parts.items():
            modules[name], site = part(site)
        return Built(nn.Sequential(modules), site)

    return make


def branches(**ways: Row) -> Row:
    """Ways that run side by side; what leaves them is joined along the channels, in the order written."""

    def make(site: Site) -> Built:
        made = {name: way(site) for name, way in ways.items()}
        sizes = {(out.height, out.width) for _, out in made.values()}
        assert len(sizes) == 1, f"branches give maps of {sorted(sizes)}"
        first = next(iter(made.values())).out
        out = first._replace(channels=sum(out.channels for _, out in made.values()))
        return Built(Branches({name: module for name, (module, _) in made.items()}), out)

    return make


def convolution(
    channels: int,
    kernel: int | Pair,
    *,
    stride: int = 1,
    padding: int | Pair = 0,
    groups: int = 1,
    bias: bool = True,
) -> Row:
    """A convolution to ``channels`` maps."""

    def make(site: Site) -> Built:
        height, width = _pair(kernel)
        out = _slide(site, _pair(kernel), stride, _pair(padding), f"a {height}x{width} convolution")
        module = nn.Conv2d(site.channels, channels, kernel, stride, padding, groups=groups, bias=bias)
        return Built(module, out._replace(channels=channels))

    return make


def conv_relu(
    channels: int, kernel: int | Pair, *, stride: int = 1, padding: int | Pair | None = None, groups: int = 1
) -> Row:
    """A convolution with biases, then a ReLU; without ``padding`` it keeps the size of the map (at stride 1)."""
    inner = convolution(channels, kernel, stride=stride, padding=_same(kernel, padding), groups=groups)
    return sequence(convolution=inner, relu=relu())


def conv_norm_relu(
    channels: int,
    kernel: int | Pair,
    *,
    stride: int = 1,
    padding: int | Pair | None = None,
    groups: int = 1,
    bias: bool = False,
    epsilon: float = 1e-5,
) -> Row:
    """A convolution, batch normalisation, a ReLU; without ``padding`` it keeps the size of the map (at stride 1)."""
    inner = convolution(channels, kernel, stride=stride, padding=_same(kernel, padding), groups=groups, bias=bias)
    return sequence(convolution=inner, norm=batch_norm(epsilon=epsilon), relu=relu())


def max_pool(kernel: int, *, stride: int, padding: int = 0, ceil: bool = False) -> Row:
    """The maximum of each window; ``ceil`` keeps a last window that hangs over the border."""

    def make(site: Site) -> Built:
        module = nn.MaxPool2d(kernel, stride, padding, ceil_mode=ceil)
        return Built(module, _pooled(site, kernel, stride, padding, ceil))

    return make


def average_pool(
    kernel: int, *, stride: int | None = None, padding: int = 0, ceil: bool = False, count_padding: bool = True
) -> Row:
    """The mean of each window, by default of blocks side by side; ``count_padding`` counts border zeros as pixels."""
    step = kernel if stride is None else stride

    def make(site: Site) -> Built:
        module = nn.AvgPool2d(kernel, step, padding, ceil_mode=ceil, count_include_pad=count_padding)
        return Built(module, _pooled(site, kernel, step, padding, ceil))

    return make


def adaptive_average_pool(side: int) -> Row:
    """The means of ``side`` x ``side`` windows that cover the map, whatever its size."""
    return lambda site: Built(nn.AdaptiveAvgPool2d(side), site._replace(height=side, width=side))


def global_average_pool() -> Row:
    """The mean of each map, as a vector."""

    def make(site: Site) -> Built:
        pool = nn.Sequential(OrderedDict(pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten()))
        return Built(pool, site._replace(height=1, width=1, flat=True))

    return make


def linear(features: int | None = None) -> Row:
    """A fully connected layer on a vector; None stands for the number of classes."""

    def make(site: Site) -> Built:
        assert site.flat, f"{site.shape} arrives at a fully connected layer: flatten it first"
        leaves = site.classes if features is None else features
        return Built(nn.Linear(site.channels, leaves), site._replace(channels=leaves))

    return make


def flatten() -> Row:
    """All maps as one vector."""

    def make(site: Site) -> Built:
        return Built(nn.Flatten(), Site(site.channels * site.height * site.width, 1, 1, site.classes, flat=True))

    return make


def batch_norm(*, epsilon: float = 1e-5) -> Row:
    """Batch normalisation with a trainable scale and shift a map."""
    return lambda site: Built(nn.BatchNorm2d(site.channels, eps=epsilon), site)


def response_norm(
    size: int = 5,
    *,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 2.0,
    divide_alpha: bool = False,
    groups: int = 1,
) -> Row:
    """Local response normalisation, by default with the figures and the formula of AlexNet's paper."""
    return lambda site: Built(ResponseNorm(size, alpha, beta, k, divide_alpha=divide_alpha, groups=groups), site)


def dropout(share: float) -> Row:
    """In training, zero each value with that probability and scale the others up; nothing in evaluation."""
    return lambda site: Built(nn.Dropout(share), site)


def relu() -> Row:
    """max(0, x)."""
    return lambda site: Built(nn.ReLU(inplace=True), site)


def scaled_tanh() -> Row:
    """1.7159 tanh(2x/3)."""
    return lambda site: Built(ScaledTanh(), site)


def residual(branch: Row, shortcut: Row, *, before: Row | None = None, after: Row | None = None) -> Row:
    """after(branch + shortcut), both reading what leaves ``before``; without ``after`` a ReLU."""

    def make(site: Site) -> Built:
        shared, site = before(site) if before else Built(nn.Identity(), site)
        inner, out = branch(site)
        around, arrives = shortcut(site)
        assert out == arrives, f"the branch gives {out.shape}, the shortcut {arrives.shape}"
        last = after(out).module if after else None
        return Built(Residual(inner, around, before=shared, after=last), out)

    return make


def identity() -> Row:
    """What arrives, unchanged."""
    return lambda site: Built(nn.Identity(), site)


def padded_shortcut(channels: int, stride: int) -> Row:
    """Option A: every stride-th pixel, and zeros for the channels that are missing."""

    def make(site: Site) -> Built:
        height, width = -(-site.height // stride), -(-site.width // stride)
        module = PaddedShortcut(channels - site.channels, stride)
        return Built(module, site._replace(channels=channels, height=height, width=width))

    return make


def _pair(given: int | Pair) -> Pair:
    return (given, given) if isinstance(given, int) else given


def _same(kernel: int | Pair, padding: int | Pair | None) -> int | Pair:
    if padding is not None:
        return padding
    height, width = _pair(kernel)
    return height // 2 if height == width else (height // 2, width // 2)


def _slide(site: Site, kernel: Pair, stride: int, padding: Pair, what: str) -> Site:
    height = (site.height + 2 * padding[0] - kernel[0]) // stride + 1
    width = (site.width + 2 * padding[1] - kernel[1]) // stride + 1
    return _arrived(site, height, width, what)


def _pooled(site: Site, kernel: int, stride: int, padding: int, ceil: bool) -> Site:
    what = f"a {kernel}x{kernel} pooling"
    if not ceil:
        return _slide(site, (kernel, kernel), stride, (padding, padding), what)

    def windows(side: int) -> int:
        count = -(-(side + 2 * padding - kernel) // stride) + 1
        # A window must begin within the map or its first border, as PyTorch and Caffe have it.
        return count - 1 if (count - 1) * stride >= side + padding else count

    return _arrived(site, windows(site.height), windows(site.width), what)


def _arrived(site: Site, height: int, width: int, what: str) -> Site:
    if height < 1 or width < 1:
        raise ImageTooSmallError(f"{site.height}x{site.width} pixels arrive at {what}")
    return site._replace(height=height, width=width)
