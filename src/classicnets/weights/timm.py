"""What timm publishes of the networks that this library has too (timm 1.0).

Not taken are weights that only non-commercial use is allowed of, and those without a head for ImageNet's classes.
"""

from collections.abc import Mapping
from typing import Any

from classicnets.data.transforms import Preprocessing
from classicnets.weights.name_map import AsConvolution, NameMap
from classicnets.weights.sources import Model, Release, Source
from classicnets.weights.torchvision import (
    INCEPTION_V3,
    MINUS_ONE_TO_ONE,
    RESNET,
    RESNET_BLOCKS,
    VGG_STAGES,
    features,
    units,
    usual,
)

HUB = "https://huggingface.co/timm/{model}.{release}/resolve/main/model.safetensors"
GITHUB = "https://github.com/rwightman/pytorch-image-models/releases/download/"

Table = Mapping[str, str | AsConvolution]

VGG_HEAD: Table = {
    "fc6.linear": AsConvolution("pre_logits.fc1", kernel=7),
    "fc7.linear": AsConvolution("pre_logits.fc2"),
    "fc8": "head.fc",
}

DEEP_STEM: Table = {
    "conv1_1.convolution": "conv1.0",
    "conv1_1.norm": "conv1.1",
    "conv1_2.convolution": "conv1.3",
    "conv1_2.norm": "conv1.4",
    "conv1_3.convolution": "conv1.6",
    "conv1_3.norm": "bn1",
}

# Before the convolution stands a pooling, which is an empty module where it has nothing to do.
POOLED_SHORTCUTS: Table = {
    "conv{stage}_{block}.shortcut.projection": "layer{stage-1}.{block-1}.downsample.1",
    "conv{stage}_{block}.shortcut.norm": "layer{stage-1}.{block-1}.downsample.2",
}


SQUEEZE_EXCITATION: Table = {
    "conv{stage}_{block}.branch.squeeze_excitation.reduce": AsConvolution("layer{stage-1}.{block-1}.se.fc1"),
    "conv{stage}_{block}.branch.squeeze_excitation.expand": AsConvolution("layer{stage-1}.{block-1}.se.fc2"),
}

LEGACY_SE: Table = {
    "conv1.convolution": "layer0.conv1",
    "conv1.norm": "layer0.bn1",
    **RESNET_BLOCKS,
    "conv{stage}_{block}.branch.squeeze_excitation.reduce": AsConvolution("layer{stage-1}.{block-1}.se_module.fc1"),
    "conv{stage}_{block}.branch.squeeze_excitation.expand": AsConvolution("layer{stage-1}.{block-1}.se_module.fc2"),
    "fc": "last_linear",
}


def inception_a(ours: str, theirs: str) -> dict[str, str]:
    """The lines of a module of branches: one convolution, two or three behind each other, and a pooling with one."""
    return {
        f"{ours}.one_by_one": f"{theirs}.branch0",
        f"{ours}.short.reduce": f"{theirs}.branch1.0",
        f"{ours}.short.conv{{layer}}": f"{theirs}.branch1.{{layer}}",
        f"{ours}.long.reduce": f"{theirs}.branch2.0",
        f"{ours}.long.conv{{layer}}": f"{theirs}.branch2.{{layer}}",
        f"{ours}.pool.project": f"{theirs}.branch3.1",
    }


def inception_c(ours: str, theirs: str) -> dict[str, str]:
    """The lines of a module whose two inner branches end in a fork."""
    return {
        f"{ours}.one_by_one": f"{theirs}.branch0",
        f"{ours}.short.reduce": f"{theirs}.branch1_0",
        f"{ours}.short.split.one_by_three": f"{theirs}.branch1_1a",
        f"{ours}.short.split.three_by_one": f"{theirs}.branch1_1b",
        f"{ours}.long.reduce": f"{theirs}.branch2_0",
        f"{ours}.long.conv{{layer}}": f"{theirs}.branch2_{{layer}}",
        f"{ours}.long.split.one_by_three": f"{theirs}.branch2_3a",
        f"{ours}.long.split.three_by_one": f"{theirs}.branch2_3b",
        f"{ours}.pool.project": f"{theirs}.branch3.1",
    }


