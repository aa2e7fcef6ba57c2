"""Lines of teaching notes that can be computed, one function a line, and the list of all lines.

Errors and what nobody can compute are the papers' data: see `paper_lines`.
"""

from collections.abc import Callable
from functools import cache

from classicnets import catalog
from classicnets.inspection.inspection import Inspection, Row, inspect
from classicnets.inspection.lessons.form import share
from classicnets.inspection.lessons.paper_lines import Note, aux_weight, factorised, step_of_2014, winners
from classicnets.inspection.lessons.small_kernels import stack
from classicnets.inspection.lessons.sources import (
    contradiction,
    look_at,
    macs_within,
    reported,
)
from classicnets.networks.googlenet import naive_inception

FLOAT = 4  # bytes


@cache
def _seen(name: str) -> Inspection:
    """A network that several lines speak of."""
    return inspect(name)


def _row(name: str, row: str) -> Row:
    return next(found for found in _seen(name).rows if found.name == row)


def _weights(name: str, row: str) -> int:
    """The weights of a row without its biases."""
    return sum(p.numel() for p in _seen(name).module.get_submodule(row).parameters() if p.dim() > 1)


def _kernel(name: str, row: str, branch: str = "") -> str:
    """The sides of the last convolution of a row, or of a branch of it."""
    steps = next(found for found in _seen(name).traced_rows if found.name == row).operations
    kernels = [step.arguments[1].shape[2:] for step in steps if step.name == "convolution" and branch in step.path]
    return "x".join(map(str, kernels[-1]))


def _alexnet_conv1() -> Note:
    conv1 = _row("alexnet", "conv1")
    return Note(
        "AlexNet CONV1: (11*11*3)*96 = 35K parameters",
        "right",
        f"{_weights('alexnet', 'conv1'):,} weights, {conv1.parameters:,} with the biases.",
        "computed",
    )


def _zfnet() -> Note:
    base, large = _seen("zfnet"), _seen("zfnet_large")
    widths = {
        name: ", ".join(str(_row(name, row).output[0]) for row in ("conv3", "conv4", "conv5"))
        for name in ("zfnet", "zfnet_large")
    }
    errors = {
        name: [reported(name, metric, protocol).value for metric, protocol in protocols]
        for name, protocols in {
            "zfnet": (("top-1 error", "10 crops; training error 33.1"), ("top-5 error", "10 crops")),
            "zfnet_large": (("top-1 error", "10 crops; training error 18.8"), ("top-5 error", "10 crops")),
        }.items()
    }
    conv2 = _row("zfnet", "conv2").stride // _row("zfnet", "pool1").stride
    return Note(
        "ZFNet: CONV1 7x7 stride 2; CONV3,4,5 512, 1024, 512 instead of 384, 384, 256",
        "imprecise",
        f"CONV1 is {_kernel('zfnet', 'conv1')} at stride {_row('zfnet', 'conv1').stride}. The network of figure 3 keeps"
        f" {widths['zfnet']} ({base.parameters:,} parameters; {errors['zfnet'][0]} top-1, {errors['zfnet'][1]} top-5);"
        f" {widths['zfnet_large']} is the larger one's ({large.parameters:,}; {errors['zfnet_large'][0]},"
        f" {errors['zfnet_large'][1]}). Left out: conv2 has stride {conv2} too, and nothing is in groups.",
        "both",
    )


def _vgg_pool() -> Note:
    first, second = _row("vgg16", "pool1"), _row("vgg16", "pool2")
    return Note(
        "VGG-16: POOL2: [112x112x64]",
        "right",
        f"but easily misread: POOL2 there means 2x2 pooling. It is the first pool, {_sides(first)} ="
        f" {first.activation_bytes // FLOAT:,} values; the second gives {_sides(second)}.",
        "computed",
    )


def _vgg_conv2() -> Note:
    first, second = (_row("vgg16", f"conv2_{number}") for number in (1, 2))
    return Note(
        "VGG-16: CONV3-128: (3*3*64)*128 = 73,728, twice",
        "imprecise",
        f"It holds for conv2_1 alone: {_weights('vgg16', 'conv2_1'):,} ({first.parameters:,} with biases). conv2_2"
        f" reads {second.output[0]} maps and has {_weights('vgg16', 'conv2_2'):,} ({second.parameters:,}).",
        "computed",
    )


def vgg16_values() -> int:
    """The values of the image and of what leaves each row."""
    channels, height, width = _seen("vgg16").input
    return channels * height * width + _seen("vgg16").activation_bytes // FLOAT


