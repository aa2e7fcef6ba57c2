"""How cost grows: the law of one network against others that were really built."""

from collections.abc import Sequence

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import classicnets as cn
from classicnets.inspection.cost.cost_law import CostLaw, cost_law
from classicnets.inspection.cost.growth import Degree, growth
from classicnets.inspection.tracing.recording import trace
from classicnets.networks import build
from classicnets.networks.chain import Chain, Design, rows
from classicnets.networks.rows import (
    average_pool,
    conv_norm_relu,
    conv_relu,
    flatten,
    global_average_pool,
    linear,
    max_pool,
)

TOTALS = ("parameters", "macs", "activation_bytes", "live_peak")


def law_of(network: Chain, *, batch: int = 1, fixed: Sequence[str] = ()) -> CostLaw:
    return cost_law(trace(network, torch.zeros(batch, *network.input_shape, device="meta")), fixed=fixed)


def totals(law: CostLaw, *, side: float = 1, width: float = 1) -> dict[str, float]:
    return {name: getattr(law, name).at(side=side, width=width) for name in TOTALS}


def test_the_law_of_resnet18_in_words() -> None:
    law = law_of(build("resnet18"))
    assert str(law.macs) == "1,695,547,392 s^2 w^2 + 118,013,952 s^2 w + 512,000 w"
    assert str(law.parameters) == "11,157,504 w^2 + 531,008 w + 1,000"
    lines = str(law).splitlines()
    assert lines[0] == "parameters: 11,157,504 w^2 + 531,008 w + 1,000"
    assert lines[-1] == "one more like conv5_2: 4,720,640 parameters, 231,211,008 MACs, 100,352 bytes"


@pytest.mark.parametrize("name", ["resnet18", "vgg16", "alexnet", "googlenet", "se_resnet50", "inception_v4", "lenet5"])
def test_the_terms_add_up_to_the_network_itself(name: str) -> None:
    found, law = cn.inspect(name), law_of(build(name), batch=2)
    assert law.parameters.at() == found.parameters
    assert law.macs.at() == found.macs
    assert law.activation_bytes.at() == found.activation_bytes
    assert law.live_peak.at() == 2 * found.live_peak.eager


@pytest.mark.parametrize(
    ("name", "side"), [("resnet18", 448), ("resnet18", 320), ("resnet18", 96), ("vgg16", 448), ("vgg16", 320)]
)
def test_other_sizes_of_the_image(name: str, side: int) -> None:
    law = law_of(build(name))
    assert law.uneven == ()
    assert totals(law, side=side / 224) == totals(law_of(build(name, input_size=side)))


def test_only_vggs_first_fully_connected_row_is_made_for_the_size() -> None:
    assert law_of(build("vgg16")).sized == ("fc6",)
    assert law_of(build("vgg16")).parameters.terms[0] == (Degree(side=2, width=2), 4096 * 512 * 49)
    assert law_of(build("resnet18")).sized == ()


def test_rows_whose_windows_do_not_fill_the_map_are_named() -> None:
    assert law_of(build("alexnet")).uneven == ("conv1", "pool1", "pool2", "pool5")
    assert law_of(build("lenet5")).uneven == ("C1", "C3", "C5")
    assert law_of(build("googlenet")).uneven == ()


@pytest.mark.parametrize("width", [5, 2, 20])
def test_other_widths_of_a_wide_residual_network(width: int) -> None:
    law = law_of(build("wide_resnet28_10_cifar"), fixed=["conv1"])
    assert totals(law, width=width / 10) == totals(law_of(build(f"wide_resnet28_{width}_cifar")))


def chain(width: int, side: int) -> Chain:
    table = rows(
        conv1=conv_norm_relu(width, 3),
        pool1=max_pool(2, stride=2),
        conv2=conv_relu(2 * width, 3, groups=2),
        conv3=conv_relu(2 * width, 3, groups=2),
        pool3=average_pool(2),
        flat=flatten(),
        fc4=linear(6 * width),
        fc5=linear(6 * width),
        fc6=linear(),
    )
    return Chain(Design(rows=table, input_shape=(3, side, side), num_classes=7))


