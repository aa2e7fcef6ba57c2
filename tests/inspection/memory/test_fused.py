"""Memory of planned inference beside values by hand."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from classicnets.errors import UsageError
from classicnets.inspection.memory.fused import fused_live, fused_live_peak
from classicnets.inspection.memory.live import live
from classicnets.inspection.tracing.recording import trace
from classicnets.networks import build
from classicnets.networks.chain import Chain, Design, Row, rows
from classicnets.networks.rows import branches, conv_norm_relu, conv_relu, convolution, max_pool, sequence

FLOAT = 4


def peak(name: str, batch: int = 1) -> int:
    network = build(name)
    return fused_live_peak(trace(network, torch.empty(batch, *network.input_shape, device="meta")))


def live_of(module: nn.Module, *shape: int) -> list[int]:
    return fused_live(trace(module.eval(), torch.empty(shape, device="meta")))


def chain(*shape: int, **table: Row) -> Chain:
    return Chain(Design(rows=rows(**table), input_shape=(shape[0], shape[1], shape[2]), num_classes=2))


def test_resnet18_peaks_at_its_max_pool() -> None:
    assert peak("resnet18") == (64 * 112 * 112 + 64 * 56 * 56) * FLOAT == 4_014_080
    assert peak("resnet18", batch=4) == 4 * 4_014_080


def test_shortcuts_do_not_show_beside_the_pool_of_resnet34() -> None:
    assert peak("resnet34") == peak("plain34") == 4_014_080


def test_vgg16_peaks_at_its_second_convolution() -> None:
    assert peak("vgg16") == 2 * 64 * 224 * 224 * FLOAT


def test_lenet5_peaks_at_its_first_subsampling() -> None:
    # C1 is squashed in place; the dense weight of C3 is made beforehand.
    assert peak("lenet5") == (6 * 28 * 28 + 6 * 14 * 14) * FLOAT == 23_520


def test_a_shortcut_is_a_third_map_while_the_second_convolution_runs() -> None:
    a_map = 16 * 32 * 32 * FLOAT
    assert peak("plain20_cifar") == 2 * a_map
    assert peak("resnet20_cifar") == 3 * a_map


def test_batch_normalisation_and_activations_take_nothing_after_a_convolution() -> None:
    network = chain(3, 8, 8, conv=conv_norm_relu(4, 3), pool=max_pool(2, stride=2))
    a_map, pooled = 4 * 64 * FLOAT, 4 * 16 * FLOAT
    # Of the pool's two outputs nobody reads the indices: they are never made.
    *before, last = live_of(network, 1, 3, 8, 8)
    assert set(before) == {a_map}
    assert last == a_map + pooled


def test_what_is_read_later_is_not_written_over() -> None:
    class Kept(nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            doubled = inputs * 2
            return F.relu(doubled) + doubled

    a_map = 4 * 64 * FLOAT
    assert live_of(Kept(), 1, 4, 8, 8) == [a_map, 2 * a_map, 2 * a_map]


def test_the_image_is_never_written_over() -> None:
    assert live_of(nn.ReLU(), 1, 4, 8, 8) == [4 * 64 * FLOAT]


def test_what_does_not_depend_on_the_image_is_a_weight() -> None:
    class Masked(nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            mask = torch.ones(8, 8, device=inputs.device) * 2
            return inputs * mask

    assert live_of(Masked(), 1, 4, 8, 8) == [0, 0, 4 * 64 * FLOAT]


def test_an_inception_module_copies_its_branches_when_it_joins_them() -> None:
    network = chain(
        8,
        10,
        10,
        conv=conv_relu(8, 3),
        inception=branches(
            one=conv_relu(4, 1),
            three=sequence(reduce=conv_relu(6, 1), convolution=conv_relu(12, 3)),
            pool=sequence(pool=max_pool(3, stride=1, padding=1), project=convolution(2, 1)),
        ),
    )
    # The stem, 8 maps, is there until the pool has read it; a reduction until its convolution has.
    maps = [8, 8, 8 + 4, 8 + 4, 8 + 4 + 6, 8 + 4 + 6, 8 + 4 + 6 + 12, 8 + 4 + 12, 8 + 4 + 12 + 8, 4 + 12 + 8 + 2]
    assert live_of(network, 1, 8, 10, 10) == [channels * 100 * FLOAT for channels in [*maps, 4 + 12 + 2 + 18]]


@pytest.mark.parametrize("name", ["alexnet", "googlenet", "inception_v4", "resnet50", "preact_resnet50", "se_resnet50"])
def test_no_operation_holds_more_than_in_eager_code(name: str) -> None:
    network = build(name)
    found = trace(network, torch.empty(1, *network.input_shape, device="meta"))
    assert all(planned <= eager for planned, eager in zip(fused_live(found), live(found), strict=True))


class Drawn(nn.Module):
    """Operations drawn by chance, each on tensors that earlier ones made."""

    def __init__(self, steps: list[tuple[str, int, int]]) -> None:
        super().__init__()
        self.steps = steps
        self.convolution = nn.Conv2d(4, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        made = [inputs * 2]
        for kind, first, second in self.steps:
            one, other = made[first % len(made)], made[second % len(made)]
            made.append(self.step(kind, one, other))
        return made[-1]

    def step(self, kind: str, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        if kind == "sum":
            return one + other
        if kind == "join":
            return torch.cat([one, other], 1)[:, 2:6]
        if kind == "pool":
            return F.max_pool2d(one, 3, 1, 1)
        layer = {"convolution": self.convolution, "norm": self.norm, "activation": nn.ReLU()}[kind]
        made: torch.Tensor = layer(one)
        return made


STEP = st.tuples(st.sampled_from(["convolution", "norm", "sum", "join", "pool", "activation"]), st.integers(0, 9))


@settings(max_examples=50, deadline=None)
@given(steps=st.lists(st.tuples(STEP, st.integers(0, 9)), min_size=1, max_size=12))
def test_any_module_holds_no_more_than_in_eager_code_and_no_less_than_its_operands(
    steps: list[tuple[tuple[str, int], int]],
) -> None:
    found = trace(Drawn([(*step, second) for step, second in steps]).eval(), torch.empty(1, 4, 6, 6, device="meta"))
    planned = fused_live(found)
    assert all(bytes_ <= eager for bytes_, eager in zip(planned, live(found), strict=True))
    # The last operation reads at least one map and leaves one; in place it is the same.
    assert planned[-1] >= 4 * 36 * FLOAT


def test_a_trace_of_training_is_refused() -> None:
    found = trace(nn.Conv2d(3, 4, 1), torch.empty(1, 3, 4, 4, device="meta"), training=True)
    with pytest.raises(UsageError, match="training=False"):
        fused_live(found)
