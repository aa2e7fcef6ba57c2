"""Awkward modules: what is traced of them, what is said where nothing can be, and that they stay as found."""

import gc
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from classicnets.errors import UsageError
from classicnets.inspection.counting.macs import macs
from classicnets.inspection.modes import Run
from classicnets.inspection.tracing.recording import trace
from classicnets.inspection.tracing.rows import row_names, traced_rows
from classicnets.inspection.tracing.trace import Trace

IMAGES = torch.zeros(2, 3, 8, 8, device="meta")
VECTORS = torch.zeros(2, 4, device="meta")
RUNS: list[Run] = ["meta", "fake", "real"]


class Does(nn.Module):
    """A module with these parts and this forward."""

    def __init__(self, forward: Callable[..., Any], **parts: object) -> None:
        super().__init__()
        self._forward = forward
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self._forward(self, *inputs)


class Pair(NamedTuple):
    first: torch.Tensor
    second: torch.Tensor


@dataclass
class Answer:
    logits: torch.Tensor
    name: str = "answer"


class Counting(nn.Module):
    """Keeps count of its calls, in place and by a new tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.in_place = nn.Buffer(torch.zeros(1))
        self.anew: torch.Tensor = nn.Buffer(torch.zeros(1))
        self.last: torch.Tensor | None = None
        self.made: dict[str, torch.Tensor] = {}
        self.calls: list[torch.Tensor] = []

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        self.in_place.add_(1)
        self.anew = self.anew.add(1)
        self.last = self.linear(vectors)
        if "bias" not in self.made:
            self.made["bias"] = self.linear.bias * 2
        self.calls.append(vectors)
        self.calls_seen = len(self.calls)
        return self.last + self.made["bias"]


def total(traced: Trace) -> int:
    """Multiply-accumulates of the whole trace, of the whole batch."""
    return sum(macs(operation, traced.module) for operation in traced.operations)


def names(traced: Trace) -> list[str]:
    """Of the operations."""
    return [operation.name for operation in traced.operations]


def zeros(*shape: int) -> torch.Tensor:
    """Real ones."""
    return torch.zeros(*shape)


# What comes in and goes out.


def test_any_structure_is_returned() -> None:
    def forward(self: Any, vectors: torch.Tensor) -> object:
        out = self.linear(vectors)
        return {"a": [out, (out + 1, None, 3)], "b": Pair(out[:1], out[0]), "c": Answer(out.sum(1))}

    module = Does(forward, linear=nn.Linear(4, 5))
    shapes = [(2, 5), (2, 5), (1, 5), (5,), (2,)]
    for training in (False, True):
        traced = trace(module, VECTORS, training=training)
        assert [value.shape for value in traced.outputs] == shapes
    assert any(operation.backward for operation in traced.operations)


def test_several_inputs() -> None:
    module = Does(lambda self, a, b: self.left(a) + self.right(b), left=nn.Linear(4, 6), right=nn.Linear(3, 6))
    traced = trace(module, VECTORS, torch.zeros(2, 3, device="meta"))
    assert [value.shape for value in traced.inputs] == [(2, 4), (2, 3)]
    assert total(traced) == 2 * (4 * 6 + 3 * 6)


def test_what_arrives_is_handed_on() -> None:
    traced = trace(Does(lambda self, vectors: vectors), VECTORS)
    assert traced.operations == ()
    assert traced.outputs == traced.inputs


def test_whole_numbers_as_input() -> None:
    module = nn.Sequential(nn.Embedding(10, 4), nn.Flatten(), nn.Linear(12, 2))
    words = torch.zeros(2, 3, dtype=torch.int64, device="meta")
    assert total(trace(module, words)) == 2 * 12 * 2
    assert total(trace(module, words, training=True)) == 3 * 2 * 12 * 2


# What a module is made of.


def test_a_module_that_runs_twice_counts_twice_and_has_its_weights_once() -> None:
    module = Does(lambda self, vectors: self.square(self.square(vectors)), square=nn.Linear(4, 4))
    traced = trace(module, VECTORS)
    assert total(traced) == 2 * 2 * 4 * 4
    assert [call.path for call in traced.calls] == ["", "square", "square"]
    (row,) = traced_rows(traced)
    assert sum(macs(operation, module) for operation in row.operations) == 2 * 2 * 4 * 4
    assert list(traced.tensors) == ["square.weight", "square.bias"]


def test_a_module_under_two_names() -> None:
    shared = nn.Linear(4, 4)
    traced = trace(nn.Sequential(shared, nn.ReLU(), shared), VECTORS)
    assert total(traced) == 2 * 2 * 4 * 4
    assert [call.path for call in traced.calls] == ["", "0", "1", "0"]


def test_a_weight_that_two_layers_share_is_one_piece_of_memory() -> None:
    module = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
    module[1].weight = module[0].weight
    for training in (False, True):
        traced = trace(module, VECTORS, training=training)
        assert len([held for held in traced.storages if held.held == "parameter"]) == 1
    assert sum(held.size for held in traced.storages if held.held == "gradient") == 4 * 4 * 4
    assert module[1].weight is module[0].weight


def test_lists_of_lists() -> None:
    module = Does(
        lambda self, images: [block(images) for blocks in self.stages for block in blocks],
        stages=nn.ModuleList([nn.ModuleList([nn.Conv2d(3, 2, 1), nn.ReLU()]), nn.ModuleList([nn.Conv2d(3, 4, 3)])]),
    )
    assert row_names(module) == ("stages.0.0", "stages.0.1", "stages.1.0")
    rows = traced_rows(trace(module, IMAGES))
    assert [(row.name, row.outputs[0].shape) for row in rows] == [
        ("stages.0.0", (2, 2, 8, 8)),
        ("stages.0.1", (2, 3, 8, 8)),
        ("stages.1.0", (2, 4, 6, 6)),
    ]


def test_bare_weights_and_functions() -> None:
    module = Does(
        lambda self, images: nn.functional.conv2d(images, self.kernel).flatten(1) @ self.matrix,
        kernel=nn.Parameter(zeros(2, 3, 3, 3)),
        matrix=nn.Parameter(zeros(72, 5)),
    )
    traced = trace(module, IMAGES)
    assert total(traced) == 2 * (2 * 27 * 36 + 72 * 5)
    (row,) = traced_rows(traced)
    assert (row.name, row.outputs[0].shape) == ("", (2, 5))


def test_no_weights_at_all() -> None:
    traced = trace(nn.Sequential(nn.ReLU(), nn.MaxPool2d(2)), IMAGES)
    assert names(traced) == ["relu", "max_pool2d_with_indices"]
    with pytest.raises(UsageError, match="nothing that the forward returns depends on a parameter"):
        trace(nn.ReLU(), IMAGES, training=True)


@pytest.mark.parametrize(("dtype", "size"), [(torch.float64, 8), (torch.bfloat16, 2)])
def test_other_precisions(dtype: torch.dtype, size: int) -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5)).to(dtype)
    for training in (False, True):
        traced = trace(module, IMAGES.to(dtype), training=training)
        assert traced.outputs[0].bytes == 2 * 5 * size
        assert {value.dtype for value in traced.tensors.values()} == {dtype, torch.int64}


def test_frozen_weights_get_no_gradient() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 3))
    module[0].requires_grad_(False)
    traced = trace(module, IMAGES, training=True)
    assert sum(held.size for held in traced.storages if held.held == "gradient") == 4 * (2 * 4 * 9 + 2)
    once = 2 * 2 * 4 * 9 * 16
    assert total(traced) == 2 * 4 * 27 * 36 + 2 * once
    assert [parameter.requires_grad for parameter in module.parameters()] == [False, False, True, True]


def test_parametrised_weights() -> None:
    normed = parametrizations.weight_norm(nn.Linear(4, 4))
    spectral = parametrizations.spectral_norm(nn.Linear(4, 4))
    module = nn.Sequential(normed, spectral)
    kept = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    for training in (False, True):
        traced = trace(module, VECTORS, training=training)
        assert "0.parametrizations.weight.original0" in traced.tensors
        assert total(traced) >= 2 * 2 * 4 * 4
    assert all(torch.equal(tensor, kept[name]) for name, tensor in module.state_dict().items())


# What a forward may do.


@pytest.mark.parametrize("training", [False, True])
def test_tensors_that_the_module_keeps_or_makes_on_the_processor(training: bool) -> None:
    def forward(self: Any, vectors: torch.Tensor) -> Any:
        out = self.linear(vectors) * self.scale + torch.arange(4)
        return out + torch.tensor([1.0, 2.0, 3.0, 4.0])[torch.tensor([3, 2, 1, 0])]

    module = Does(forward, linear=nn.Linear(4, 4), scale=torch.ones(4))
    traced = trace(module, VECTORS, training=training)
    assert traced.outputs[0].shape == (2, 4)
    assert any(held.held == "constant" and held.size == 16 for held in traced.storages)
    assert module.scale.device.type == "cpu"


def test_a_tensor_made_on_the_processor_may_be_filled() -> None:
    def forward(self: Any, vectors: torch.Tensor) -> Any:
        out = self.linear(vectors)
        filled = torch.zeros(2, 4)
        filled[:, :2] = out[:, :2]
        return out + filled

    module = Does(forward, linear=nn.Linear(4, 4))
    assert trace(module, VECTORS).outputs[0].shape == (2, 4)
    assert trace(module, VECTORS, training=True, run="fake").outputs[0].shape == (2, 4)


@pytest.mark.parametrize("run", ["meta", "real"])
@pytest.mark.parametrize("training", [False, True])
def test_what_a_forward_writes_is_undone(run: Run, training: bool) -> None:
    inner = Counting()
    module = nn.Sequential(inner)
    for _ in range(2):  # the second sees nothing of the first
        traced = trace(module, zeros(2, 4), run=run, training=training)
        forward = [operation.name for operation in traced.forward]
        assert forward.count("mul") == 1
        assert "add_" in forward
    assert (inner.in_place.item(), inner.anew.item()) == (0, 0)
    assert inner.last is None
    assert (inner.made, inner.calls) == ({}, [])
    assert not hasattr(inner, "calls_seen")


def test_inputs_that_a_forward_writes_over_keep_their_numbers() -> None:
    images = torch.full((1, 3, 8, 8), -1.0)
    traced = trace(nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(3, 2, 1)), images, run="real")
    assert names(traced)[0] == "relu_"
    assert images.max() == -1


def test_an_error_of_the_forward_passes_through() -> None:
    def complain(self: Any, vectors: torch.Tensor) -> torch.Tensor:
        raise ValueError("vectors must be longer")

    module = nn.Sequential(nn.Linear(4, 4), Does(complain)).train()
    with pytest.raises(ValueError, match=r"^vectors must be longer$") as raised:
        trace(module, VECTORS)
    assert not isinstance(raised.value, UsageError)
    assert all(part.training for part in module.modules())
    calls = trace(nn.ReLU(), VECTORS).calls
    assert len(calls) == 1  # nothing of the failed trace listens any more


def test_an_error_that_the_forward_catches_leaves_the_paths_right() -> None:
    def complain(self: Any, vectors: torch.Tensor) -> torch.Tensor:
        raise ValueError("no")

    def forward(self: Any, vectors: torch.Tensor) -> Any:
        try:
            return self.first(vectors)
        except ValueError:
            return self.second(vectors)

    module = Does(forward, first=nn.Sequential(Does(complain)), second=nn.Linear(4, 4))
    traced = trace(module, VECTORS)
    assert {operation.path for operation in traced.operations} == {"second"}
    assert [row.name for row in traced_rows(traced)][-1] == "second"


def test_hooks_of_the_module_run_and_stay() -> None:
    seen: list[tuple[int, ...]] = []

    def note(part: nn.Module, given: Any, gradients: Any) -> None:
        seen.append(tuple(gradients[0].shape))

    module = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    module[0].register_forward_pre_hook(lambda part, args: (args[0] + 1,))
    module[0].register_forward_hook(lambda part, args, out: out * 2)
    module[1].register_full_backward_hook(note)
    hooks = [dict(part._forward_hooks) for part in module.modules()]
    traced = trace(module, VECTORS, training=True)
    assert [operation.name for operation in traced.forward].count("mul") == 1
    assert seen == [(2, 4)]
    assert [dict(part._forward_hooks) for part in module.modules()] == hooks
    assert hooks[1]


@pytest.mark.parametrize("around", [torch.no_grad, torch.inference_mode])
def test_in_a_block_without_gradients(around: Callable[[], Any]) -> None:
    module = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    with around():
        traced = trace(module, zeros(2, 4), training=True)
    assert total(traced) == 3 * 2 * 4 * 4 - 2 * 4 * 4  # the input needs no gradient


# Layers that torch runs as one operation.


@pytest.mark.parametrize("run", RUNS)
def test_attention_is_counted_however_torch_runs_it(run: Run) -> None:
    def attend(self: Any, tokens: torch.Tensor) -> torch.Tensor:
        return nn.functional.scaled_dot_product_attention(tokens * self.scale, tokens[:, :, :6], tokens[:, :, :6])

    module = Does(attend, scale=nn.Parameter(torch.ones(8)))
    tokens = zeros(2, 3, 5, 8)
    forward = 2 * 3 * (5 * 8 * 5 + 5 * 5 * 8)  # q k^T and the product with v, three heads, two images
    assert total(trace(module, tokens, run=run)) == forward


@pytest.mark.parametrize("run", RUNS)
def test_a_transformer_layer_is_counted_however_torch_runs_it(run: Run) -> None:
    module = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    tokens = zeros(2, 5, 8)
    weights = 3 * 8 * 8 + 8 * 8 + 2 * 8 * 16
    assert total(trace(module, tokens, run=run)) == 2 * (5 * weights + 2 * 5 * 5 * 8)


@pytest.mark.parametrize("run", RUNS)
def test_a_recurrent_layer_is_counted_however_torch_runs_it(run: Run) -> None:
    module = nn.LSTM(4, 6, batch_first=True)
    assert total(trace(module, zeros(2, 3, 4), run=run)) == 2 * 3 * 4 * 6 * (4 + 6)


# Where a trace cannot be had.


def needs_numbers(kind: str) -> nn.Module:
    forwards: dict[str, Callable[..., Any]] = {
        "item": lambda self, vectors: vectors * vectors.sum().item(),
        "branch": lambda self, vectors: vectors + 1 if vectors.sum() > 0 else vectors,
        "mask": lambda self, vectors: vectors[vectors.sum(1) > 0],
        "numpy": lambda self, vectors: vectors + float(vectors.detach().numpy().sum()),
    }
    return nn.Sequential(nn.Linear(4, 4), nn.Sequential(Does(forwards[kind])))


@pytest.mark.parametrize("kind", ["item", "branch", "mask", "numpy"])
@pytest.mark.parametrize("run", ["meta", "fake"])
def test_a_forward_that_reads_numbers_is_told_of_a_real_run(kind: str, run: Run) -> None:
    module = needs_numbers(kind)
    with pytest.raises(UsageError, match=rf"cannot run on {run} tensors: in 1\.0: .*run='real'") as raised:
        trace(module, VECTORS, run=run)
    assert "\n" not in str(raised.value)
    assert len(trace(module, zeros(2, 4), run="real").calls) == 4


def test_a_forward_that_asks_for_the_processor_runs_on_fake_tensors() -> None:
    module = nn.Sequential(Does(lambda self, vectors: self.linear(vectors).to("cpu"), linear=nn.Linear(4, 4)))
    with pytest.raises(UsageError, match=r"in 0: .*run='fake'"):
        trace(module, VECTORS)
    assert names(trace(module, VECTORS, run="fake")) == ["t", "addmm"]


def test_layers_that_do_not_fit_are_named_without_advice_to_run_otherwise() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(100, 5))
    with pytest.raises(UsageError, match=r"in 2: ") as raised:
        trace(module, IMAGES)
    assert "run=" not in str(raised.value)


@pytest.mark.parametrize("run", RUNS)
def test_a_layer_without_a_shape_yet(run: Run) -> None:
    module = nn.Sequential(nn.Flatten(), nn.LazyLinear(5))
    with pytest.raises(UsageError, match=r"1\.weight has no shape yet: run the module once"):
        trace(module, zeros(2, 3, 8, 8), run=run)


def test_a_real_run_needs_real_weights() -> None:
    with torch.device("meta"):
        module = nn.Linear(4, 4)
    with pytest.raises(UsageError, match="without numbers, on the meta device: run='meta'"):
        trace(module, zeros(2, 4), run="real")
    assert total(trace(module, zeros(2, 4), run="fake")) == 32


# That it stays as found.


def found(module: nn.Module) -> list[object]:
    """All that a trace must leave alone, by identity."""
    parts = list(module.modules())
    tensors = [*module.parameters(), *module.buffers()]
    return [
        [part.training for part in parts],
        [(id(tensor), id(tensor.grad), tensor._version, tensor.requires_grad) for tensor in tensors],
        [{name: id(value) for name, value in vars(part).items() if name != "training"} for part in parts],
        [len(part._forward_hooks) + len(part._forward_pre_hooks) + len(part._backward_hooks) for part in parts],
        torch.is_grad_enabled(),
        torch.get_rng_state().tolist(),
    ]


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("training", [False, True])
def test_nothing_about_the_module_changes(run: Run, training: bool) -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.ReLU(True), nn.Conv2d(4, 2, 3))
    module[1].eval()
    module[0].requires_grad_(False)
    module(torch.rand(2, 3, 8, 8)).sum().backward()
    numbers = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    gradients = [None if weight.grad is None else weight.grad.clone() for weight in module.parameters()]
    images = torch.rand(2, 3, 8, 8)
    before = found(module)
    trace(module, images, run=run, training=training)
    assert found(module) == before
    assert all(torch.equal(tensor, numbers[name]) for name, tensor in module.state_dict().items())
    for weight, gradient in zip(module.parameters(), gradients, strict=True):
        assert weight.grad is gradient is None or torch.equal(weight.grad, gradient)  # type: ignore[arg-type]


def test_a_trace_keeps_no_tensor_alive() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    gc.collect()
    before = sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())
    traced = trace(module, IMAGES, training=True)
    gc.collect()
    assert sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects()) == before
    assert traced.operations


# Other threads.


def test_what_other_threads_run_is_not_recorded() -> None:
    other = nn.Sequential(*(nn.Linear(4, 4) for _ in range(3)))
    stop = threading.Event()

    def run_on() -> None:
        with torch.no_grad():
            while not stop.is_set():
                other(zeros(2, 4))

    module = nn.Sequential(*(nn.Linear(4, 4) for _ in range(50)))
    alone = trace(module, VECTORS)
    thread = threading.Thread(target=run_on)
    thread.start()
    try:
        beside = [trace(module, VECTORS) for _ in range(5)]
    finally:
        stop.set()
        thread.join()
    for traced in beside:
        assert [call.path for call in traced.calls] == [call.path for call in alone.calls]
        assert names(traced) == names(alone)


def test_several_threads_may_trace_one_module() -> None:
    module = nn.Sequential(*(nn.Linear(4, 4) for _ in range(20)))
    weights = [id(weight) for weight in module.parameters()]
    results: list[list[str]] = []

    def look(training: bool) -> None:
        results.extend(names(trace(module, VECTORS, training=training)) for _ in range(3))

    threads = [threading.Thread(target=look, args=(training,)) for training in (False, True, False, True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 12
    assert sorted({len(result) for result in results}) == sorted(
        {len(trace(module, VECTORS, training=training).operations) for training in (False, True)}
    )
    assert [id(weight) for weight in module.parameters()] == weights
    assert all(weight.device.type == "cpu" for weight in module.parameters())
