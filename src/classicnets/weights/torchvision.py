"""What torchvision publishes of the networks that this library has too (its ``models`` package, version 0.28)."""

from collections.abc import Mapping
from typing import Any

from classicnets.data.transforms import Preprocessing
from classicnets.weights.name_map import NameMap
from classicnets.weights.sources import Model, Release, Source

HOME = "https://download.pytorch.org/models/"

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

# A convolution and its normalisation, which torchvision's Inception networks hold in one module.
UNIT = {"convolution": "conv", "norm": "bn"}


def units(table: Mapping[str, str]) -> dict[str, str]:
    """Lines for the convolution and the normalisation of each of these modules."""
    return {f"{ours}.{mine}": f"{theirs}.{its}" for ours, theirs in table.items() for mine, its in UNIT.items()}


def features(stages: tuple[int, ...], *, norm: bool) -> dict[str, str]:
    """The convolutions of a VGG, which stand in one numbered sequence with all that follows them.

    Args:
        stages: how many convolutions there are between one pooling and the next.
        norm: whether each is normalised.
    """
    lines = {}
    place = 0
    for stage, convolutions in enumerate(stages, start=1):
        for number in range(1, convolutions + 1):
            lines[f"conv{stage}_{number}.convolution"] = f"features.{place}"
            if norm:
                lines[f"conv{stage}_{number}.norm"] = f"features.{place + 1}"
            place += 3 if norm else 2
        place += 1
    return lines


VGG_STAGES = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}

VGG_HEAD = {"fc6.linear": "classifier.0", "fc7.linear": "classifier.3", "fc8": "classifier.6"}

ALEXNET = {
    "conv1.convolution": "features.0",
    "conv2.convolution": "features.3",
    "conv3.convolution": "features.6",
    "conv4.convolution": "features.8",
    "conv5.convolution": "features.10",
    "fc6.linear": "classifier.1",
    "fc7.linear": "classifier.4",
    "fc8": "classifier.6",
}

RESNET_BLOCKS = {
    "conv{stage}_{block}.branch.conv{layer}": "layer{stage-1}.{block-1}.conv{layer}",
    "conv{stage}_{block}.branch.norm{layer}": "layer{stage-1}.{block-1}.bn{layer}",
    "conv{stage}_{block}.shortcut.projection": "layer{stage-1}.{block-1}.downsample.0",
    "conv{stage}_{block}.shortcut.norm": "layer{stage-1}.{block-1}.downsample.1",
    "fc": "fc",
}

RESNET = {"conv1.convolution": "conv1", "conv1.norm": "bn1", **RESNET_BLOCKS}

GOOGLENET = {
    **units(
        {
            "conv1": "conv1",
            "conv2.reduce": "conv2",
            "conv2.convolve": "conv3",
            "inception_{module}.one_by_one": "inception{module}.branch1",
            "inception_{module}.three_by_three.reduce": "inception{module}.branch2.0",
            "inception_{module}.three_by_three.convolve": "inception{module}.branch2.1",
            "inception_{module}.five_by_five.reduce": "inception{module}.branch3.0",
            "inception_{module}.five_by_five.convolve": "inception{module}.branch3.1",
            "inception_{module}.pool.project": "inception{module}.branch4.1",
            "aux.inception_4a.project": "aux1.conv",
            "aux.inception_4d.project": "aux2.conv",
        }
    ),
    "aux.inception_4a.hidden.linear": "aux1.fc1",
    "aux.inception_4a.fc": "aux1.fc2",
    "aux.inception_4d.hidden.linear": "aux2.fc1",
    "aux.inception_4d.fc": "aux2.fc2",
    "fc": "fc",
}


INCEPTION_V3 = {
    **units(
        {
            "conv1": "Conv2d_1a_3x3",
            "conv2": "Conv2d_2a_3x3",
            "conv3": "Conv2d_2b_3x3",
            "conv4": "Conv2d_3b_1x1",
            "conv5": "Conv2d_4a_3x3",
            "mixed_{module}.one_by_one": "Mixed_{module}.branch1x1",
            "mixed_{module}.five_by_five.conv{layer}": "Mixed_{module}.branch5x5_{layer}",
            "mixed_{module}.three_by_three": "Mixed_{module}.branch3x3",
            "mixed_{module}.three_by_three.conv{layer}": "Mixed_{module}.branch3x3_{layer}",
            "mixed_{module}.three_by_three.split.one_by_three": "Mixed_{module}.branch3x3_2a",
            "mixed_{module}.three_by_three.split.three_by_one": "Mixed_{module}.branch3x3_2b",
            "mixed_{module}.double_three_by_three.conv{layer}": "Mixed_{module}.branch3x3dbl_{layer}",
            "mixed_{module}.double_three_by_three.split.one_by_three": "Mixed_{module}.branch3x3dbl_3a",
            "mixed_{module}.double_three_by_three.split.three_by_one": "Mixed_{module}.branch3x3dbl_3b",
            "mixed_{module}.seven_by_seven.conv{layer}": "Mixed_{module}.branch7x7_{layer}",
            "mixed_{module}.double_seven_by_seven.conv{layer}": "Mixed_{module}.branch7x7dbl_{layer}",
            "mixed_{module}.seven_and_three.conv{layer}": "Mixed_{module}.branch7x7x3_{layer}",
            "mixed_{module}.pool.project": "Mixed_{module}.branch_pool",
            "aux.mixed_6e.conv1": "AuxLogits.conv0",
            "aux.mixed_6e.conv2": "AuxLogits.conv1",
        }
    ),
    "aux.mixed_6e.fc": "AuxLogits.fc",
    "fc": "fc",
}


