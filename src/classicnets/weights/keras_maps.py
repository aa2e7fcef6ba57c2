"""The networks of ``keras.applications`` that this library has: their layers' names, and the order of those."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_lowercase
from typing import Any

from classicnets.data.transforms import Preprocessing
from classicnets.networks.resnet import BOTTLENECK
from classicnets.weights.name_map import NameMap


@dataclass(frozen=True, kw_only=True)
class Application:
    """A network of ``keras.applications``.

    Layers that have no name of their own stand under their class and their place in the order in which the code
    makes them: ``conv2d[1]``, ``batch_normalization[1]``.

    Attributes:
        name: there.
        network: here.
        options: of the network here.
        names: our modules and its layers.
        convolutions: the names of these layers, in the order of ``model.layers``.
        norms: the same of the normalisations.
        dense: the same of the fully connected layers; the last one is the head.
        flattened: under the name of a fully connected layer, channels, height and width of the maps that it reads:
            Keras flattens them in the order height, width, channels.
        preprocessing: how an image becomes the input that the published weights expect.
    """

    name: str
    network: str
    options: Mapping[str, Any] = field(default_factory=dict)
    names: NameMap
    convolutions: tuple[str, ...]
    norms: tuple[str, ...] = ()
    dense: tuple[str, ...] = ("predictions",)
    flattened: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    preprocessing: Preprocessing


# What keras.applications calls "caffe": the authors' weights, for images as Caffe reads them.
CAFFE = Preprocessing(
    size=(224, 224),
    resize=256,
    channel_order="bgr",
    mean=(103.939 / 255, 116.779 / 255, 123.68 / 255),
    std=(1 / 255, 1 / 255, 1 / 255),
)


def minus_one_to_one(size: int, resize: int) -> Preprocessing:
    """What keras.applications calls "tf": pixels from -1 to 1."""
    return Preprocessing(size=(size, size), resize=resize, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


VGG = {
    "conv{stage}_{layer}.convolution": "block{stage}_conv{layer}",
    "fc6.linear": "fc1",
    "fc7.linear": "fc2",
    "fc8": "predictions",
}


def _vgg(depth: int, *stages: int) -> Application:
    return Application(
        name=f"VGG{depth}",
        network=f"vgg{depth}",
        names=NameMap(VGG),
        convolutions=tuple(
            f"block{stage}_conv{layer}"
            for stage, layers in enumerate(stages, start=1)
            for layer in range(1, layers + 1)
        ),
        dense=("fc1", "fc2", "predictions"),
        flattened={"fc1": (512, 7, 7)},
        preprocessing=CAFFE,
    )


RESNET = {
    "conv1.convolution": "conv1_conv",
    "conv1.norm": "conv1_bn",
    "conv{stage}_{block}.branch.conv{layer}": "conv{stage}_block{block}_{layer}_conv",
    "conv{stage}_{block}.branch.norm{layer}": "conv{stage}_block{block}_{layer}_bn",
    "conv{stage}_{block}.shortcut.projection": "conv{stage}_block{block}_0_conv",
    "conv{stage}_{block}.shortcut.norm": "conv{stage}_block{block}_0_bn",
    "fc": "predictions",
}


def _resnet(depth: int) -> Application:
    layers = [f"{block}_{layer}" for block, first in _blocks(depth) for layer in ((1, 2, 0, 3) if first else (1, 2, 3))]
    return Application(
        name=f"ResNet{depth}",
        network=f"resnet{depth}",
        options={"conv_bias": True, "norm_epsilon": 1.001e-5},
        names=NameMap(RESNET),
        convolutions=("conv1_conv", *(f"{layer}_conv" for layer in layers)),
        norms=("conv1_bn", *(f"{layer}_bn" for layer in layers)),
        preprocessing=CAFFE,
    )


def _blocks(depth: int) -> Iterator[tuple[str, bool]]:
    """The blocks of a ResNet by their names, and whether each is the first of its stage."""
    for stage, blocks in enumerate(BOTTLENECK[depth], start=2):
        for block in range(1, blocks + 1):
            yield f"conv{stage}_block{block}", block == 1


RESNET_V2 = {
    "conv1.convolution": "conv1_conv",
    "conv{stage}_1.before.norm": "conv{stage}_block1_preact_bn",
    "conv{stage}_{block}.branch.norm1": "conv{stage}_block{block}_preact_bn",
    # Ours are numbered with the convolutions that they precede, theirs with those that they follow.
    "conv{stage}_{block}.branch.norm{layer}": "conv{stage}_block{block}_{layer-1}_bn",
    "conv{stage}_{block}.branch.conv{layer}": "conv{stage}_block{block}_{layer}_conv",
    "conv{stage}_{block}.shortcut.projection": "conv{stage}_block{block}_0_conv",
    "norm.norm": "post_bn",
    "fc": "predictions",
}


def _resnet_v2(depth: int) -> Application:
    blocks = list(_blocks(depth))
    return Application(
        name=f"ResNet{depth}V2",
        network=f"preact_resnet{depth}",
        options={"version": "keras"},
        names=NameMap(RESNET_V2),
        convolutions=(
            "conv1_conv",
            *(f"{block}_{layer}_conv" for block, first in blocks for layer in ((1, 2, 0, 3) if first else (1, 2, 3))),
        ),
        norms=(*(f"{block}_{layer}_bn" for block, _ in blocks for layer in ("preact", 1, 2)), "post_bn"),
        preprocessing=minus_one_to_one(224, 256),
    )


def _first_resnet50() -> Application:
    """ResNet50 as Keras had it until 2019: with the names of the authors' release, and another epsilon."""
    names = {"conv1.convolution": "conv1", "conv1.norm": "bn_conv1", "fc": "fc1000"}
    for stage, blocks in enumerate(BOTTLENECK[50], start=2):
        for block, letter in enumerate(ascii_lowercase[:blocks], start=1):
            for layer, part in enumerate("abc", start=1):
                names[f"conv{stage}_{block}.branch.conv{layer}"] = f"res{stage}{letter}_branch2{part}"
                names[f"conv{stage}_{block}.branch.norm{layer}"] = f"bn{stage}{letter}_branch2{part}"
        names[f"conv{stage}_1.shortcut.projection"] = f"res{stage}a_branch1"
        names[f"conv{stage}_1.shortcut.norm"] = f"bn{stage}a_branch1"
    layers = [theirs for theirs in names.values() if theirs != "fc1000"]
    return Application(
        name="ResNet50 (before 2019)",
        network="resnet50",
        options={"conv_bias": True, "norm_epsilon": 1e-3},
        names=NameMap(names),
        convolutions=tuple(layer for layer in layers if not layer.startswith("bn")),
        norms=tuple(layer for layer in layers if layer.startswith("bn")),
        dense=("fc1000",),
        preprocessing=CAFFE,
    )


