"""What activations see: the literature's figures, and those measured with gradients."""

from collections.abc import Callable
from functools import cache

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from classicnets.inspection.sight.receptive_field import (
    Extent,
    Field,
    exceeds,
    fields,
    row_fields,
    side_seen,
    stride_of,
)
from classicnets.inspection.tracing.recording import trace
from classicnets.inspection.tracing.rows import traced_rows
from classicnets.networks import build
from tests.inspection.gradients import row_outputs, spans

Function = Callable[[torch.Tensor], torch.Tensor]


@cache
def fields_of(name: str) -> dict[str, Field]:
    network = build(name)
    seen = trace(network, torch.empty(1, *network.input_shape, device="meta"))
    return row_fields(seen, traced_rows(seen))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lenet5", {"C1": (5, 1), "S2": (6, 2), "C3": (14, 2), "S4": (16, 4), "C5": (32, 4), "OUTPUT": (32, 0)}),
        ("alexnet", {"conv1": (11, 4), "pool1": (19, 8), "conv2": (51, 8), "conv5": (163, 16), "pool5": (195, 32)}),
        ("vgg16", {"conv1_2": (5, 1), "conv5_3": (196, 16), "pool5": (212, 32), "fc6": (404, 0)}),
        ("googlenet", {"inception_3a": (59, 8), "inception_5b": (715, 32), "average": (907, 0)}),
        ("resnet18", {"conv1": (7, 2), "pool1": (11, 4), "conv5_2": (435, 32), "average": (627, 0)}),
        ("resnet50", {"conv4_6": (291, 16), "conv5_3": (483, 32)}),
        ("resnet101", {"conv5_3": (1027, 32)}),
        ("resnet152", {"conv5_3": (1507, 32)}),
    ],
)
def test_sizes_and_strides(name: str, expected: dict[str, tuple[int, int]]) -> None:
    found = fields_of(name)
    assert {row: (side_seen(found[row], (224, 224)), stride_of(found[row])) for row in expected} == expected


@pytest.mark.parametrize("name", ["lenet5", "alexnet", "alexnet_caffe", "zfnet", "vgg16", "resnet18", "resnet50_v1_5"])
def test_each_row_of_maps_sees_what_is_measured(name: str) -> None:
    measure(name, list(maps_of(name)))


@pytest.mark.parametrize(
    "name",
    [
        *("googlenet", "inception_naive", "bn_inception", "inception_v3", "inception_v4", "inception_resnet_v2"),
        *("resnet50", "resnet50_d", "preact_resnet50", "wide_resnet28_10_cifar", "resnext50_32x4d", "resnet110_cifar"),
    ],
)
def test_the_last_maps_see_what_is_measured(name: str) -> None:
    measure(name, list(maps_of(name))[-1:])


@pytest.mark.parametrize("name", ["inception_v3", "resnet18"])
def test_what_is_seen_down_is_measured_too(name: str) -> None:
    measure(name, list(maps_of(name))[-2:], tall=True)


def maps_of(name: str) -> dict[str, Field]:
    return {row: field for row, field in fields_of(name).items() if stride_of(field)}