def usual(size: int = 224, resize: int = 256, **changes: Any) -> Preprocessing:
    """ImageNet's preprocessing, in torchvision's figures."""
    fields: dict[str, Any] = {"size": (size, size), "resize": resize, "mean": IMAGENET_MEAN, "std": IMAGENET_STD}
    return Preprocessing(**fields | changes)


# These networks were trained elsewhere, on pixels from -1 to 1. torchvision brings its own normalised images to that
# range inside the network (transform_input); here the preprocessing does.
MINUS_ONE_TO_ONE: Mapping[str, Any] = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}


def _model(
    name: str,
    network: str,
    names: NameMap,
    v1: str,
    v2: str | None = None,
    *,
    preprocessing: Preprocessing | None = None,
    has_aux: bool = False,
) -> Model:
    """A network with the files of its weights, whose names end in the first digits of their SHA-256."""
    first = usual() if preprocessing is None else preprocessing
    releases = [_release("IMAGENET1K_V1", v1, first)]
    if v2 is not None:
        releases.append(_release("IMAGENET1K_V2", v2, usual(resize=232)))
    return Model(
        name=name,
        network=network,
        names=names,
        has_aux=has_aux,
        preprocessing=first,
        releases=tuple(releases),
    )


def _release(name: str, file: str, preprocessing: Preprocessing) -> Release:
    digest = file.removesuffix(".pth").rpartition("-")[2]
    return Release(name=name, url=HOME + file, sha256=digest, preprocessing=preprocessing)


def _vgg(depth: int, file: str, *, norm: bool = False) -> Model:
    name = f"vgg{depth}_bn" if norm else f"vgg{depth}"
    return _model(name, name, NameMap(features(VGG_STAGES[depth], norm=norm) | VGG_HEAD), file)


_RESNET = NameMap(RESNET)


def _wider(name: str, v1: str, v2: str | None = None, *, preprocessing: Preprocessing | None = None) -> Model:
    """A ResNet that is called the same here and there."""
    return _model(name, name, _RESNET, v1, v2, preprocessing=preprocessing)


_MODELS = (
    _model("alexnet", "alexnet_owt", NameMap(ALEXNET), "alexnet-owt-7be5be79.pth"),
    _vgg(11, "vgg11-8a719046.pth"),
    _vgg(13, "vgg13-19584684.pth"),
    _vgg(16, "vgg16-397923af.pth"),
    _vgg(19, "vgg19-dcbb9e9d.pth"),
    _vgg(11, "vgg11_bn-6002323d.pth", norm=True),
    _vgg(13, "vgg13_bn-abd245e5.pth", norm=True),
    _vgg(16, "vgg16_bn-6c64b313.pth", norm=True),
    _vgg(19, "vgg19_bn-c79401a0.pth", norm=True),
    _model(
        "googlenet",
        "googlenet_bn",
        NameMap(GOOGLENET),
        "googlenet-1378be20.pth",
        has_aux=True,
        preprocessing=usual(**MINUS_ONE_TO_ONE),
    ),
    _model(
        "inception_v3",
        "inception_v3",
        NameMap(INCEPTION_V3),
        "inception_v3_google-0cc3c7bd.pth",
        has_aux=True,
        preprocessing=usual(299, 342, **MINUS_ONE_TO_ONE),
    ),
    _model("resnet18", "resnet18", _RESNET, "resnet18-f37072fd.pth"),
    _model("resnet34", "resnet34", _RESNET, "resnet34-b627a593.pth"),
    # torchvision's bottlenecks have their stride in the 3x3 convolution, which is never the paper's network.
    _model("resnet50", "resnet50_v1_5", _RESNET, "resnet50-0676ba61.pth", "resnet50-11ad3fa6.pth"),
    _model("resnet101", "resnet101_v1_5", _RESNET, "resnet101-63fe2227.pth", "resnet101-cd907fc2.pth"),
    _model("resnet152", "resnet152_v1_5", _RESNET, "resnet152-394f9c45.pth", "resnet152-f82ba261.pth"),
    _wider("resnext50_32x4d", "resnext50_32x4d-7cdf4587.pth", "resnext50_32x4d-1a0047aa.pth"),
    _wider("resnext101_32x8d", "resnext101_32x8d-8ba56ff5.pth", "resnext101_32x8d-110c445d.pth"),
    # Its first weights are already of the later recipe.
    _wider("resnext101_64x4d", "resnext101_64x4d-173b62eb.pth", preprocessing=usual(resize=232)),
    _wider("wide_resnet50_2", "wide_resnet50_2-95faca4d.pth", "wide_resnet50_2-9ba9bcbe.pth"),
    _wider("wide_resnet101_2", "wide_resnet101_2-32ee1156.pth", "wide_resnet101_2-d733dc28.pth"),
)

TORCHVISION = Source("torchvision", {model.name: model for model in _MODELS})