Step = str | tuple[str, ...]
"""A convolution by its path in its module; at a branch's end there may be several side by side."""

Branch = tuple[Step, ...]
"""Steps that run one after the other."""


@dataclass(frozen=True)
class Module:
    """Convolutions without names, each with its normalisation: the branches of an Inception module, or one alone.

    Attributes:
        path: ours.
        branches: in the order in which Keras makes them.
    """

    path: str
    branches: tuple[Branch, ...] = (("",),)


@dataclass(frozen=True)
class Named:
    """A layer that has a name of its own.

    Attributes:
        ours: the path of our convolution.
        theirs: the name of theirs.
        norm: our and their normalisation after it, where there is one.
    """

    ours: str
    theirs: str
    norm: tuple[str, str] | None = None


def _inception(
    name: str, network: str, parts: Sequence[Module | Named], preprocessing: Preprocessing, **options: Any
) -> Application:
    names = {"fc": "predictions"}
    convolutions, norms = [], []
    made = 0
    for part in parts:
        if isinstance(part, Named):
            names[part.ours] = part.theirs
            convolutions.append(part.theirs)
            if part.norm is not None:
                names |= dict([part.norm])
                norms.append(part.norm[1])
            continue
        numbered = [(depth, path, made + number) for number, (depth, path) in enumerate(_steps(part), start=1)]
        made += len(numbered)
        names |= {f"{path}.convolution": f"conv2d[{number}]" for _, path, number in numbered}
        names |= {f"{path}.norm": f"batch_normalization[{number}]" for _, path, number in numbered}
        # A model lists its layers from the farthest to the nearest to its end.
        farthest_first = sorted(numbered, key=lambda step: -step[0])
        convolutions += [f"conv2d[{number}]" for _, _, number in farthest_first]
        norms += [f"batch_normalization[{number}]" for _, _, number in farthest_first]
    return Application(
        name=name,
        network=network,
        options=options,
        names=NameMap(names),
        convolutions=tuple(convolutions),
        norms=tuple(norms),
        preprocessing=preprocessing,
    )


