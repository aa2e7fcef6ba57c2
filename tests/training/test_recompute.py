"""Rows that are recomputed: the same training bit for bit, in less memory, by a plan that nothing beats."""

import io
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from rich.console import Console

from classicnets.errors import UsageError
from classicnets.inspection.cost.recomputation import priced, step_costs
from classicnets.inspection.cost.recomputation_plan import plan_recomputation
from classicnets.networks import build, create
from classicnets.networks.chain import Chain, Design, rows
from classicnets.networks.rows import convolution, dropout, flatten, linear, relu
from classicnets.training.recipe.reading import complete
from classicnets.training.recompute import choose, recompute, training_trace
from classicnets.training.run import train
from tests.inspection.measuring import Measured, real, state
from tests.training.small_runs import LENET5, equal, run, weights

STEPS = 2


def steps(
    network: Chain, images: torch.Tensor, *, aux: bool = False, bf16: bool = False
) -> tuple[dict[str, torch.Tensor], list[float]]:
    """The network after some steps, with its statistics, and their losses."""
    labels = torch.arange(len(images)) % network.num_classes
    optimizer = torch.optim.SGD([each for each in network.parameters() if each.requires_grad], lr=1e-4, momentum=0.9)
    losses = []
    for number in range(STEPS):
        torch.manual_seed(number)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            logits, heads = network.forward_with_aux(images) if aux else (network(images), {})
            loss = F.cross_entropy(logits.float(), labels)
            for head in heads.values():
                loss = loss + 0.3 * F.cross_entropy(head.float(), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    return network.state_dict(), losses


def planned(network: Chain, images: torch.Tensor, *, aux: bool = False) -> list[tuple[str, str]]:
    """The segments with which the network holds the least."""
    shape: Any = tuple(images.shape)
    costs = step_costs(training_trace(network, shape, aux=aux, precision="float32"))
    return list(plan_recomputation(costs).segments)


KINDS: dict[str, dict[str, Any]] = {
    "lenet5": {},
    "resnet14_cifar": {},
    "preact_resnet20_cifar": {},
    "stochastic_depth_resnet20_cifar": {},
    "se_resnet14_cifar": {},
    "vgg11_lrn": {"input_size": 32},
    "bn_inception": {"side": 48},
}


@pytest.mark.parametrize("name", KINDS)
def test_training_is_the_same_bit_for_bit(name: str) -> None:
    options = dict(KINDS[name])
    side = options.pop("side", None)
    _same(name, side, options)


def test_auxiliary_heads_with_dropout_are_recomputed_with_their_rows() -> None:
    _same("googlenet", None, {"input_size": 128}, aux=True)


def test_under_autocast() -> None:
    _same("resnet8_cifar", None, {}, bf16=True)


def test_with_frozen_rows_and_held_statistics() -> None:
    _same("resnet14_cifar", None, {}, freeze="conv2_2")
    _same("resnet14_cifar", None, {}, hold=True)


def _same(
    name: str,
    side: int | None,
    options: dict[str, Any],
    *,
    aux: bool = False,
    bf16: bool = False,
    freeze: str | None = None,
    hold: bool = False,
) -> None:
    results = []
    for recomputes in (False, True):
        torch.manual_seed(0)
        network = create(name, num_classes=4, **options).freeze(freeze).hold_statistics(hold).train()
        height, width = (side, side) if side else network.input_shape[1:]
        images = torch.randn(4 if height < 100 else 2, network.input_shape[0], height, width)
        whole = [(network.rows[0], network.rows[-2])]  # where the plan finds nothing to gain
        segments = (planned(network, images, aux=aux) or whole) if recomputes else []
        results.append(steps(network.recompute(segments), images, aux=aux, bf16=bf16))
    (kept, losses), (again, losses_again) = results
    assert losses == losses_again
    assert equal(kept, again)
    assert all(int(count) <= STEPS for key, count in again.items() if key.endswith("num_batches_tracked"))


def test_rows_of_a_segment_run_twice_and_others_once() -> None:
    network = create("resnet8_cifar", num_classes=4).train().recompute([("conv1", "conv2_1"), ("conv4_1", "conv4_1")])
    runs = dict.fromkeys(network.rows, 0)
    for row, module in network.row_modules():

        def count(*_arguments: object, row: str = row) -> None:
            runs[row] += 1

        module.register_forward_pre_hook(count)
    network(torch.randn(2, 3, 32, 32)).sum().backward()
    assert runs == {"conv1": 2, "conv2_1": 2, "conv3_1": 1, "conv4_1": 2, "average": 1, "fc": 1}
    network.eval()(torch.randn(2, 3, 32, 32)).sum().backward()
    assert set(runs.values()) == {2, 3}, "nothing is recomputed in evaluation"


# Name: images, options, whether auxiliary heads have a loss.
MEASURED: dict[str, tuple[int, dict[str, Any], bool]] = {
    "lenet5": (4, {}, False),
    "resnet20_cifar": (4, {}, False),
    "preact_resnet56_cifar": (2, {}, False),
    "googlenet": (2, {"input_size": 128}, True),
}


def measured(network: Chain, images: torch.Tensor, *, aux: bool) -> int:
    """The most bytes alive in the second step with momentum, its state included, input and weights apart."""
    labels = torch.zeros(len(images), dtype=torch.long)
    updates = torch.optim.SGD(network.parameters(), lr=0.0, momentum=0.9)

    def step() -> None:
        logits, heads = network.forward_with_aux(images) if aux else (network(images), {})
        loss = sum((F.cross_entropy(head, labels) for head in heads.values()), F.cross_entropy(logits, labels))
        del logits, heads
        loss.backward()  # type: ignore[no-untyped-call]
        updates.step()
        updates.zero_grad()

    step()
    kept = [tensor for states in updates.state.values() for tensor in states.values() if torch.is_tensor(tensor)]
    with Measured([images, labels, *state(network), *kept]) as watched:
        step()
    return int(watched.peak) + sum(tensor.nbytes for tensor in kept)


@pytest.mark.parametrize("name", MEASURED)
def test_the_peak_is_that_of_a_real_step(name: str) -> None:
    count, options, aux = MEASURED[name]
    network = real(name, **options).train()
    images = torch.zeros(count, *network.input_shape)
    shape: Any = tuple(images.shape)
    costs = step_costs(training_trace(network, shape, aux=aux, precision="float32"))
    least = plan_recomputation(costs)
    between = plan_recomputation(costs, budget=(least.peak + least.kept_peak) // 2)
    assert least.peak < between.peak < least.kept_peak
    assert between.share <= least.share
    for plan in (least, between):
        assert plan.peak == pytest.approx(measured(network.recompute(plan.segments), images, aux=aux), rel=0.005)


def test_resnet1202_trains_in_a_fraction_of_the_memory() -> None:
    costs = step_costs(training_trace(build("resnet1202_cifar"), (128, 3, 32, 32), aux=False, precision="float32"))
    least = plan_recomputation(costs)
    assert (least.kept_peak, least.peak) == (11_843_074_072, 547_864_984)  # of which 155 MB are gradients and momentum
    assert least.share == pytest.approx(0.331, abs=0.001)
    assert plan_recomputation(costs, budget=20_000_000_000).segments == ()


def test_a_trace_and_an_inspection_keep_everything_and_leave_the_network_as_it_was() -> None:
    network = create("resnet8_cifar").recompute([("conv1", "conv2_1")])
    shape = (2, 3, 32, 32)
    one, other = (
        training_trace(net, shape, aux=False, precision="float32") for net in (network, build("resnet8_cifar"))
    )
    assert len(one.operations) == len(other.operations)
    assert network.segments == (("conv1", "conv2_1"),)
    assert all(weight.grad is None for weight in network.parameters())


class TestChoice:
    @pytest.fixture
    def network(self) -> Chain:
        return build("resnet20_cifar")

    def chosen(self, network: Chain, how: str, images: int = 32) -> Any:
        costs = step_costs(training_trace(network, (images, 3, 32, 32), aux=False, precision="float32"))
        return choose(network, costs, how, beside=1_500_000)

    def test_rows_end_segments(self, network: Chain) -> None:
        assert self.chosen(network, "conv2_x,conv3_1").segments == (("conv1", "conv2_3"), ("conv3_1", "conv3_1"))
        assert self.chosen(network, "none").segments == ()

    def test_a_size_is_kept_to_with_the_least_work(self, network: Chain) -> None:
        kept, least = self.chosen(network, "none"), self.chosen(network, "auto")
        wanted = (kept.peak + least.peak) // 2
        found = self.chosen(network, f"{(wanted + 1_500_000) / 1e6:.1f}MB")
        assert least.peak < found.peak <= wanted + 100_000
        assert 0 < found.macs < least.macs

    @pytest.mark.parametrize(
        ("how", "told"),
        [
            ("conv9", "has no row 'conv9'"),
            ("conv3_1,conv2_1", "in their order"),
            ("2MB", "holds at least"),
            ("1kB", "weights and images of resnet20_cifar alone take 1.50 MB"),
        ],
    )
    def test_mistakes(self, network: Chain, how: str, told: str) -> None:
        with pytest.raises(UsageError, match=told):
            self.chosen(network, how)

    def test_a_segment_never_ends_where_the_next_row_works_in_its_memory(self) -> None:
        table = rows(
            conv1=convolution(4, 3),
            relu1=relu(),
            conv2=convolution(8, 3),
            flat=flatten(),
            dropout=dropout(0.5),
            fc=linear(),
        )
        network = Chain(Design(rows=table, input_shape=(3, 8, 8), num_classes=3))
        costs = step_costs(training_trace(network, (2, 3, 8, 8), aux=False, precision="float32"))
        assert [unit.rows for unit in costs.units] == [("conv1", "relu1"), ("conv2", "flat"), ("dropout",), ("fc",)]
        with pytest.raises(UsageError, match=r"cannot end with conv1: the next row works in its memory; .* relu1"):
            choose(network, costs, "conv1", beside=0)
        with pytest.raises(UsageError, match=r"cannot begin with flat, .* begin it with conv2"):
            priced(costs, [("flat", "dropout")])

    def test_segments_follow_one_another(self, network: Chain) -> None:
        with pytest.raises(UsageError, match="follow one another: conv2_1 to conv2_2"):
            network.recompute([("conv1", "conv2_1"), ("conv2_1", "conv2_2")])


def test_a_run_ends_with_the_same_weights(tmp_path: Path) -> None:
    fields = {**LENET5, "steps": 4, "average": 0.9}
    run(tmp_path / "kept", fields)
    file = io.StringIO()
    train({**fields, "recompute": "auto"}, out=tmp_path / "again", console=Console(file=file, width=200))
    assert equal(weights(tmp_path / "kept"), weights(tmp_path / "again"))
    assert "recomputing rows: a step holds" in file.getvalue()


def test_a_recipe_decides_the_batch_that_is_planned_for() -> None:
    network = build("resnet20_cifar")
    preprocessing = {"size": (32, 32), "mean": (0.5,) * 3, "std": (0.5,) * 3}
    fields = {"network": "resnet20_cifar", "data": "cifar10", "preprocessing": preprocessing, "precision": "fp32"}
    found = recompute(network, complete({**fields, "recompute": "auto"}), images=128)
    assert found is not None
    assert (found.kept_peak, found.peak) == (198_224_408, 69_251_608)
    assert [(rows[0], rows[-1]) for rows in network.segments] == list(found.segments)
    assert recompute(network, complete(fields), images=128) is None
    assert network.segments == ()