def chain(ours: str, theirs: str) -> dict[str, str]:
    """The lines of convolutions behind each other, of which the first reduces."""
    return {f"{ours}.reduce": f"{theirs}.0", f"{ours}.conv{{layer}}": f"{theirs}.{{layer}}"}


def joined(*tables: Mapping[str, str]) -> dict[str, str]:
    """All lines of some tables."""
    return {ours: theirs for table in tables for ours, theirs in table.items()}


# timm numbers stem and modules of Inception-v4 through; a module's number says what it is.
INCEPTION_V4: Table = {
    **units(
        joined(
            {"conv1": "features.0", "conv2": "features.1", "conv3": "features.2"},
            {"mixed_3a.three_by_three": "features.3.conv", "mixed_5a.three_by_three": "features.5.conv"},
            chain("mixed_4a.short", "features.4.branch0"),
            chain("mixed_4a.long", "features.4.branch1"),
            *(inception_a(f"inception_a_{number}", f"features.{number + 5}") for number in range(1, 5)),
            {"reduction_a.three_by_three": "features.10.branch0"},
            chain("reduction_a.long", "features.10.branch1"),
            *(inception_a(f"inception_b_{number}", f"features.{number + 10}") for number in range(1, 8)),
            chain("reduction_b.short", "features.18.branch0"),
            chain("reduction_b.long", "features.18.branch1"),
            *(inception_c(f"inception_c_{number}", f"features.{number + 18}") for number in range(1, 4)),
        )
    ),
    "fc": "last_linear",
}

# The last of the blocks on 8x8 pixels stands apart.
RESIDUALS = {
    "block35_{block}": "repeat.{block-1}",
    "block17_{block}": "repeat_1.{block-1}",
    "block8_10": "block8",
    "block8_{block}": "repeat_2.{block-1}",
}

INCEPTION_RESNET_V2: Table = {
    **units(
        joined(
            {"conv1": "conv2d_1a", "conv2": "conv2d_2a", "conv3": "conv2d_2b"},
            {"conv4": "conv2d_3b", "conv5": "conv2d_4a", "conv6": "conv2d_7b"},
            {"mixed_5b.one_by_one": "mixed_5b.branch0", "mixed_5b.pool.project": "mixed_5b.branch3.1"},
            chain("mixed_5b.five_by_five", "mixed_5b.branch1"),
            chain("mixed_5b.long", "mixed_5b.branch2"),
            {"mixed_6a.three_by_three": "mixed_6a.branch0"},
            chain("mixed_6a.long", "mixed_6a.branch1"),
            chain("mixed_7a.first", "mixed_7a.branch0"),
            chain("mixed_7a.second", "mixed_7a.branch1"),
            chain("mixed_7a.long", "mixed_7a.branch2"),
            *({f"{ours}.branch.inception.one_by_one": f"{theirs}.branch0"} for ours, theirs in RESIDUALS.items()),
            chain("block35_{block}.branch.inception.short", "repeat.{block-1}.branch1"),
            chain("block35_{block}.branch.inception.long", "repeat.{block-1}.branch2"),
            *(
                chain(f"{ours}.branch.inception.long", f"{theirs}.branch1")
                for ours, theirs in RESIDUALS.items()
                if not ours.startswith("block35")
            ),
        )
    ),
    **{f"{ours}.branch.linear": f"{theirs}.conv2d" for ours, theirs in RESIDUALS.items()},
    "fc": "classif",
}


def prepared(size: int = 224, share: float = 0.875, interpolation: str = "bicubic", **changes: Any) -> Preprocessing:
    """timm's way: resized so that the input is this ``share`` of the shorter side."""
    return usual(size, int(size / share), interpolation=interpolation, **changes)