def measure(name: str, rows: list[str], *, tall: bool = False) -> None:
    """Long thin images, so long that the middle of the last row sees no border."""
    maps = maps_of(name)
    network = build(name)
    long = maps[rows[-1]].across.size + 4 * maps[rows[-1]].across.stride
    thin = network.smallest_input()
    image, outputs = row_outputs(network, *((long, thin) if tall else (thin, long)))
    for row, activation in outputs:
        if row in rows:
            middle = [side // 2 for side in activation.shape[2:]]
            (first, last, stride, _), place = (maps[row][not tall], middle[not tall])
            measured = spans(image, activation, middle)[not tall]
            assert measured == (first + place * stride, last + place * stride), row
        if row == rows[-1]:
            break


class Applied(nn.Module):
    """A forward of a few operations."""

    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.function(images)


def field_after(function: Function, height: int = 24, width: int = 32) -> Field:
    seen = trace(Applied(function), torch.empty(2, 4, height, width, device="meta"))
    return fields(seen)[seen.outputs[0].number]


THREE = torch.ones(4, 1, 3, 3, dtype=torch.float64)


def convolved(images: torch.Tensor, stride: int = 1) -> torch.Tensor:
    return F.conv2d(images, THREE.to(images), None, stride, 1, groups=4)


def across(images: torch.Tensor) -> torch.Tensor:
    return F.conv2d(images, torch.ones(4, 4, 1, 5).to(images), dilation=(1, 2))


def blocks_of_tokens(images: torch.Tensor) -> torch.Tensor:
    """Each pixel becomes the sum of its 4x4 block, by way of splitting and reordering dimensions."""
    blocks = images.reshape(2, 4, 6, 4, 8, 4).permute(0, 2, 4, 3, 5, 1).reshape(2 * 48, 16, 4)
    mixed = torch.ones(16, 16).to(images).expand(96, 16, 16) @ blocks
    return mixed.sum(dim=1).reshape(2, 6, 8, 4).permute(0, 3, 1, 2)


def fully_connected_by_pixel(images: torch.Tensor) -> torch.Tensor:
    moved = convolved(images).permute(0, 2, 3, 1)
    return F.linear(F.layer_norm(moved, (4,)) + moved, torch.ones(7, 4).to(images)).permute(0, 3, 1, 2)


def into_halves(images: torch.Tensor) -> torch.Tensor:
    joined = images.new_zeros(2, 8, *images.shape[2:])
    joined[:, :4] = images
    joined[:, 4:] = convolved(images)
    return joined


def over_a_part(images: torch.Tensor) -> torch.Tensor:
    copied = images.clone()
    copied[:, :2] += convolved(images)[:, :2]
    return copied


def over_a_flat_view(images: torch.Tensor) -> torch.Tensor:
    copied = convolved(images)
    copied.view(2, -1).mul_(3).relu_()
    return copied


@pytest.mark.parametrize(
    ("function", "down", "along"),
    [
        (lambda x: x, Extent(0, 0, 1), Extent(0, 0, 1)),
        (lambda x: convolved(x, stride=2), Extent(-1, 1, 2), Extent(-1, 1, 2)),
        (across, Extent(0, 0, 1), Extent(0, 8, 1)),
        (lambda x: convolved(convolved(x, 2))[:, :, 3::2, 1:-1], Extent(3, 9, 4), Extent(-1, 5, 2)),
        (lambda x: F.pad(x, (2, 1, 0, 3)), Extent(0, 0, 1), Extent(-2, -2, 1)),
        (lambda x: F.pad(x, (2, 1, 3, 3), mode="reflect")[:, :, 3:-3, 2:-1], Extent(0, 0, 1), Extent(0, 0, 1)),
        (lambda x: F.pad(x, (-2, 0, 0, -1)), Extent(0, 0, 1), Extent(2, 2, 1)),
        (lambda x: F.adaptive_avg_pool2d(x, (6, 1)), Extent(0, 3, 4), Extent(0, 31, 0)),
        (lambda x: F.avg_pool2d(x, (2, 3), ceil_mode=True), Extent(0, 1, 2), Extent(0, 2, 3)),
        (lambda x: F.max_pool2d(x, 3, 1, 2, dilation=2), Extent(-2, 2, 1), Extent(-2, 2, 1)),
        (lambda x: torch.cat([x[:, :, 2:], convolved(x)[:, :, 1:-1]], 1), Extent(0, 2, 1), Extent(-1, 1, 1)),
        (lambda x: torch.stack([x, convolved(x)], 1).sum(1), Extent(-1, 1, 1), Extent(-1, 1, 1)),
        (lambda x: torch.cat([x[:, :, :1], x], 2), Extent(-1, 0, 1), Extent(0, 0, 1)),
        (lambda x: convolved(x).chunk(3, dim=2)[1].abs(), Extent(7, 9, 1), Extent(-1, 1, 1)),
        (lambda x: x[:, :, 5] + x.unbind(2)[7], Extent(5, 7, 0), Extent(0, 0, 1)),
        (lambda x: x.mean((2, 3)).square(), Extent(0, 23, 0), Extent(0, 31, 0)),
        (lambda x: x.amax(3, keepdim=True) + 1, Extent(0, 0, 1), Extent(0, 31, 0)),
        (lambda x: F.interpolate(x[:, :, ::4, ::4], scale_factor=2), Extent(-2, 0, 2), Extent(-2, 0, 2)),
        (lambda x: convolved(x).flatten(1) * 2, Extent(-1, 1, 1), Extent(-1, 1, 1)),
        (lambda x: convolved(x).flatten(1) @ torch.ones(3072, 5).to(x), Extent(-1, 24, 0), Extent(-1, 32, 0)),
        (lambda x: convolved(x).transpose(2, 3).relu().mT, Extent(-1, 1, 1), Extent(-1, 1, 1)),
        (lambda x: x[:, :, None, :, :].squeeze(2).softmax(1), Extent(0, 0, 1), Extent(0, 0, 1)),
        (lambda x: x.mean((2, 3))[torch.tensor([1, 0])].roll(1, 1), Extent(0, 23, 0), Extent(0, 31, 0)),
        (blocks_of_tokens, Extent(0, 3, 4), Extent(0, 3, 4)),
        (fully_connected_by_pixel, Extent(-1, 1, 1), Extent(-1, 1, 1)),
        (into_halves, Extent(-1, 1, 1), Extent(-1, 1, 1)),
        (over_a_part, Extent(-1, 1, 1), Extent(-1, 1, 1)),
        (over_a_flat_view, Extent(-1, 1, 1), Extent(-1, 1, 1)),
    ],
)
def test_operations(function: Function, down: Extent, along: Extent) -> None:
    assert field_after(function) == Field(down, along)


def over_shifted_rows(images: torch.Tensor) -> torch.Tensor:
    copied = images.clone()
    copied[:, :, 1:] += images[:, :, :-1]
    return copied


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * x.mean((2, 3), keepdim=True).sigmoid(),
        lambda x: x + x.flatten(2).softmax(-1).view_as(x),
        lambda x: F.scaled_dot_product_attention(*[x.flatten(2).mT.unsqueeze(1)] * 3).squeeze(1).mT.view_as(x),
        lambda x: x.roll(1, 2) + x,
        lambda x: x + F.instance_norm(x),
        lambda x: x + F.group_norm(x, 2),
        lambda x: x[:, :, torch.arange(23, -1, -1)] + x,
        lambda x: torch.fft.fft2(x).real,
        over_shifted_rows,
    ],
)
def test_what_reaches_everywhere_sees_everything(function: Function) -> None:
    found = field_after(function)
    assert found.down.everything
    assert (found.down.first, found.down.last) == (0, 23)
    assert side_seen(found, (24, 32)) in (24, 32, 33)
    assert not exceeds(found._replace(across=found.down), (4, 24, 32))


