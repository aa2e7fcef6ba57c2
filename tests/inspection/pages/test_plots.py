"""Plots of one network and of several: what they draw, read from the figures themselves."""

import subprocess
import sys
from typing import Any

import pytest
from torch import nn

from classicnets.errors import UsageError
from classicnets.inspection.comparison import Comparison, compare
from classicnets.inspection.inspection import Inspection, inspect
from classicnets.inspection.memory.live import live
from classicnets.inspection.pages import comparison_plots, plots
from classicnets.inspection.pages.labels import Spot, sides_of_names
from classicnets.web.plotting import MOST_TICKS, named_places


@pytest.fixture(scope="module")
def vgg() -> Inspection:
    """A chain without branches."""
    return inspect("vgg16")


@pytest.fixture(scope="module")
def resnet() -> Inspection:
    """A network with shortcuts."""
    return inspect("resnet18")


@pytest.fixture(scope="module")
def compared() -> Comparison:
    """Networks of which one has no result and one has a result on other data."""
    return compare(["alexnet", "vgg16", "googlenet", "bn_inception", "resnet20_cifar", "inception_naive"])


def drawn(figure: Any) -> dict[str, Any]:
    """The traces by their names."""
    return {trace.name: trace for trace in figure.data}


def words(figure: Any) -> str:
    """What the annotations say."""
    return "\n".join(annotation.text for annotation in figure.layout.annotations)


def test_bars_by_row(vgg: Inspection) -> None:
    parameters, macs, activations = plots.by_row(vgg).data
    assert (sum(parameters.y), sum(macs.y)) == (138_357_544, 15_470_264_320)
    assert parameters.hovertext[parameters.y.index(102_764_544)] == "fc6"
    assert max(activations.y) == 4 * 64 * 224 * 224
    assert len({parameters.yaxis, macs.yaxis, activations.yaxis}) == 3, "a panel each"


def test_the_totals_stand_beside_the_titles(vgg: Inspection) -> None:
    said = words(plots.by_row(vgg))
    assert "<b>parameters</b>, 138 M in all" in said
    assert "<b>MACs</b>, 15.5 G in all" in said