def _vgg_memory() -> Note:
    values = vgg16_values()
    rows = _seen("vgg16").rows
    computing = [row.activation_bytes // FLOAT for row in rows if not row.name.startswith("pool")]
    with_relus = values + sum(computing[:-1])
    return Note(
        "VGG-16: total memory 24M * 4 bytes ~= 96 MB an image",
        "wrong",
        f"Image, convolutions, pools and fully connected layers add up to {values:,} values,"
        f" {values * FLOAT / 1e6:.2f} MB or {values * FLOAT / 2**20:.1f} MiB. Convolutions and fully connected layers"
        f" alone: {sum(computing):,}; with a copy for every ReLU {with_relus / 1e6:.1f}M"
        f" ({with_relus * FLOAT / 1e6:.0f} MB). No way of counting gives 24M.",
        "computed",
    )


def _vgg_parameters() -> Note:
    found = _seen("vgg16")
    weights = {row.name: _weights("vgg16", row.name) for row in found.rows}
    connected = sum(count for row, count in weights.items() if row.startswith("fc"))
    return Note(
        "VGG-16: 138M parameters",
        "right",
        f"{found.parameters:,} with biases, {sum(weights.values()):,} without:"
        f" {(sum(weights.values()) - connected) / 1e6:.2f}M in convolutions, {connected / 1e6:.1f}M in fully connected"
        " layers.",
        "computed",
    )


def _three_kernels() -> Note:
    three, seven = stack(3, 3, 64), stack(7, 1, 64)
    return Note(
        "Three 3x3 convolutions: 3*(3^2 C^2) weights for 7^2 C^2 of one 7x7",
        "right",
        f"{three.a_pair} C^2 for {seven.a_pair} C^2: the 7x7 has {share(seven.weights / three.weights - 1)} more, the"
        f" stack {share(1 - three.weights / seven.weights)} fewer; both see {three.sees}x{three.sees}. As many maps in"
        " as out, no biases.",
        "computed",
    )


def _naive_module() -> Note:
    lecture = look_at((256, 28, 28), module=naive_inception(128, (0, 192), (0, 96), 0))
    real = _row("googlenet", "inception_3b")
    parts = [
        macs_within(lecture, f"module.{branch}") / 1e6 for branch in ("one_by_one", "three_by_three", "five_by_five")
    ]
    return Note(
        "Naive Inception module: 1x1 128, 3x3 192, 5x5 96, pool 256 maps",
        "right",
        f"but a lecture's example, in no table of the paper: on {_sides_of(lecture.input)} it gives"
        f" {lecture.rows[-1].output[0]} maps for {lecture.macs / 1e6:.1f}M MACs"
        f" ({', '.join(f'{part:.1f}' for part in parts)}). The real inception_3b reduces first: {real.output[0]} maps"
        f" for {real.macs / 1e6:.1f}M.",
        "computed",
    )


def _googlenet_parameters() -> Note:
    found = _seen("googlenet")
    classifier = _row("googlenet", "fc").parameters
    said = contradiction("googlenet", "parameters").printed
    printed = catalog.paper("alexnet").facts("alexnet").parameters
    alexnet = printed.printed_millions if printed else None
    assert alexnet is not None
    return Note(
        "GoogLeNet has 5 million parameters",
        "wrong",
        f"{found.parameters:,}, {found.parameters + found.aux_parameters:,} with both auxiliary heads,"
        f" {(found.parameters - classifier) / 1e6:.2f}M without the classifier. 5M is a twelfth of AlexNet's"
        f" {alexnet:.0f}M, after the paper's {said.partition(' than')[0]}. torchvision's has"
        f" {_seen('googlenet_bn').parameters:,}, with {_kernel('googlenet_bn', 'inception_3a', 'five_by_five')} for"
        f" {_kernel('googlenet', 'inception_3a', 'five_by_five')}.",
        "computed",
    )


def _lenet_c1() -> Note:
    row = _row("lenet5", "C1")
    printed = catalog.paper("lenet5").facts("lenet5").rows["C1"].parameters
    return Note(
        "LeNet-5: C1 has (5*5+1)*6 parameters",
        "right",
        f"{row.parameters}, as the paper prints ({printed}).",
        "both",
    )


def _alexnet_kernels() -> Note:
    kernels = [f"{row} {_kernel('alexnet', row)}" for row in ("conv1", "conv2", "conv3", "conv4", "conv5")]
    return Note(
        "AlexNet: C3 and C5 have 5x5 kernels",
        "wrong",
        f"{', '.join(kernels)}: only conv2 has 5x5 kernels.",
        "computed",
    )


def _sides(row: Row) -> str:
    return _sides_of(row.output)


def _sides_of(shape: tuple[int, ...]) -> str:
    channels, height, width = shape
    return f"{height}x{width}x{channels}"


NOTES: tuple[Callable[[], Note], ...] = (
    _alexnet_conv1,
    _zfnet,
    _vgg_pool,
    _vgg_conv2,
    _vgg_memory,
    _vgg_parameters,
    _three_kernels,
    _naive_module,
    aux_weight,
    _googlenet_parameters,
    _lenet_c1,
    _alexnet_kernels,
    winners,
    factorised,
    step_of_2014,
)
