"""Fully connected heads beside the convolutions that compute the same."""

import pytest
import torch
from torch import nn

from classicnets.errors import UsageError
from classicnets.networks.chain import Built, Row, Site
from classicnets.networks.heads import Head, check_head, classifier, hidden

MAPS = torch.randn(2, 6, 3, 4, generator=torch.manual_seed(0), dtype=torch.float64)
SITE = Site(6, 3, 4, classes=5)


def built(row: Row, site: Site) -> Built:
    torch.manual_seed(0)
    module, out = row(site)
    return Built(module.double(), out)


def with_the_weights_of(connected: nn.Module, convolutional: nn.Module) -> nn.Module:
    """``convolutional`` with the weights of ``connected``, reshaped."""
    values = zip(convolutional.state_dict().items(), connected.state_dict().values(), strict=True)
    convolutional.load_state_dict({name: given.view_as(own) for (name, own), given in values})
    return convolutional


def test_the_layers_are_found_under_the_same_names_in_every_network() -> None:
    assert list(built(hidden(8, head="connected"), SITE).module.state_dict()) == ["linear.weight", "linear.bias"]
    convolutional = built(hidden(8, head="convolutional"), SITE).module
    assert {name: tuple(tensor.shape) for name, tensor in convolutional.state_dict().items()} == {
        "convolution.weight": (8, 6, 3, 4),
        "convolution.bias": (8,),
    }
    vector = Site(8, 1, 1, classes=5, flat=True)
    assert list(built(classifier(head="connected"), vector).module.state_dict()) == ["weight", "bias"]
    assert list(built(classifier(head="convolutional"), vector).module.state_dict()) == [
        "convolution.weight",
        "convolution.bias",
    ]


def test_both_kinds_compute_the_same() -> None:
    connected, out = built(hidden(8, head="connected"), SITE)
    convolutional, map_out = built(hidden(8, head="convolutional"), SITE)
    assert (out.shape, map_out.shape) == ((8,), (8, 1, 1))
    expected = connected.eval()(MAPS)
    with_the_weights_of(connected, convolutional)
    found = convolutional.eval()(MAPS)
    assert found.shape == (2, 8, 1, 1)
    torch.testing.assert_close(found.flatten(1), expected)
    assert (found >= 0).all(), "a ReLU follows"


@pytest.mark.parametrize("head", ["connected", "convolutional"])
@pytest.mark.parametrize(
    ("before", "after", "places"),
    [
        (None, 0.5, ["layer", "relu", "dropout"]),
        (None, None, ["layer", "relu"]),
        (0.3, None, ["dropout", "layer", "relu"]),
    ],
)
def test_dropout_stands_where_asked_for(
    head: Head, before: float | None, after: float | None, places: list[str]
) -> None:
    module = built(hidden(8, head=head, drop_before=before, drop_after=after), SITE).module
    names = [name for name, _ in module.named_children() if name != "flatten"]
    assert ["layer" if name in ("linear", "convolution") else name for name in names] == places
    shares = [part.p for part in module.modules() if isinstance(part, nn.Dropout)]
    assert shares == [share for share in (before, after) if share is not None]


def test_a_layer_has_dropout_on_one_side_alone() -> None:
    with pytest.raises(AssertionError, match="one dropout a layer"):
        hidden(8, head="connected", drop_before=0.5)


def test_the_classifier_answers_with_the_mean_over_a_map() -> None:
    connected = built(classifier(head="connected"), Site(6, 1, 1, classes=5, flat=True)).module
    convolutional, out = built(classifier(head="convolutional"), SITE)
    with_the_weights_of(connected, convolutional)
    assert out == Site(5, 1, 1, classes=5, flat=True)
    places = MAPS.permute(0, 2, 3, 1).reshape(2, 12, 6)
    torch.testing.assert_close(convolutional(MAPS), connected(places).mean(dim=1))


@pytest.mark.parametrize("wrong", ["dense", "", None, ["connected"]])
def test_an_unknown_head_is_named(wrong: Head) -> None:
    with pytest.raises(UsageError, match="head must be connected or convolutional, not ") as caught:
        check_head(wrong)
    assert "\n" not in str(caught.value)