@pytest.mark.parametrize("count", [1, 20, 200, 1000])
def test_an_axis_names_as_many_rows_as_can_be_read(count: int) -> None:
    ticks = named_places([(place, f"row{place}") for place in range(count)], count)
    assert min(count, MOST_TICKS // 2) <= len(ticks["tickvals"]) <= MOST_TICKS + 1
    assert list(ticks["ticktext"]) == [f"row{place}" for place in ticks["tickvals"]]
    assert ticks["tickvals"] == sorted(ticks["tickvals"])


def test_a_long_name_keeps_its_end() -> None:
    (tick,) = named_places([(0, "features.denseblock4.denselayer32")], 1)["ticktext"]
    assert tick.endswith("denselayer32")
    assert len(tick) == 20


def test_live_memory_of_inference(resnet: Inspection) -> None:
    figure = plots.live_memory(resnet)
    eager, fused, held = (drawn(figure)[name] for name in ("eager", "fused", "held by shortcuts"))
    assert max(eager.y) == 6_422_528
    assert max(fused.y) == resnet.live_peak.fused < max(eager.y)
    assert 0 < max(held.y) <= max(eager.y)
    assert list(eager.y[:-1]) == live(resnet.trace)
    assert eager.line.shape == "hv", "memory changes in steps"
    assert "peak 6.42 MB: conv1" in words(figure)


def test_an_operation_is_named_with_its_module(resnet: Inspection) -> None:
    told = drawn(plots.live_memory(resnet))["eager"].hovertext
    assert told[0] == "conv1.convolution, convolution"
    assert len(told) == len(resnet.trace.operations) + 1


def test_rows_are_marked_where_they_begin(resnet: Inspection) -> None:
    ticks = plots.live_memory(resnet).layout.xaxis
    begins = dict(zip(ticks.ticktext, ticks.tickvals, strict=True))
    assert begins["conv1"] == 0
    for row, place in begins.items():
        assert resnet.trace.operations[place].path.split(".")[0] == row
        assert place == 0 or resnet.trace.operations[place - 1].path.split(".")[0] != row


def test_a_network_without_shortcuts_has_none_in_its_plot(vgg: Inspection) -> None:
    assert set(drawn(plots.live_memory(vgg))) == {"eager", "fused"}


def test_live_memory_of_training(resnet: Inspection) -> None:
    figure = plots.training_memory(resnet)
    alive, state = drawn(figure)["alive"], drawn(figure)["of which momentum's state"]
    assert max(alive.y) == resnet.live_peak.training
    assert set(state.y) == {4 * 11_689_512}
    (turn,) = {shape.x0 for shape in figure.layout.shapes}
    assert [resnet.training_trace.operations[place].backward for place in (turn - 1, turn)] == [False, True]
    assert alive.hovertext[0] == "conv1.convolution, convolution"
    assert alive.hovertext[-1].endswith("(backward)")


def test_an_optimizer_without_state_has_none_in_the_plot() -> None:
    figure = plots.training_memory(inspect("resnet20_cifar", optimizer="sgd"))
    assert set(drawn(figure)) == {"alive"}


def test_the_receptive_field_grows_beyond_the_image(resnet: Inspection) -> None:
    figure = plots.receptive_field_growth(resnet)
    (seen,) = figure.data
    assert (seen.y[0], seen.y[-1]) == (7, 435)
    assert [shape.y0 for shape in figure.layout.shapes] == [224]
    assert "the image, 224" in words(figure)
    assert seen.hovertext[-1] == "conv5_2<br>sees 435 pixels, its neighbours 32 further"


def test_names_are_text_and_no_markup() -> None:
    module = nn.Sequential()
    module.add_module("<b>x", nn.Conv2d(3, 2, 3))
    found = inspect(module, 8)
    for figure in (plots.by_row(found), plots.live_memory(found), plots.training_memory(found)):
        text = figure.to_json()
        assert "&lt;b&gt;x" in text.replace("\\u0026", "&")
        assert "<b>x" not in text.replace("\\u003c", "<").replace("\\u003e", ">")


def test_accuracy_against_cost(compared: Comparison) -> None:
    figure = comparison_plots.accuracy_against_cost(compared)
    bubbles = drawn(figure)
    assert list(bubbles) == ["10 crops", "multi-crop and dense", "one crop"]
    (vgg,) = bubbles["multi-crop and dense"].text
    assert vgg == "vgg16"
    assert list(bubbles["10 crops"].text) == ["alexnet", "googlenet"]
    assert list(bubbles["10 crops"].y) == [18.2, 9.15]
    assert bubbles["multi-crop and dense"].x == (15_470_264_320,)
    assert bubbles["multi-crop and dense"].marker.size == (138_357_544,)
    assert len({bubble.marker.symbol for bubble in bubbles.values()}) == 3
    assert (figure.layout.xaxis.type, figure.layout.yaxis.title.text) == (
        "log",
        "top-5 error (%), ILSVRC-2012 validation",
    )
    assert "trained with S in [256, 512]" in bubbles["multi-crop and dense"].hovertext[0]
    assert "2014" in bubbles["multi-crop and dense"].hovertext[0]


def test_what_cannot_share_the_axis_is_named_below(compared: Comparison) -> None:
    assert comparison_plots.left_out(compared) == ["resnet20_cifar", "inception_naive"]
    figure = comparison_plots.accuracy_against_cost(compared)
    assert "resnet20_cifar, inception_naive" in words(figure)
    assert "resnet20_cifar" not in {name for bubble in figure.data for name in bubble.text}


def test_the_largest_bubble_has_the_width_that_is_meant(compared: Comparison) -> None:
    marker = drawn(comparison_plots.accuracy_against_cost(compared))["multi-crop and dense"].marker
    # plotly: the diameter of an area is the square root of size over half the reference.
    assert (marker.size[0] / (marker.sizeref / 2)) ** 0.5 == pytest.approx(comparison_plots.widest_of(4))


def test_names_stand_beside_their_bubbles_and_not_on_each_other() -> None:
    spots = [Spot("alone", 100, 100, 10), Spot("left", 400, 100, 10), Spot("right", 420, 100, 10)]
    sides = sides_of_names(spots, 880, 340)
    assert sides == {0: "top center", 1: "top center", 2: "bottom center"}
    assert sides_of_names([Spot("at the right border", 875, 100, 10)], 880, 340) == {0: "middle left"}


def test_a_name_that_has_no_place_is_left_out() -> None:
    heap = [Spot(f"network number {place}", 400, 100, 8) for place in range(9)]
    assert len(sides_of_names(heap, 880, 340)) == 4


def test_networks_without_results_leave_the_plot_empty() -> None:
    figure = comparison_plots.accuracy_against_cost(compare(["lenet5_dense"]))
    assert figure.data == ()
    assert "lenet5_dense" in words(figure)


def test_costs_beside_each_other(compared: Comparison) -> None:
    panels = comparison_plots.costs(compared).data
    assert [len(panel.y) for panel in panels] == [6] * 4
    assert panels[0].y[1] == 138_357_544
    assert panels[3].y[1] == compared.networks[1].live_peak.training


def test_without_plotly_the_extra_is_named(vgg: Inspection, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "plotly"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "plotly", None)
    with pytest.raises(UsageError, match=r"needs plotly.*, which is not installed: pip install 'classicnets\[train\]'"):
        plots.by_row(vgg)


def test_the_plots_cost_nothing_before_they_are_drawn() -> None:
    told = "import sys, classicnets.inspection.pages.page"
    told += "; print([name for name in ('plotly', 'jinja2', 'sympy') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True).stdout == "[]\n"
