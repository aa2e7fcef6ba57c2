"""The protocols are the papers', and a user can write others."""

import pytest

from classicnets.errors import UsageError
from classicnets.evaluation.protocols.named import PROTOCOLS, read_protocol, read_protocols


def test_each_paper_has_its_number_of_views() -> None:
    assert {name: protocol.views for name, protocol in PROTOCOLS.items()} == {
        "center": 1,
        "ten-crop": 10,  # Krizhevsky et al., section 4.1
        "crops-144": 144,  # Szegedy et al., section 7
        "vgg-dense": 2 * 3,  # Simonyan, Zisserman, sections 3.2 and 4.2
        "vgg-multicrop": 150,  # section 3.2
        "vgg-both": 156,
        "resnet-dense": 2 * 5,  # He et al., section 3.4
    }


@pytest.mark.parametrize(
    ("name", "crops", "sizes", "average"),
    [
        ("ten-crop", "corners", (256,), "softmax"),
        ("crops-144", "squares", (256, 288, 320, 352), "softmax"),
        ("vgg-dense", "dense", (256, 384, 512), "softmax"),
        ("vgg-multicrop", "grid", (256, 384, 512), "softmax"),
        ("resnet-dense", "dense", (224, 256, 384, 480, 640), "scores"),
    ],
)
def test_each_paper_has_its_sizes(name: str, crops: str, sizes: tuple[int, ...], average: str) -> None:
    (look,) = PROTOCOLS[name].looks
    assert (look.crops, look.sizes, look.average, look.mirror, look.of_paper) == (crops, sizes, average, True, True)


def test_both_of_vgg_are_the_one_and_the_other() -> None:
    assert PROTOCOLS["vgg-both"].looks == PROTOCOLS["vgg-dense"].looks + PROTOCOLS["vgg-multicrop"].looks


def test_sizes_of_ones_own_are_pixels() -> None:
    protocol = read_protocol("vgg-dense:224,288")
    (look,) = protocol.looks
    assert (protocol.name, look.sizes, look.of_paper, look.crops) == ("vgg-dense:224,288", (224, 288), False, "dense")
    assert [look.sizes for look in read_protocol("vgg-both:40").looks] == [(40,), (40,)]


def test_a_protocol_of_ones_own() -> None:
    (plain,) = read_protocol("multi-scale:256,384").looks
    assert (plain.sizes, plain.crops, plain.mirror, plain.average) == ((256, 384), "dense", True, "softmax")
    (written,) = read_protocol("multi-scale:40,36,40:average=scores:crops=corners:mirror=no").looks
    assert (written.sizes, written.crops, written.mirror, written.average) == ((40, 36), "corners", False, "scores")
    assert written.views == 10


def test_all_are_those_with_a_name_each_once() -> None:
    assert [protocol.name for protocol in read_protocols(["ten-crop", "all", "multi-scale:32", "center"])] == [
        "ten-crop",
        *(name for name in PROTOCOLS if name != "ten-crop"),
        "multi-scale:32",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("tencrop", "no protocol 'tencrop'; did you mean ten-crop?"),
        ("", "no protocol ''; known: center"),
        ("multi-scale", "multi-scale: write multi-scale:256,384:crops=dense"),
        ("multi-scale:", "sizes are whole numbers"),
        ("multi-scale:256,", "sizes are whole numbers"),
        ("multi-scale:0", "sizes are whole numbers"),
        ("multi-scale:²", "sizes are whole numbers"),
        ("multi-scale:256:crop=grid", "'crop=grid' is none of crops, mirror, average"),
        ("multi-scale:256:crops=all", "crops must be dense, center, corners, grid or squares, not 'all'"),
        ("multi-scale:256:mirror=", "mirror must be yes or no, not ''"),
        ("multi-scale:256:average=mean", "average must be softmax or scores, not 'mean'"),
        ("ten-crop:288", "ten-crop takes no sizes; write multi-scale:288:crops=corners"),
        ("center:256", "center takes no sizes; write multi-scale:256:crops=center:mirror=no"),
        ("crops-144:256", "crops-144 takes no sizes; write multi-scale:256:crops=squares"),
        ("vgg-dense:256:mirror=no", "write vgg-dense:256,384"),
    ],
)
def test_what_is_no_protocol_is_told(text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_protocols([text])
    assert told in str(caught.value)
