"""What is known of published weights, against the libraries' own statements (torchvision 0.28, timm 1.0.31)."""

import re

import pytest

from classicnets import catalog
from classicnets.errors import UsageError
from classicnets.weights.exchange import SOURCES, find_model
from classicnets.weights.sources import Release

RELEASES = [
    (source.name, model.name, release)
    for source in SOURCES.values()
    for model in source.models.values()
    for release in model.releases
]


def release_of(reference: str) -> Release:
    source, model, name = find_model(reference)
    return model.release(name, source=source.name)


@pytest.mark.parametrize(
    ("reference", "file"),
    [
        ("torchvision:alexnet", "alexnet-owt-7be5be79.pth"),
        ("torchvision:vgg11", "vgg11-8a719046.pth"),
        ("torchvision:vgg11_bn", "vgg11_bn-6002323d.pth"),
        ("torchvision:vgg13", "vgg13-19584684.pth"),
        ("torchvision:vgg13_bn", "vgg13_bn-abd245e5.pth"),
        ("torchvision:vgg16", "vgg16-397923af.pth"),
        ("torchvision:vgg16_bn", "vgg16_bn-6c64b313.pth"),
        ("torchvision:vgg19", "vgg19-dcbb9e9d.pth"),
        ("torchvision:vgg19_bn", "vgg19_bn-c79401a0.pth"),
        ("torchvision:googlenet", "googlenet-1378be20.pth"),
        ("torchvision:inception_v3", "inception_v3_google-0cc3c7bd.pth"),
        ("torchvision:resnet18", "resnet18-f37072fd.pth"),
        ("torchvision:resnet34", "resnet34-b627a593.pth"),
        ("torchvision:resnet50", "resnet50-0676ba61.pth"),
        ("torchvision:resnet50.IMAGENET1K_V1", "resnet50-0676ba61.pth"),
        ("torchvision:resnet50.IMAGENET1K_V2", "resnet50-11ad3fa6.pth"),
        ("torchvision:resnet101", "resnet101-63fe2227.pth"),
        ("torchvision:resnet101.IMAGENET1K_V2", "resnet101-cd907fc2.pth"),
        ("torchvision:resnet152", "resnet152-394f9c45.pth"),
        ("torchvision:resnet152.IMAGENET1K_V2", "resnet152-f82ba261.pth"),
        ("torchvision:resnext50_32x4d", "resnext50_32x4d-7cdf4587.pth"),
        ("torchvision:resnext50_32x4d.IMAGENET1K_V2", "resnext50_32x4d-1a0047aa.pth"),
        ("torchvision:resnext101_32x8d", "resnext101_32x8d-8ba56ff5.pth"),
        ("torchvision:resnext101_32x8d.IMAGENET1K_V2", "resnext101_32x8d-110c445d.pth"),
        ("torchvision:resnext101_64x4d", "resnext101_64x4d-173b62eb.pth"),
        ("torchvision:wide_resnet50_2", "wide_resnet50_2-95faca4d.pth"),
        ("torchvision:wide_resnet50_2.IMAGENET1K_V2", "wide_resnet50_2-9ba9bcbe.pth"),
        ("torchvision:wide_resnet101_2", "wide_resnet101_2-32ee1156.pth"),
        ("torchvision:wide_resnet101_2.IMAGENET1K_V2", "wide_resnet101_2-d733dc28.pth"),
    ],
)
def test_torchvisions_files(reference: str, file: str) -> None:
    release = release_of(reference)
    assert release.url == f"https://download.pytorch.org/models/{file}"
    assert release.sha256 == re.findall("[0-9a-f]{8}", file)[-1]