def _steps(module: Module) -> Iterator[tuple[float, str]]:
    """The convolutions of a module in the order in which Keras makes them, each with its distance from the end."""
    for branch in module.branches:
        forked = isinstance(branch[-1], tuple)  # what a fork gives is joined once more
        for place, step in enumerate(branch):
            for path in (step,) if isinstance(step, str) else step:
                yield len(branch) - place + 0.5 * forked, f"{module.path}.{path}".removesuffix(".")


def _chain(path: str, convolutions: int) -> Branch:
    """A reduction and so many convolutions behind it."""
    return (f"{path}.reduce", *(f"{path}.conv{number}" for number in range(1, convolutions + 1)))


def _blocks_of(name: str, count: int, *branches: Branch) -> Iterator[Module | Named]:
    """Blocks of Inception-ResNet: branches, then a named convolution over what they give."""
    for number in range(1, count + 1):
        yield Module(f"{name}_{number}.branch.inception", branches)
        yield Named(f"{name}_{number}.branch.linear", f"{name}_{number}_conv")


ONE_BY_ONE = ("one_by_one",)
POOLED = ("pool.project",)


def _line(path: str, convolutions: int) -> Branch:
    """So many convolutions one behind the other."""
    return tuple(f"{path}.conv{number}" for number in range(1, convolutions + 1))


def _fork(path: str, convolutions: int) -> Branch:
    """The same, and two side by side at the end."""
    return (*_line(path, convolutions), (f"{path}.split.one_by_three", f"{path}.split.three_by_one"))


MODULE_35 = (ONE_BY_ONE, _line("five_by_five", 2), _line("double_three_by_three", 3), POOLED)
MODULE_17 = (ONE_BY_ONE, _line("seven_by_seven", 3), _line("double_seven_by_seven", 5), POOLED)
MODULE_8 = (ONE_BY_ONE, _fork("three_by_three", 1), _fork("double_three_by_three", 2), POOLED)

INCEPTION_V3 = (
    *(Module(f"conv{number}") for number in range(1, 6)),
    *(Module(f"mixed_5{letter}", MODULE_35) for letter in "bcd"),
    Module("mixed_6a", (("three_by_three",), _line("double_three_by_three", 3))),
    *(Module(f"mixed_6{letter}", MODULE_17) for letter in "bcde"),
    Module("mixed_7a", (_line("three_by_three", 2), _line("seven_and_three", 4))),
    *(Module(f"mixed_7{letter}", MODULE_8) for letter in "bc"),
)

INCEPTION_RESNET_V2 = (
    *(Module(f"conv{number}") for number in range(1, 6)),
    Module("mixed_5b", (ONE_BY_ONE, _chain("five_by_five", 1), _chain("long", 2), POOLED)),
    *_blocks_of("block35", 10, ONE_BY_ONE, _chain("short", 1), _chain("long", 2)),
    Module("mixed_6a", (("three_by_three",), _chain("long", 2))),
    *_blocks_of("block17", 20, ONE_BY_ONE, _chain("long", 2)),
    Module("mixed_7a", (_chain("first", 1), _chain("second", 1), _chain("long", 2))),
    *_blocks_of("block8", 10, ONE_BY_ONE, _chain("long", 2)),
    Named("conv6.convolution", "conv_7b", ("conv6.norm", "conv_7b_bn")),
)

APPLICATIONS = (
    _vgg(16, 2, 2, 3, 3, 3),
    _vgg(19, 2, 2, 4, 4, 4),
    *(_resnet(depth) for depth in BOTTLENECK),
    *(_resnet_v2(depth) for depth in BOTTLENECK),
    _first_resnet50(),
    _inception("InceptionV3", "inception_v3", INCEPTION_V3, minus_one_to_one(299, 342), aux=False, count_padding=False),
    _inception("InceptionResNetV2", "inception_resnet_v2", INCEPTION_RESNET_V2, minus_one_to_one(299, 342)),
)
"""Where two have layers of the same shapes the first is meant, if a file names none of its layers."""
