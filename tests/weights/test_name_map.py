"""The small language in which names here are paired with names elsewhere."""

import pytest
import torch

from classicnets.weights.name_map import AsConvolution, NameMap

BLOCKS = NameMap(
    {
        "conv1.convolution": "conv1",
        "last_10": "last",
        "last_{number}": "repeat.{number-1}",
        "conv{stage}_{block}.branch.conv{layer}": "layer{stage-1}.{block-1}.conv{layer}",
        "inception_{module}.pool": "inception{module}.branch4.1",
        "conv{stage}.norm": "stem.{stage+3}",
        "fc6": AsConvolution("head.first", kernel=7),
        "fc7": AsConvolution("head.second"),
    }
)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("conv1.convolution.weight", "conv1.weight"),
        ("conv5_12.branch.conv3.weight", "layer4.11.conv3.weight"),
        ("inception_4e.pool.running_mean", "inception4e.branch4.1.running_mean"),
        ("conv2.norm.num_batches_tracked", "stem.5.num_batches_tracked"),
        ("last_9.bias", "repeat.8.bias"),
        ("last_10.bias", "last.bias"),
        ("fc6.weight", "head.first.weight"),
    ],
)
def test_names_are_translated(ours: str, theirs: str) -> None:
    assert BLOCKS.to_theirs(ours) == theirs
    assert BLOCKS.knows(theirs)


@pytest.mark.parametrize(
    "name", ["conv2.convolution.weight", "conv1.convolution.0.weight", "xfc6.weight", "weight", ""]
)
def test_a_name_that_is_in_no_line_has_no_partner(name: str) -> None:
    assert BLOCKS.to_theirs(name) is None
    assert not BLOCKS.knows(name)


def test_pairs_are_all_there_and_all_different() -> None:
    pairs = BLOCKS.pairs(["last_1.bias", "last_10.bias"])
    assert pairs == {"last_1.bias": "repeat.0.bias", "last_10.bias": "last.bias"}
    with pytest.raises(AssertionError, match=r"conv2\.convolution\.weight has no name"):
        BLOCKS.pairs(["conv2.convolution.weight"])
    with pytest.raises(AssertionError, match="one name"):
        NameMap({"a": "same", "b": "same"}).pairs(["a.weight", "b.weight"])


def test_a_fully_connected_layer_may_be_a_convolution_elsewhere() -> None:
    weight = torch.randn(5, 2 * 7 * 7)
    shaped = BLOCKS.shaped_as_theirs("fc6.weight", weight)
    assert shaped.shape == (5, 2, 7, 7)
    assert torch.equal(BLOCKS.shaped_as_ours("fc6.weight", shaped), weight)
    images = torch.randn(3, 2, 7, 7)
    torch.testing.assert_close(
        torch.conv2d(images, shaped).flatten(1), torch.nn.functional.linear(images.flatten(1), weight)
    )
    assert BLOCKS.shaped_as_theirs("fc7.weight", torch.zeros(4, 3)).shape == (4, 3, 1, 1)


@pytest.mark.parametrize("name", ["fc6.bias", "conv1.convolution.weight", "unknown.weight"])
def test_other_tensors_keep_their_shape(name: str) -> None:
    tensor = torch.zeros(6, 3, 2, 2)
    assert BLOCKS.shaped_as_theirs(name, tensor) is tensor
    assert BLOCKS.shaped_as_ours(name, tensor) is tensor
