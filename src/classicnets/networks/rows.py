"""The lines that tables of networks are written in: each tells what it makes, never what arrives."""

from collections import OrderedDict

from torch import nn

from classicnets.errors import UsageError
from classicnets.layers.activations import ScaledTanh
from classicnets.layers.residual import PaddedShortcut, Residual
from classicnets.networks.chain import Built, Row, Site


def sequence(**parts: Row) -> Row:
    """Parts that run one after the other as one row."""

    def make(site: Site) -> Built:
        modules = OrderedDict[str, nn.Module]()
        for name, part in parts.items():
            modules[name], site = part(site)
        return Built(nn.Sequential(modules), site)

    return make


def convolution(channels: int, kernel: int, *, stride: int = 1, padding: int = 0, bias: bool = True) -> Row:
    """A convolution to ``channels`` maps with square kernels."""

    def make(site: Site) -> Built:
        out = _slide(site, kernel, stride, padding, f"a {kernel}x{kernel} convolution")
        module = nn.Conv2d(site.channels, channels, kernel, stride, padding, bias=bias)
        return Built(module, out._replace(channels=channels))

    return make


def average_pool(kernel: int) -> Row:
    """The mean of each block of kernel x kernel pixels."""

    def make(site: Site) -> Built:
        return Built(nn.AvgPool2d(kernel), _slide(site, kernel, kernel, 0, f"a {kernel}x{kernel} pooling"))

    return make


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


def batch_norm() -> Row:
    """Batch normalisation with a trainable scale and shift a map."""
    return lambda site: Built(nn.BatchNorm2d(site.channels), site)


def relu() -> Row:
    """max(0, x)."""
    return lambda site: Built(nn.ReLU(inplace=True), site)


def scaled_tanh() -> Row:
    """1.7159 tanh(2x/3)."""
    return lambda site: Built(ScaledTanh(), site)


def residual(branch: Row, shortcut: Row) -> Row:
    """relu(branch + shortcut)."""

    def make(site: Site) -> Built:
        inner, out = branch(site)
        around, arrives = shortcut(site)
        assert out == arrives, f"the branch gives {out.shape}, the shortcut {arrives.shape}"
        return Built(Residual(inner, around), out)

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


def _slide(site: Site, kernel: int, stride: int, padding: int, what: str) -> Site:
    height = (site.height + 2 * padding - kernel) // stride + 1
    width = (site.width + 2 * padding - kernel) // stride + 1
    if height < 1 or width < 1:
        raise UsageError(f"the image is too small: {site.height}x{site.width} pixels arrive at {what}")
    return site._replace(height=height, width=width)