# How images are prepared for the weights of one way of training. Where timm names a larger size for tests besides,
# this is the smaller one, which its networks state as theirs.
OWN = prepared()
RSB = prepared(share=0.95)
RSB_A3 = prepared(160, 0.95)
HALF = prepared(share=0.9, **MINUS_ONE_TO_ONE)
BILINEAR = prepared(interpolation="bilinear")
TORCHVISION_2 = prepared(176, interpolation="bilinear")
DEEP_256 = prepared(256, 0.95)
GOOGLE = prepared(299, **MINUS_ONE_TO_ONE)
GOOGLE_RESIDUAL = prepared(299, 0.8975, **MINUS_ONE_TO_ONE)

TV = {"tv_in1k": BILINEAR}
TV2 = {"tv2_in1k": TORCHVISION_2}
GLUON = {"gluon_in1k": OWN}
A1_A2 = {"a1_in1k": RSB, "a2_in1k": RSB}
A1_A2_A3 = A1_A2 | {"a3_in1k": RSB_A3}
A1H = {"a1h_in1k": RSB}


def _model(
    name: str,
    network: str,
    names: NameMap,
    releases: Mapping[str, Preprocessing],
    *,
    file: str | None = None,
    **options: Any,
) -> Model:
    """A network with its weights: on the hub, or in one ``file`` elsewhere whose name ends in digits of its SHA-256."""
    return Model(
        name=name,
        network=network,
        options=options,
        names=names,
        preprocessing=next(iter(releases.values()), OWN),
        releases=tuple(_release(name, release, prepared, file) for release, prepared in releases.items()),
    )


def _release(model: str, release: str, preprocessing: Preprocessing, file: str | None) -> Release:
    if file is None:
        return Release(name=release, url=HUB.format(model=model, release=release), preprocessing=preprocessing)
    digest = file.removesuffix(".pth").rpartition("-")[2]
    return Release(name=release, url=GITHUB + file, sha256=digest, preprocessing=preprocessing)


def _vgg(depth: int, *, norm: bool = False) -> Model:
    name = f"vgg{depth}_bn" if norm else f"vgg{depth}"
    return _model(name, name, NameMap({**features(VGG_STAGES[depth], norm=norm), **VGG_HEAD}), TV)


_RESNET = NameMap(RESNET)
_RESNET_C = NameMap({**DEEP_STEM, **RESNET_BLOCKS})
_RESNET_D = NameMap({**DEEP_STEM, **RESNET_BLOCKS, **POOLED_SHORTCUTS})
_SE_RESNET = NameMap({**RESNET, **SQUEEZE_EXCITATION})
_LEGACY_SE_RESNET = NameMap(LEGACY_SE)


def _wider(name: str, releases: Mapping[str, Preprocessing]) -> Model:
    """A ResNet that is called the same here and there."""
    return _model(name, name, _RESNET, releases)


def _legacy(name: str, network: str, file: str) -> Model:
    """The SE networks' authors' own weights, ported from Caffe."""
    return _model(name, network, _LEGACY_SE_RESNET, {"in1k": BILINEAR}, file=file, pool_ceil=True)


