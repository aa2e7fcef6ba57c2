"""What a plan says, by hand."""

from typing import Any

import pytest

from classicnets.errors import UsageError
from classicnets.inspection.cost.machine import MACHINES
from classicnets.inspection.cost.roofline import roofline
from classicnets.networks import build
from classicnets.training.planning.plan import Job, Plan, measured, plan, traced
from classicnets.training.planning.rate import Rate, decode_rate, given_rate, machine_rate
from classicnets.training.recipe.reading import complete

WEIGHTS = 4 * 269_722  # ResNet-20: the authors' count, in float32
BUFFERS = 4 * 2 * (7 * 16 + 6 * 32 + 6 * 64) + 8 * 19  # means and variances, and a count of 8 bytes for each of 19


def job(
    network: str = "resnet20_cifar",
    *,
    devices: int = 1,
    strategy: Any = "ddp",
    data_size: int = 50_000,
    link: float = 1e9,
    **fields: Any,
) -> Job:
    made = build(network)
    height, width = made.input_shape[1:]
    recipe = complete({"network": network, "data": "cifar10", "precision": "fp32", **fields})
    return Job(made, recipe, (height, width), data_size, devices, strategy, link)


def planned(asked: Job, rate: float = 1000.0) -> Plan:
    return plan(asked, traced(asked), given_rate(rate))


def test_one_device() -> None:
    found = planned(job(epochs=10))
    assert (found.steps, found.batch, found.images) == (10 * 391, 128, 10 * 391 * 128)
    assert found.hours == pytest.approx((3910 * 0.128 / 3600,) * 2)
    assert (found.exchange.sent, found.efficiency, found.images_per_second) == (0, (1.0, 1.0), 1000)
    assert found.macs == 128 * (3 * 40_551_040 - 442_368)  # the image needs no gradient: one convolution less
    memory = found.memory
    assert (memory.weights, memory.average, memory.optimizer_state) == (WEIGHTS + BUFFERS, 0, WEIGHTS)
    assert memory.images == 4 * 128 * 3 * 32 * 32
    assert memory.step == 198_224_408 - WEIGHTS
    assert memory.total == sum((memory.weights, memory.images, memory.optimizer_state, memory.step))


def test_a_ring_of_four() -> None:
    alone, together = planned(job(epochs=1)), planned(job(epochs=1, devices=4))
    exchange = together.exchange
    assert (exchange.gradients, exchange.sent) == (WEIGHTS, 2 * 3 * WEIGHTS // 4)
    assert exchange.seconds == pytest.approx(2 * 3 / 4 * WEIGHTS / 1e9)
    assert (together.batch, together.steps) == (32, alone.steps)
    assert together.step_seconds == pytest.approx((0.032, 0.032 + exchange.seconds))
    assert together.efficiency == pytest.approx((0.032 / (0.032 + exchange.seconds), 1.0))
    assert together.memory.step < alone.memory.step / 3


def test_a_slow_link_is_not_hidden() -> None:
    found = planned(job(devices=2, link=1e6))
    seconds = WEIGHTS / 1e6
    backward = 0.064 * (2 - 442_368 / 40_551_040) / (3 - 442_368 / 40_551_040)
    assert found.step_seconds == pytest.approx((0.064 + seconds - backward, 0.064 + seconds))


def test_shards_of_the_weights() -> None:
    whole, shared = (planned(job("vgg11", devices=8, strategy=name)) for name in ("ddp", "fsdp"))
    assert shared.memory.weights == whole.memory.weights // 8
    assert shared.memory.optimizer_state == whole.memory.optimizer_state // 8
    assert shared.exchange.sent == pytest.approx(1.5 * whole.exchange.sent)
    small = [planned(job("vgg11", devices=8, strategy=name, batch_size=8)).memory.total for name in ("ddp", "fsdp")]
    assert small[1] < small[0]


def test_recomputed_rows_take_time_and_give_memory() -> None:
    asked = job(recompute="auto")
    step = traced(asked)
    found = plan(asked, step, Rate(1000.0, "of a step that keeps everything"))
    assert found.memory.step + found.memory.optimizer_state == 69_251_608
    assert found.recomputed == pytest.approx(0.227 / 1.227, abs=0.001)
    assert found.step_seconds[0] == pytest.approx(0.128 * 1.227, rel=0.001)
    assert plan(asked, step, given_rate(1000.0)).step_seconds[0] == pytest.approx(0.128)


def test_pieces_and_an_average() -> None:
    whole, pieces = planned(job()), planned(job(accumulate=4, average=0.99))
    assert (pieces.batch, pieces.macs) == (32, whole.macs)
    assert pieces.memory.average == pieces.memory.weights == whole.memory.weights
    assert pieces.memory.step < whole.memory.step / 3
    assert pieces.step_seconds == pytest.approx(whole.step_seconds)


def test_steps_end_a_run_that_is_shorter_in_epochs() -> None:
    assert planned(job(steps=64_000)).steps == 64_000
    assert planned(job(steps=64_000, epochs=1)).steps == 391


def test_too_many_devices_for_a_batch() -> None:
    with pytest.raises(UsageError, match="a batch of 4 images is too small for 8 devices with 1 pieces each"):
        traced(job(devices=8, batch_size=4))


def test_the_rate_of_a_machine_is_a_share_of_its_roofline() -> None:
    step = traced(job(batch_size=32))
    seconds = roofline(step.trace, MACHINES["t4"]).seconds
    assert machine_rate(step.trace, MACHINES["t4"], 0.25).images_per_second == pytest.approx(32 * 0.25 / seconds)


def test_a_measured_rate_is_of_real_steps() -> None:
    told: list[str] = []
    asked = job("lenet5", batch_size=16, recompute="auto", loss={"name": "maximum_a_posteriori"})
    step = traced(asked)
    before = [weight.is_meta for weight in asked.network.parameters()]
    rate = measured(asked, step, seconds=0.05, tell=told.append)
    assert all(before)
    assert not any(weight.is_meta for weight in asked.network.parameters())
    assert asked.network.segments
    assert (rate.batch, rate.recomputes) == (16, True)
    assert told == ["taking training steps of 16 images on this machine's cpu"]
    assert "training steps on this machine's cpu" in rate.source
    assert rate.images_per_second > 0


def test_a_processor_is_spared_large_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = job("lenet5", batch_size=128)
    monkeypatch.setattr("classicnets.training.planning.plan._SPARED", 4e6)
    rate = measured(asked, traced(asked), seconds=0.01, tell=lambda text: None)
    assert rate.batch == 32  # 11.2 MB a step of 128


def test_an_optimizer_that_looks_at_the_data_cannot_be_measured() -> None:
    asked = job("lenet5", optimizer={"name": "levenberg_marquardt"})
    with pytest.raises(UsageError, match="give --rate in place of --measure"):
        measured(asked, traced(asked), seconds=0.01, tell=lambda text: None)


def test_decoding_is_measured_as_training_does_it() -> None:
    asked = job("resnet18", augmentation={"random_area": [0.08, 1], "flip": True})
    rate = decode_rate(asked.recipe, asked.side, 3, seconds=0.01)
    assert rate.images_per_second > 1
    assert "JPEGs of 500x375 pixels" in rate.source
