"""Figures of the papers that are often quoted wrongly, or that the papers themselves print in two ways."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from torch import nn

from classicnets import catalog
from classicnets.inspection.inspection import inspect
from classicnets.inspection.lessons.sources import contradiction


class Figure(NamedTuple):
    """A figure that is often quoted wrongly.

    Attributes:
        about: what it is of.
        quoted: what is written, and where.
        holds: what is right.
        by: computed from the networks here, or from the papers.
    """

    about: str
    quoted: str
    holds: str
    by: Literal["computed", "paper", "both"]


def _stochastic_depth() -> Figure:
    cifar10 = contradiction("stochastic_depth_resnet110_cifar", "110 layers on CIFAR-10")
    cifar100 = contradiction("stochastic_depth_resnet110_cifar", "constant depth on CIFAR-100")
    return Figure(
        "stochastic depth, error",
        f"{cifar10.printed}; constant depth on CIFAR-100: {cifar100.printed}",
        f"{cifar10.found}; {cifar100.found}",
        "paper",
    )


def _weird_trick() -> Figure:
    released, paper = inspect("alexnet_owt"), inspect("alexnet_owt", widths="paper")
    said = contradiction("alexnet_owt", "widths")
    return Figure(
        "One weird trick, widths",
        said.printed,
        f"{said.found.partition(';')[0]}: {released.parameters:,} parameters; the footnote's widths have"
        f" {paper.parameters:,}",
        "both",
    )


def _neurons() -> Figure:
    found = inspect("alexnet")
    printed = {
        name: int(row.printed["neurons"].replace(",", ""))
        for name, row in catalog.paper("alexnet").facts("alexnet").rows.items()
        if "neurons" in row.printed
    }
    counts = {row.name: row.activation_bytes // 4 for row in found.rows if row.name in printed}
    other = [name for name in printed if printed[name] != counts[name]]
    return Figure(
        "AlexNet, neurons",
        f"{', '.join(f'{count:,}' for count in printed.values())},"
        f" {contradiction('alexnet', 'neurons in all').printed} in all",
        f"All hold but {' and '.join(other)}, which has {' and '.join(f'{counts[name]:,}' for name in other)}; then"
        f" they add up to {sum(counts.values()):,}, as printed to {sum(printed.values()):,}",
        "both",
    )


def _preactivation() -> Figure:
    found = inspect("preact_resnet1001_cifar")
    kernels = sum(layer.weight.numel() for layer in found.module.modules() if isinstance(layer, nn.Conv2d))
    return Figure(
        "pre-activation ResNet-1001, parameters",
        contradiction("preact_resnet1001_cifar", "parameters of ResNet-1001").printed,
        f"{kernels:,} weights of convolutions alone, {found.parameters:,} with batch normalisation and the classifier",
        "computed",
    )


def _inception_v3_ensemble() -> Figure:
    top1 = contradiction("inception_v3", "the ensemble's top-1 error")
    top5 = contradiction("inception_v3", "the ensemble's top-5 error")
    return Figure(
        "Inception-v3, four networks",
        f"top-1 {top1.printed}; top-5 {top5.printed}",
        f"top-1 {top1.found}; top-5 {top5.found}",
        "paper",
    )


def _resnet_cost() -> Figure:
    with_b, plain, fifty = (inspect(name).macs / 1e9 for name in ("resnet34", "plain34", "resnet50"))
    quoted = [contradiction(name, "FLOPs").printed for name in ("resnet34", "resnet50")]
    return Figure(
        "ResNet-34 and -50, FLOPs",
        " and ".join(quoted),
        f"{with_b:.3f} billion MACs with shortcut B, {plain:.3f} with A or plain; {fifty:.3f}: neither printed figure"
        " is these, rounded",
        "computed",
    )


def _separable() -> Figure:
    network = inspect("googlenet")
    dense, separable = network.rows[0], inspect("googlenet", conv1="separable").rows[0]
    weights = sum(kernel.numel() for kernel in network.module.get_submodule("conv1").parameters() if kernel.dim() > 1)
    return Figure(
        "GoogLeNet, conv1",
        contradiction("googlenet", "conv1").printed,
        f"That is a separable convolution, {separable.parameters:,} weights and {separable.macs / 1e6:.1f}M MACs; the"
        f" dense 7x7 has {weights:,} weights and {dense.macs / 1e6:.1f}M",
        "computed",
    )


FIGURES: tuple[Callable[[], Figure], ...] = (
    _stochastic_depth,
    _weird_trick,
    _neurons,
    _preactivation,
    _inception_v3_ensemble,
    _resnet_cost,
    _separable,
)
