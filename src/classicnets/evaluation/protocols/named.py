"""The papers' protocols by name, and protocols that a user writes."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import get_args

from classicnets.errors import UsageError, check_choice, near
from classicnets.evaluation.protocols.protocol import Average, Crops, Look, Protocol

CENTER = Protocol(name="center")
"""What the bundle's preprocessing does: one view of each image."""

_VGG_SIZES = (256, 384, 512)
_VGG_DENSE = Look(sizes=_VGG_SIZES, crops="dense")
_VGG_CROPS = Look(sizes=_VGG_SIZES, crops="grid")

PROTOCOLS: Mapping[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        CENTER,
        # Krizhevsky, Sutskever, Hinton, NIPS 2012, section 4.1: five patches of the 256x256 images and their mirror
        # images. Zeiler and Fergus (ECCV 2014, section 3.1) train on the same ten, and do not say how they test.
        Protocol(name="ten-crop", looks=(Look(sizes=(256,), crops="corners"),)),
        # Szegedy et al., CVPR 2015, section 7. Of a square image the three squares are one and the same.
        Protocol(name="crops-144", looks=(Look(sizes=(256, 288, 320, 352), crops="squares"),)),
        # Simonyan, Zisserman, ICLR 2015, section 3.2. The sizes are those for networks that were trained on 256 to 512
        # pixels (section 4.2); for one trained on S alone, section 4.1 tests at S and 4.2 at S - 32, S and S + 32.
        # Scores are averaged over places, the softmax over mirror images and sizes.
        Protocol(name="vgg-dense", looks=(_VGG_DENSE,)),
        # The same, sections 3.2 and 4.3: "50 crops per scale". Whether the grid spans the whole image or its central
        # square is not said; here it spans what the dense test sees.
        Protocol(name="vgg-multicrop", looks=(_VGG_CROPS,)),
        # The same, section 4.3 and table 5: the mean of the softmax of both.
        Protocol(name="vgg-both", looks=(_VGG_DENSE, _VGG_CROPS)),
        # He et al., CVPR 2016, section 3.4: "average the scores at multiple scales". Whether these are taken before or
        # after the softmax is not said (here before), nor whether mirror images count (here they do, as in VGG's
        # paper, whose form of the test it takes over).
        Protocol(name="resnet-dense", looks=(Look(sizes=(224, 256, 384, 480, 640), crops="dense", average="scores"),)),
    )
}

ALL = "all"
"""Stands for every one of `PROTOCOLS`."""

WRITTEN = "multi-scale"
_WITHOUT_SIZES = {  # their names say them; what to write instead
    "center": "crops=center:mirror=no",
    "ten-crop": "crops=corners",
    "crops-144": "crops=squares",
}
_EXAMPLE = f"{WRITTEN}:256,384:crops=dense:mirror=yes:average=softmax"
_YES_OR_NO = ("yes", "no")


def read_protocols(given: Iterable[str]) -> tuple[Protocol, ...]:
    """The protocols that a user names, each once, in that order; see `read_protocol`. `ALL` stands for those named.

    Raises:
        UsageError: as of `read_protocol`.
    """
    found = {}
    for text in given:
        for protocol in PROTOCOLS.values() if text == ALL else (read_protocol(text),):
            found[protocol.name] = protocol
    return tuple(found.values())


def read_protocol(text: str) -> Protocol:
    """The protocol that a user names or writes.

    One of `PROTOCOLS`; those of VGG and ResNet with sizes of one's own (``vgg-dense:256``); or ``multi-scale`` with
    sizes and, if wanted, how to look: ``multi-scale:256,384:crops=corners:mirror=no:average=scores``. Without them
    it is dense, with mirror images, and averages the softmax. Sizes are what the shorter side becomes, in pixels.

    Raises:
        UsageError: there is none of that name, or it is written otherwise.
    """
    name, *parts = text.split(":")
    if name not in PROTOCOLS and name != WRITTEN:
        raise UsageError(f"no protocol {name!r}{near(name, (*PROTOCOLS, WRITTEN, ALL))}")
    if not parts and name != WRITTEN:
        return PROTOCOLS[name]
    if name in _WITHOUT_SIZES:
        raise UsageError(f"{text}: {name} takes no sizes; write {WRITTEN}:{parts[0]}:{_WITHOUT_SIZES[name]}")
    if not parts or (len(parts) > 1 and name != WRITTEN):
        raise UsageError(f"{text}: write {_EXAMPLE if name == WRITTEN else f'{name}:256,384'}")
    sizes = _sizes(parts[0], text)
    if name != WRITTEN:
        looks = tuple(replace(look, sizes=sizes, of_paper=False) for look in PROTOCOLS[name].looks)
        return Protocol(name=text, looks=looks)
    return Protocol(name=text, looks=(_written(sizes, parts[1:], text),))


def _sizes(given: str, text: str) -> tuple[int, ...]:
    sizes = given.split(",")
    if not all(size.isascii() and size.isdecimal() and int(size) > 0 for size in sizes):
        raise UsageError(f"{text}: sizes are whole numbers of pixels with commas between them, such as 256,384")
    return tuple(dict.fromkeys(map(int, sizes)))


def _written(sizes: tuple[int, ...], settings: list[str], text: str) -> Look:
    wanted = {"crops": "dense", "mirror": "yes", "average": "softmax"}
    for setting in settings:
        option, _, value = setting.partition("=")
        if option not in wanted:
            raise UsageError(f"{text}: {setting!r} is none of {', '.join(wanted)}; write {_EXAMPLE}")
        wanted[option] = value
    check_choice("crops", wanted["crops"], get_args(Crops))
    check_choice("mirror", wanted["mirror"], _YES_OR_NO)
    check_choice("average", wanted["average"], get_args(Average))
    return Look(
        sizes=sizes,
        crops=wanted["crops"],  # type: ignore[arg-type]  # checked above
        mirror=wanted["mirror"] == "yes",
        average=wanted["average"],  # type: ignore[arg-type]  # checked above
        of_paper=False,
    )