_MODELS = (
    *(_vgg(depth) for depth in VGG_STAGES),
    *(_vgg(depth, norm=True) for depth in VGG_STAGES),
    _model(
        "inception_v3",
        "inception_v3",
        NameMap(INCEPTION_V3),
        {"tv_in1k": GOOGLE, "tf_in1k": GOOGLE, "tf_adv_in1k": GOOGLE, "gluon_in1k": prepared(299)},
    ),
    _model("inception_v4", "inception_v4", NameMap(INCEPTION_V4), {"tf_in1k": GOOGLE}, order="release"),
    _model(
        "inception_resnet_v2",
        "inception_resnet_v2",
        NameMap(INCEPTION_RESNET_V2),
        {"tf_in1k": GOOGLE_RESIDUAL, "tf_ens_adv_in1k": GOOGLE_RESIDUAL},
    ),
    _model("resnet18", "resnet18", _RESNET, A1_A2_A3 | TV | GLUON),
    _model("resnet34", "resnet34", _RESNET, A1_A2_A3 | {"bt_in1k": OWN, "ra4_e3600_r224_in1k": HALF} | TV | GLUON),
    # As in torchvision, timm's bottlenecks have their stride in the 3x3 convolution.
    _model(
        "resnet50",
        "resnet50_v1_5",
        _RESNET,
        {
            "a1_in1k": RSB,
            "a1h_in1k": prepared(176, 0.9),
            "a2_in1k": RSB,
            "a3_in1k": RSB_A3,
            "b1k_in1k": RSB,
            "b2k_in1k": RSB,
            "c1_in1k": RSB,
            "c2_in1k": RSB,
            "d_in1k": RSB,
            "ram_in1k": OWN,
            "am_in1k": OWN,
            "ra_in1k": OWN,
            "bt_in1k": OWN,
            **TV,
            **TV2,
            **GLUON,
        },
    ),
    _model("resnet101", "resnet101_v1_5", _RESNET, A1H | A1_A2_A3 | TV | TV2 | GLUON),
    _model("resnet152", "resnet152_v1_5", _RESNET, A1H | A1_A2_A3 | TV | TV2 | GLUON),
    _model("resnet50c", "resnet50_c", _RESNET_C, GLUON),
    _model(
        "resnet50d",
        "resnet50_d",
        _RESNET_D,
        {
            "ra2_in1k": OWN,
            "ra4_e3600_r224_in1k": prepared(share=0.95, **MINUS_ONE_TO_ONE),
            **A1_A2,
            "a3_in1k": RSB_A3,
            **GLUON,
        },
    ),
    _model("resnet101d", "resnet101_d", _RESNET_D, {"ra2_in1k": DEEP_256} | GLUON),
    _model("resnet152d", "resnet152_d", _RESNET_D, {"ra2_in1k": DEEP_256} | GLUON),
    _wider("resnext50_32x4d", A1H | A1_A2_A3 | {"ra_in1k": OWN} | TV | TV2 | GLUON),
    _wider("resnext101_32x4d", GLUON),
    _wider("resnext101_32x8d", TV | TV2),
    _wider("resnext101_64x4d", {"c1_in1k": RSB} | TV | GLUON),
    _wider("wide_resnet50_2", {"racm_in1k": OWN} | TV | TV2),
    _wider("wide_resnet101_2", TV | TV2),
    _model("seresnet50", "se_resnet50", _SE_RESNET, A1_A2_A3 | {"ra2_in1k": OWN}, stride_in="3x3"),
    _model("seresnet101", "se_resnet101", _SE_RESNET, {}, stride_in="3x3"),
    _model("seresnet152", "se_resnet152", _SE_RESNET, {}, stride_in="3x3"),
    _model("seresnext50_32x4d", "se_resnext50_32x4d", _SE_RESNET, {"racm_in1k": OWN} | GLUON),
    _model("seresnext101_32x4d", "se_resnext101_32x4d", _SE_RESNET, GLUON),
    _legacy("legacy_seresnet50", "se_resnet50", "v0.1-cadene/se_resnet50-ce0d4300.pth"),
    _legacy("legacy_seresnet101", "se_resnet101", "v0.1-cadene/se_resnet101-7e38fcc6.pth"),
    _legacy("legacy_seresnet152", "se_resnet152", "v0.1-cadene/se_resnet152-d17c99b7.pth"),
    _legacy("legacy_seresnext50_32x4d", "se_resnext50_32x4d", "v0.1-weights/legacy_se_resnext50_32x4d-f3651bad.pth"),
    _legacy("legacy_seresnext101_32x4d", "se_resnext101_32x4d", "v0.1-weights/legacy_se_resnext101_32x4d-37725eac.pth"),
)

TIMM = Source("timm", {model.name: model for model in _MODELS})