def test_places_stay_as_far_apart_when_everything_is_seen() -> None:
    def mixed_in_windows(images: torch.Tensor) -> torch.Tensor:
        gated = images * images.mean((2, 3), keepdim=True)
        windows = gated.reshape(2, 4, 6, 4, 8, 4).sum((3, 5), keepdim=True)
        return gated + windows.expand(2, 4, 6, 4, 8, 4).reshape_as(gated)

    found = field_after(lambda images: mixed_in_windows(mixed_in_windows(images)))
    assert (found.down.everything, stride_of(found)) == (True, 1)


def test_a_transposed_convolution_halves_the_stride() -> None:
    up = nn.ConvTranspose2d(4, 4, 4, stride=2, padding=1)
    seen = trace(nn.Sequential(nn.Conv2d(4, 4, 4, stride=4), up), torch.empty(1, 4, 32, 32, device="meta"))
    found = fields(seen)[seen.outputs[0].number]
    assert found.down == found.across == Extent(-4, 5, 2)


def test_a_gate_makes_a_network_see_everything_from_its_block_on() -> None:
    found = fields_of("se_resnet50")
    assert not found["pool1"].down.everything
    assert all(found[row].across.everything for row in found if row not in ("conv1", "pool1"))
    assert [side_seen(found[row], (3, 224, 224)) for row in ("pool1", "conv2_1", "fc")] == [11, 224, 224]
    assert [stride_of(found[row]) for row in ("pool1", "conv2_1", "conv5_3", "fc")] == [4, 4, 32, 0]
    image, outputs = row_outputs(build("se_resnet50"), 32, 256)
    for row, activation in outputs:
        if row == "conv2_1":
            assert spans(image, activation, (3, 30)) == ((0, 31), (0, 255))
            break


def test_which_rows_see_more_than_the_image() -> None:
    found = fields_of("resnet18")
    beyond = [row for row, field in found.items() if exceeds(field, (3, 224, 224))]
    assert beyond == ["conv5_1", "conv5_2", "average", "fc"]
    assert exceeds(found["conv4_1"], (3, 224, 146))
    assert not exceeds(found["conv4_1"], (3, 147, 147))


def test_training_sees_what_evaluation_sees() -> None:
    network = build("resnet20_cifar")
    seen = trace(network, torch.empty(2, 3, 32, 32, device="meta"), training=True)
    assert row_fields(seen, traced_rows(seen)) == fields_of("resnet20_cifar")


def test_only_images_are_looked_at() -> None:
    seen = trace(nn.Linear(3, 4), torch.empty(5, 3, device="meta"))
    assert fields(seen) == {}


def test_what_does_not_depend_on_the_image_has_no_field() -> None:
    seen = trace(Applied(lambda x: torch.zeros_like(x) + 1), torch.empty(1, 3, 8, 8, device="meta"))
    assert list(fields(seen)) == [seen.inputs[0].number]
