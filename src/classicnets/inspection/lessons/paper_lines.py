"""Lines of teaching notes that only the papers can tell to be right or wrong, one function a line."""

from typing import Literal, NamedTuple

from classicnets import catalog
from classicnets.inspection.lessons.form import share
from classicnets.inspection.lessons.sources import TEST, VALIDATION, claim, contradiction, reported, result

Verdict = Literal["right", "imprecise", "wrong"]
_TOP5 = "top-5 error"


class Note(NamedTuple):
    """A line of teaching notes.

    Attributes:
        line: as the notes have it.
        verdict: imprecise is what is true in some reading.
        holds: the right figures.
        by: computed from the networks here, or from the papers.
    """

    line: str
    verdict: Verdict
    holds: str
    by: Literal["computed", "paper", "both"]


def aux_weight() -> Note:
    """What the auxiliary heads count for."""
    inception = catalog.paper("inception_v3").recipe["auxiliary_loss"]
    return Note(
        "GoogLeNet: auxiliary losses weigh 0.3",
        "right",
        f"{catalog.paper('googlenet').recipe['auxiliary_loss'].value}. Inception-v3 has one such head, and its paper"
        f" prints no weight: {inception.value} ({inception.certainty}).",
        "paper",
    )


def winners() -> Note:
    """The errors of ILSVRC that slides list by network."""
    alexnet = result("alexnet", "five networks", _TOP5, TEST), reported("alexnet", _TOP5, "10 crops")
    outside = result("alexnet", "seven networks, two of them pre-trained with a sixth convolution", _TOP5, TEST)
    zfnet = (
        result("zfnet", "six networks, five of (a) and one of (b)", _TOP5, TEST),
        reported("zfnet", _TOP5, "10 crops"),
    )
    vgg = result("vgg19", "the entry of 2014", _TOP5, TEST)
    best = reported("vgg19", _TOP5, "multi-crop and dense, Q=256, 384, 512, trained with S in [256, 512]", TEST)
    pair = result("vgg19", "D and E", _TOP5, TEST, "multi-crop and dense, Q=256, 384, 512")
    inception = result("googlenet", "seven GoogLeNets, the winner of 2014", _TOP5, "ILSVRC-2014 test")
    resnet = result("resnet152", "six networks, two of them of 152 layers", _TOP5, TEST)
    dense = reported("resnet152", _TOP5, "dense at shorter sides 224, 256, 384, 480, 640, scores averaged")
    return Note(
        "ImageNet top-5: AlexNet 16.4, ZFNet 11.7, VGG-19 7.3, GoogLeNet 6.7, ResNet-152 3.57",
        "wrong",
        f"Single networks and ensembles are mixed. AlexNet: {alexnet[0].value} is the mean of {alexnet[0].networks},"
        f" one has {alexnet[1].value}, the winner {outside.value} with data from outside. {_clarifai()} ZFNet:"
        f" {zfnet[0].value} with {zfnet[0].networks}, one has {zfnet[1].value}. VGG: {vgg.value} with {vgg.networks},"
        f" later {best.value} with one, {pair.value} with {pair.networks}. GoogLeNet: {inception.value} with"
        f" {inception.networks}, {inception.protocol}; one network {reported('googlenet', _TOP5, '144 crops').value},"
        f" with one crop {reported('googlenet', _TOP5, '1 crop').value}. ResNet: {resnet.value} with"
        f" {resnet.networks}, only two of them of 152 layers; one of these {dense.value} dense,"
        f" {reported('resnet152', _TOP5, '10 crops').value} with 10 crops ({VALIDATION.partition(' ')[2]}).",
        "paper",
    )


def _clarifai() -> str:
    """Whose the 11.7 is, as the papers' data say it."""
    return contradiction("zfnet", "winner of 2013").found.partition(";")[0] + "."


def factorised() -> Note:
    """Where thin kernels do well."""
    return Note(
        "1xn and nx1 convolutions work best on maps of 12 to 20 pixels a side",
        "right",
        claim("inception_v3", "best on 12 to 20 pixels"),
        "paper",
    )


def step_of_2014() -> Note:
    """What GoogLeNet improved on."""
    won = result("googlenet", "seven GoogLeNets, the winner of 2014", _TOP5, "ILSVRC-2014 test").value
    outside = result("alexnet", "seven networks, two of them pre-trained with a sixth convolution", _TOP5, TEST).value
    alone = result("alexnet", "five networks", _TOP5, TEST).value
    return Note(
        "GoogLeNet moved ILSVRC from 16.4% to 6.67%",
        "imprecise",
        f"{contradiction('alexnet', 'step of 2014').found}. From {outside} to {won} is {share(1 - won / outside)}"
        f" less, from {alone} {share(1 - won / alone)}.",
        "paper",
    )
