"""Pictures show what a network is made of, and can be read."""

from functools import cache
from itertools import combinations
from xml.etree.ElementTree import Element

import pytest
import torch
from torch import nn

from classicnets import catalog
from classicnets.inspection.drawing.svg import draw
from classicnets.inspection.inspection import Inspection, inspect
from tests.inspection.drawing.reading import having, parsed, size, words

# Their drawings are those of their less deep relatives, and their traces take seconds.
DEEPEST = ("resnet1202_cifar", "stochastic_depth_resnet1202_cifar")


@cache
def drawn(name: str) -> str:
    return draw(inspect(name))


def said(element: Element) -> list[str]:
    return [found.text for found in words(element)]


@pytest.mark.parametrize("name", [name for name in catalog.list_networks() if name not in DEEPEST])
def test_words_stand_apart_and_inside_the_picture(name: str) -> None:
    picture = parsed(drawn(name))
    width, height = size(picture)
    found = list(words(picture))
    for one in found:
        assert one.left >= 0
        assert one.right <= width, one
        assert one.top >= 0
        assert one.bottom <= height, one
    for one, other in combinations(found, 2):
        assert not one.overlaps(other), (one, other)


@pytest.mark.parametrize(("name", "rows"), [("lenet5", 7), ("vgg16", 21), ("googlenet", 20), ("resnet50", 20)])
def test_each_row_has_a_box_beside_the_input(name: str, rows: int) -> None:
    picture = parsed(drawn(name))
    assert len(having(picture, "block")) == 1 + rows
    assert len(having(picture, "box")) == 1 + rows


def test_a_row_has_its_words() -> None:
    blocks = [said(block) for block in having(parsed(drawn("vgg16")), "block")]
    assert ["conv1_1", "3x3", "64 x 224 x 224", "1,792"] in blocks
    assert ["fc6", "fully connected", "4096", "102,764,544"] in blocks
    assert {"vgg16", "input 3 x 224 x 224, 138,357,544 parameters, 15.5 G MACs"} <= set(said(parsed(drawn("vgg16"))))


def test_nine_inception_modules_have_four_ways_each() -> None:
    blocks = having(parsed(drawn("googlenet")), "block")
    ways = [len(having(block, "way")) for block in blocks]
    assert [count for count in ways if count] == [4] * 9
    module = next(block for block in blocks if "inception_3a" in said(block))
    assert [said(way) for way in having(module, "way")] == [
        ["1x1", "64"],
        ["1x1", "96", "3x3", "128"],
        ["1x1", "16", "5x5", "32"],
        ["max 3x3", "1x1", "32"],
    ]


@pytest.mark.parametrize(("name", "heads"), [("googlenet", 2), ("inception_v3", 1), ("resnet18", 0)])
def test_auxiliary_heads_hang(name: str, heads: int) -> None:
    assert len(having(parsed(drawn(name)), "aux")) == heads


def test_an_auxiliary_head_shows_its_layers() -> None:
    head, _ = having(parsed(drawn("googlenet")), "aux")
    layers = ["average 5x5 /3", "1x1", "128", "fc", "1024", "fc", "1000"]
    assert said(head) == [*layers, "auxiliary head", "3,188,840"]


@pytest.mark.parametrize(
    ("name", "blocks", "identities"),
    [("resnet18", 8, 5), ("resnet34", 16, 13), ("resnet50", 16, 12), ("plain34", 0, 0)],
)
def test_each_residual_block_has_an_arc(name: str, blocks: int, identities: int) -> None:
    picture = parsed(drawn(name))
    assert len(having(picture, "shortcut")) == blocks
    assert len(having(picture, "identity")) == identities


@pytest.mark.parametrize(
    ("name", "shortcut"),
    [
        ("resnet18", ["1x1 /2", "128"]),
        ("resnet20_cifar", ["zeros /2"]),
        ("resnet50_d", ["average 2x2 /2", "1x1", "512"]),
    ],
)
def test_an_arc_says_what_changes_the_shape(name: str, shortcut: list[str]) -> None:
    block = next(block for block in having(parsed(drawn(name)), "block") if "conv3_1" in said(block))
    assert [said(arc) for arc in having(block, "shortcut")] == [shortcut]


def test_squeeze_and_excitation_and_groups_are_named() -> None:
    assert said(parsed(drawn("se_resnet50"))).count("SE") == 16
    assert said(parsed(drawn("resnext50_32x4d"))).count("128 in 32 groups") == 3


def test_equal_rows_of_a_deep_network_are_drawn_once() -> None:
    picture = parsed(drawn("preact_resnet1001_cifar"))
    assert [text for text in said(picture) if text.startswith("× 1")] == ["× 110"] * 3
    assert "conv2_2 to conv2_111" in said(picture)
    assert len(having(picture, "block")) == 11


def test_how_many_rows_stand_each_for_itself_can_be_chosen() -> None:
    found = inspect("resnet20_cifar")
    assert len(having(parsed(draw(found, longest=5)), "block")) == 9
    assert len(having(parsed(draw(found)), "block")) == 13


def test_groups_become_towers_that_pooling_keeps() -> None:
    blocks = {said(block)[0]: block for block in having(parsed(drawn("alexnet")), "block")}
    faces = {
        name: sum(1 for _ in block.iter("{http://www.w3.org/2000/svg}path")) // 3 for name, block in blocks.items()
    }
    assert {name for name, count in faces.items() if count == 2} == {"conv2", "conv4", "conv5", "pool5"}


class _Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(4, 4, 3, padding=1)
        self.gate = nn.Conv2d(4, 4, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        made = self.one(images)
        made = made * torch.sigmoid(self.gate(made.mean((2, 3), keepdim=True)))
        total: torch.Tensor = made + images
        return total


class _Dense(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv2d(4 * count, 4, 3, padding=1) for count in range(1, 20)])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        made = [images]
        for layer in self.layers:
            made.append(layer(torch.cat(made, 1)))
        return made[-1]


def test_any_module_is_drawn_by_what_ran() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), _Block(), _Dense(), nn.Dropout())
    _, _, block, dense, dropout = having(parsed(draw(Inspection(network, (3, 9, 9)))), "block")
    assert said(block) == ["3x3", "4", "SE", "1", "4 x 7 x 7", "168"]
    assert len(having(block, "identity")) == 1
    assert said(dense) == ["2", "19 of 3x3", "4 x 7 x 7", "27,436"]
    assert said(dropout) == ["3", "dropout", "4 x 7 x 7"]


def test_names_are_escaped_and_the_picture_is_always_the_same() -> None:
    found = Inspection(nn.Sequential(nn.Conv2d(3, 4, 3)), (3, 8, 8))
    found.name = "<a & b>"
    assert "<a & b>" in said(parsed(draw(found)))
    assert draw(found) == draw(found)