def test_width_and_size_together() -> None:
    law = law_of(chain(8, 16))
    assert totals(law, side=2, width=3) == totals(law_of(chain(24, 32)))
    assert totals(law, side=1.25, width=0.5) == totals(law_of(chain(4, 20)))
    assert law.sized == ("fc4",)
    assert [more.row for more in law.one_more] == ["conv3", "fc5"]


@pytest.mark.parametrize(
    ("name", "deeper"), [("resnet20_cifar", "resnet26_cifar"), ("preact_resnet20_cifar", "preact_resnet26_cifar")]
)
def test_one_more_block_a_stage_makes_the_next_of_the_series(name: str, deeper: str) -> None:
    shallow, deep = law_of(build(name)), law_of(build(deeper))
    assert [more.row for more in shallow.one_more] == ["conv2_3", "conv3_3", "conv4_3"]
    for total in ("parameters", "macs", "activation_bytes"):
        gained = sum(getattr(more, total) for more in shallow.one_more)
        assert getattr(deep, total).at() - getattr(shallow, total).at() == gained


def test_one_more_block_at_the_end_of_resnet101s_fourth_stage() -> None:
    fifty, hundred = cn.inspect("resnet50"), cn.inspect("resnet101")
    more = {more.row: more for more in law_of(build("resnet50")).one_more}["conv4_6"]
    assert hundred.parameters - fifty.parameters == 17 * more.parameters
    assert hundred.macs - fifty.macs == 17 * more.macs


def test_a_row_that_is_fixed_keeps_its_channels() -> None:
    table = rows(conv1=conv_norm_relu(4, 3), conv2=conv_relu(6, 3), average=global_average_pool(), fc=linear())
    law = law_of(Chain(Design(rows=table, input_shape=(3, 8, 8), num_classes=5)), fixed=["conv2"])
    assert law.macs.terms == ((Degree(2, 1), 64 * 4 * 27 + 64 * 6 * 36), (Degree(0, 0), 30))
    with pytest.raises(cn.UsageError, match="conv2"):
        law_of(Chain(Design(rows=table, input_shape=(3, 8, 8), num_classes=5)), fixed=["conv"])


class Foreign(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.hidden = nn.Linear(8, 16, bias=False)
        self.last = nn.Linear(16, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = F.avg_pool2d(self.depthwise(self.first(images)), 2)
        logits: torch.Tensor = self.last(self.hidden(maps.mean(dim=(2, 3))))
        return logits


def test_any_module_has_a_law() -> None:
    law = cost_law(trace(Foreign(), torch.zeros(2, 3, 6, 6, device="meta")))
    assert str(law.macs) == f"{36 * 8 * 27 + 36 * 8 * 9:,} s^2 w + 128 w^2 + 160 w"
    assert str(law.parameters) == f"128 w^2 + {8 * 28 + 8 * 10 + 160} w + 10"


def test_an_operator_that_multiplies_otherwise_is_refused() -> None:
    class Shifted(nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return torch.baddbmm(inputs, inputs, inputs)

    with pytest.raises(cn.UsageError, match="baddbmm in the module"):
        cost_law(trace(Shifted(), torch.zeros(2, 3, 3, device="meta")))


def test_a_sum_of_monomials() -> None:
    found = growth([(Degree(2, 1), 3), (Degree(0, 0), 5), (Degree(2, 1), 4), (Degree(1, 1), 0)])
    assert found.terms == ((Degree(2, 1), 7), (Degree(0, 0), 5))
    assert found.at(side=320 / 224, width=49) == 7 * 100 + 5
    assert found.at(width=0.25) == 6.75
    assert str(found) == "7 s^2 w + 5"
