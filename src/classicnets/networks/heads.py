"""The fully connected heads of AlexNet, ZFNet and VGG, which are convolutions too if one wishes.

As convolutions they run on images larger than those they were made for and give a map of answers, whose mean is the
logits: the dense test of VGG's paper (Simonyan, Zisserman, ICLR 2015, section 3.2).
"""

from typing import Literal, get_args

from classicnets.errors import check_choice
from classicnets.networks.chain import Built, Row, Site
from classicnets.networks.rows import convolution, dropout, flatten, global_average_pool, linear, relu, sequence

Head = Literal["connected", "convolutional"]
"""Whether fully connected layers are made as such, or as the convolutions that compute the same."""


def check_head(head: Head) -> None:
    """Raise a UsageError where ``head`` is neither."""
    check_choice("head", head, get_args(Head))


def hidden(features: int, *, head: Head, drop_before: float | None = None, drop_after: float | None = 0.5) -> Row:
    """A fully connected layer on all that arrives, with a ReLU, and dropout before it or after it, not both."""
    assert drop_before is None or drop_after is None, "one dropout a layer"
    before = {} if drop_before is None else {"dropout": dropout(drop_before)}
    after = {} if drop_after is None else {"dropout": dropout(drop_after)}
    if head == "convolutional":
        return sequence(**before, convolution=_whole_map(features), relu=relu(), **after)
    return sequence(**before, flatten=flatten(), linear=linear(features), relu=relu(), **after)


def classifier(*, head: Head) -> Row:
    """The last layer: logits of a vector, or the mean of the logits at every place of a map."""
    if head == "convolutional":
        return sequence(convolution=_classes(), average=global_average_pool())
    return linear()


def _whole_map(features: int) -> Row:
    return lambda site: convolution(features, (site.height, site.width))(site)


def _classes() -> Row:
    def make(site: Site) -> Built:
        return convolution(site.classes, 1)(site)

    return make
