"""A trace sees everything and leaves nothing."""

import cProfile
import gc
import subprocess
import sys

import pytest
import torch
from torch import nn

from classicnets.errors import UsageError
from classicnets.inspection.tracing.isolation import modules, state_of
from classicnets.inspection.tracing.recording import trace
from classicnets.networks import build
from tests.inspection.measuring import real

# Between them these have every kind of layer in the catalog.
KINDS = ["lenet5", "alexnet", "alexnet_owt", "inception_resnet_v1", "stochastic_depth_resnet20_cifar"]
KINDS += ["preact_resnet20_cifar", "se_resnet20_cifar"]

LEAN = f"""
import resource, sys
import torch
def memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
alone = memory()
from classicnets.inspection.tracing.recording import trace
from classicnets.networks import build
for name in {KINDS}:
    network = build(name)
    images = torch.empty(2, *network.input_shape, device="meta")
    for training in (False, True):
        trace(network, images, training=training)
        for module in ("sympy", "torch._dynamo", "plotly", "jinja2"):
            assert module not in sys.modules, f"{{name}} imports {{module}}"
assert memory() < 1.5 * alone, f"{{memory()}} against {{alone}} kilobytes"
"""


class Restless(nn.Module):
    """Changes everything that a forward can, and ends as it is told."""

    def __init__(self, *, fails: bool) -> None:
        super().__init__()
        self.fails = fails
        self.layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5))
        self.register_buffer("mean", torch.zeros(4))
        self.calls = 0

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        self.last = torch.rand((), device="cpu").item()
        outputs: torch.Tensor = self.layers(inputs)
        self.mean = outputs.mean((0, 2, 3))
        if self.fails:
            raise RuntimeError("as told")
        return outputs


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("mode", [False, True])
def test_the_module_and_the_program_are_as_before(fails: bool, training: bool, mode: bool) -> None:
    module = Restless(fails=fails).train(mode)
    module.layers[2].train(not mode)
    module.layers[0].weight.grad = torch.ones(4, 3, 3, 3)
    before = {name: (tensor, tensor.clone()) for name, tensor in state_of(modules(module)).items()}
    modes = {path: part.training for path, part in modules(module).items()}
    attributes = set(vars(module))
    drawn = torch.get_rng_state()
    images = torch.zeros(2, 3, 8, 8, device="meta")
    if fails:
        with pytest.raises(UsageError, match="as told"):
            trace(module, images, training=training)
    else:
        trace(module, images, training=training)
    assert {path: part.training for path, part in modules(module).items()} == modes
    assert set(vars(module)) == attributes
    assert module.calls == 0
    for name, tensor in state_of(modules(module)).items():
        assert tensor is before[name][0]
        assert torch.equal(tensor, before[name][1])
    assert torch.equal(module.layers[0].weight.grad, torch.ones(4, 3, 3, 3))
    assert module.layers[0].bias.grad is None
    assert torch.equal(torch.get_rng_state(), drawn)
    assert torch.is_grad_enabled()
    assert gc.isenabled()
    hooks = torch.nn.modules.module
    assert not hooks._global_forward_hooks
    assert not hooks._global_forward_pre_hooks


def test_a_collector_at_rest_stays_so() -> None:
    gc.disable()
    try:
        trace(nn.ReLU(), torch.zeros(1))
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_real_training_run_leaves_weights_statistics_and_gradients() -> None:
    network = real("resnet20_cifar")
    before = {name: tensor.clone() for name, tensor in state_of(modules(network)).items()}
    images = torch.ones(2, 3, 32, 32, requires_grad=True)
    found = trace(network, images, training=True, run="real")
    assert found.training
    assert images.grad is None
    for name, tensor in state_of(modules(network)).items():
        assert torch.equal(tensor, before[name])
        assert tensor.grad is None


def test_the_message_names_the_module_that_stopped_the_forward() -> None:
    network = nn.Sequential(nn.Identity(), nn.Sequential(nn.Identity(), Restless(fails=True)))
    with pytest.raises(UsageError, match=r"in 1\.1: as told"):
        trace(network, torch.empty(1, 3, 8, 8, device="meta"))


def test_a_forward_that_catches_what_a_layer_raises_goes_on() -> None:
    class Tries(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wide, self.narrow, self.last = nn.Linear(9, 2), nn.Linear(4, 2), nn.Linear(2, 2)

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            try:
                made: torch.Tensor = self.wide(inputs)
            except RuntimeError:
                made = self.narrow(inputs)
            outputs: torch.Tensor = self.last(made)
            return outputs

    found = trace(Tries(), torch.empty(3, 4, device="meta"))
    assert [(operation.name, operation.path) for operation in found.operations if operation.name == "addmm"] == [
        ("addmm", "narrow"),
        ("addmm", "last"),
    ]
    assert [(call.path, [value.shape for value in call.outputs]) for call in found.calls if call.path != "wide"] == [
        ("", [(3, 2)]),
        ("narrow", [(3, 2)]),
        ("last", [(3, 2)]),
    ]


def test_modules_and_state_are_those_of_torch() -> None:
    shared = nn.Linear(2, 2)
    module = nn.ModuleDict({"a": nn.Sequential(shared, nn.BatchNorm1d(2)), "b": shared, "c": nn.Sequential()})
    module["c"].register_module("none", None)
    for given in (module, build("googlenet")):
        assert list(modules(given).items()) == list(given.named_modules())
        expected = {**dict(given.named_parameters()), **dict(given.named_buffers())}
        assert list(state_of(modules(given)).items()) == list(expected.items())


def test_a_trace_is_the_same_every_time() -> None:
    network = build("stochastic_depth_resnet20_cifar")
    images = torch.empty(1, 3, 32, 32, device="meta")
    first, second = (trace(network, images, training=True) for _ in range(2))
    assert first.operations == second.operations
    assert first.storages == second.storages


def test_fake_tensors_and_meta_tensors_tell_the_same() -> None:
    network = build("lenet5")
    images = torch.empty(1, *network.input_shape, device="meta")
    meta, fake = (trace(network, images, run=run) for run in ("meta", "fake"))
    assert [(operation.name, operation.path) for operation in meta.operations] == [
        (operation.name, operation.path) for operation in fake.operations
    ]
    assert [storage.size for storage in meta.storages] == [storage.size for storage in fake.storages]


def test_tracing_imports_no_compiler_and_little_memory() -> None:
    subprocess.run([sys.executable, "-c", LEAN], check=True, timeout=120)


def test_the_cost_grows_with_the_number_of_operations() -> None:
    def calls(name: str) -> float:
        network = build(name)
        images = torch.empty(1, 3, 32, 32, device="meta")
        profile = cProfile.Profile()
        operations = len(profile.runcall(trace, network, images).operations)
        return sum(entry.callcount for entry in profile.getstats()) / operations

    # Python calls by the operation; ten times as many layers would show ten times that, if the cost were quadratic.
    assert calls("resnet560_cifar") < 1.1 * calls("resnet56_cifar")