@pytest.mark.parametrize(
    ("reference", "folder"),
    [
        ("timm:resnet50", "resnet50.a1_in1k"),
        ("timm:resnet50.tv_in1k", "resnet50.tv_in1k"),
        ("timm:resnet50d", "resnet50d.ra2_in1k"),
        ("timm:vgg16_bn", "vgg16_bn.tv_in1k"),
        ("timm:inception_v3", "inception_v3.tv_in1k"),
        ("timm:inception_v4", "inception_v4.tf_in1k"),
        ("timm:inception_resnet_v2", "inception_resnet_v2.tf_in1k"),
        ("timm:resnext50_32x4d", "resnext50_32x4d.a1h_in1k"),
        ("timm:wide_resnet50_2", "wide_resnet50_2.racm_in1k"),
        ("timm:seresnet50", "seresnet50.a1_in1k"),
        ("timm:seresnext101_32x4d", "seresnext101_32x4d.gluon_in1k"),
    ],
)
def test_timms_files(reference: str, folder: str) -> None:
    release = release_of(reference)
    assert release.url == f"https://huggingface.co/timm/{folder}/resolve/main/model.safetensors"
    assert release.sha256 is None


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("legacy_seresnet50", "v0.1-cadene/se_resnet50-ce0d4300.pth"),
        ("legacy_seresnet101", "v0.1-cadene/se_resnet101-7e38fcc6.pth"),
        ("legacy_seresnet152", "v0.1-cadene/se_resnet152-d17c99b7.pth"),
        ("legacy_seresnext50_32x4d", "v0.1-weights/legacy_se_resnext50_32x4d-f3651bad.pth"),
        ("legacy_seresnext101_32x4d", "v0.1-weights/legacy_se_resnext101_32x4d-37725eac.pth"),
    ],
)
def test_timms_older_files(name: str, file: str) -> None:
    release = release_of(f"timm:{name}.in1k")
    assert release.url == f"https://github.com/rwightman/pytorch-image-models/releases/download/{file}"
    assert release.sha256 == re.findall("[0-9a-f]{8}", file)[-1]


@pytest.mark.parametrize("name", ["seresnet101", "seresnet152"])
def test_what_is_not_published_is_told(name: str) -> None:
    with pytest.raises(UsageError, match=f"timm publishes no weights of {name}; yours: timm:{name}@FILE"):
        release_of(f"timm:{name}")


IMAGENET = (0.485, 0.456, 0.406)
HALF = (0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("reference", "size", "resize", "interpolation", "mean"),
    [
        ("torchvision:vgg16", 224, 256, "bilinear", IMAGENET),
        ("torchvision:googlenet", 224, 256, "bilinear", HALF),
        ("torchvision:inception_v3", 299, 342, "bilinear", HALF),
        ("torchvision:resnet50", 224, 256, "bilinear", IMAGENET),
        ("torchvision:resnet50.IMAGENET1K_V2", 224, 232, "bilinear", IMAGENET),
        ("timm:resnet18", 224, 235, "bicubic", IMAGENET),
        ("timm:resnet18.a3_in1k", 160, 168, "bicubic", IMAGENET),
        ("timm:resnet34.ra4_e3600_r224_in1k", 224, 248, "bicubic", HALF),
        ("timm:resnet50.a1h_in1k", 176, 195, "bicubic", IMAGENET),
        ("timm:resnet50.tv_in1k", 224, 256, "bilinear", IMAGENET),
        ("timm:resnet50.tv2_in1k", 176, 201, "bilinear", IMAGENET),
        ("timm:resnet50.gluon_in1k", 224, 256, "bicubic", IMAGENET),
        ("timm:resnet50d.ra4_e3600_r224_in1k", 224, 235, "bicubic", HALF),
        ("timm:resnet101d", 256, 269, "bicubic", IMAGENET),
        ("torchvision:resnext101_64x4d", 224, 232, "bilinear", IMAGENET),
        ("timm:resnext101_64x4d", 224, 235, "bicubic", IMAGENET),
        ("timm:legacy_seresnet50", 224, 256, "bilinear", IMAGENET),
        ("timm:inception_v3", 299, 341, "bicubic", HALF),
        ("timm:inception_v3.gluon_in1k", 299, 341, "bicubic", IMAGENET),
        ("timm:inception_v4", 299, 341, "bicubic", HALF),
        ("timm:inception_resnet_v2", 299, 333, "bicubic", HALF),
    ],
)
def test_how_images_are_prepared(
    reference: str, size: int, resize: int, interpolation: str, mean: tuple[float, ...]
) -> None:
    found = release_of(reference).preprocessing
    assert (found.size, found.side, found.fit) == ((size, size), resize, "crop")
    assert (found.interpolation, found.mean) == (interpolation, mean)
    assert found.std == ((0.229, 0.224, 0.225) if mean == IMAGENET else HALF)


@pytest.mark.parametrize(("source", "model", "release"), RELEASES)
def test_every_release_can_be_asked_for_and_checked(source: str, model: str, release: Release) -> None:
    assert release_of(f"{source}:{model}.{release.name}") == release
    assert release.url.startswith("https://")
    stated = release.sha256
    assert stated is None if "huggingface.co" in release.url else re.fullmatch("[0-9a-f]{8}", stated or "")


def test_bottlenecks_are_never_the_papers() -> None:
    for source in SOURCES.values():
        for depth in (50, 101, 152):
            model = source.model(f"resnet{depth}")
            assert model.network == f"resnet{depth}_v1_5"
            assert model.network in catalog.list_networks()
