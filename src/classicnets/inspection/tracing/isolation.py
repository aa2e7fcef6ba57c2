"""A module made ready for a trace, and left as it was found."""

import gc
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from operator import is_
from typing import Any

import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional
from torch.nn.parameter import is_lazy

from classicnets.errors import UsageError
from classicnets.inspection.modes import Precision, Run
from classicnets.networks.chain import Chain

Like = Callable[[torch.Tensor], torch.Tensor]
"""Makes a tensor of the same shape and dtype to run on."""

_META = torch.device("meta")
_TURN = threading.RLock()  # a module has but one place for the weights that it runs on
_HOLDERS = frozenset({dict, OrderedDict, list})
_HOOKS = frozenset(vars(nn.Module())) - {"_parameters", "_buffers", "_modules"}


@contextmanager
def undisturbed(module: nn.Module, parts: Iterable[nn.Module], *, training: bool) -> Iterator[None]:
    """Put the module in that mode while the block runs; after it all that the module keeps is as before.

    ``parts`` are all its modules, itself among them.

    So are the random numbers that torch draws on the processor. Python's collector rests: a cycle that the forward
    leaves is freed after the block, not at a moment that depends on what else the program did. Threads take turns.
    A `Chain` that recomputes rows in training keeps all it needs instead.
    """
    with _TURN:
        yield from _undisturbed(module, parts, training=training)


def _undisturbed(module: nn.Module, parts: Iterable[nn.Module], *, training: bool) -> Iterator[None]:
    modes = [(part, part.training) for part in parts if part.training != training]
    # What runs again would run on the module's own tensors: by then it has them back.
    segments = [(part, part.segments) for part in parts if isinstance(part, Chain) and part.segments]
    kept = [(held, held.copy()) for part in parts if not _keeps_nothing(part) for held in _attributes(part)]
    drawn = torch.default_generator.get_state()
    collecting = gc.isenabled()
    gc.disable()
    try:
        if modes:
            module.train(training)
        for chain, _ in segments:
            chain.recompute(())
        yield
    finally:
        for part, mode in modes:
            part.training = mode
        for chain, kept_segments in segments:
            chain.segments = kept_segments
        torch.default_generator.set_state(drawn)
        for held, before in kept:
            _restore(held, before)
        if collecting:
            gc.enable()


@contextmanager
def single_values_allowed() -> Iterator[None]:
    """Let batch normalisation train on one value a channel while the block runs.

    torch refuses to, for the values would be lost; what such a step holds is the same.
    """
    names = vars(functional)
    check = names["_verify_batch_size"]
    names["_verify_batch_size"] = lambda size: None
    try:
        yield
    finally:
        names["_verify_batch_size"] = check


def modules(module: nn.Module) -> dict[str, nn.Module]:
    """Each module once, by its path, in the order of `torch.nn.Module.named_modules`.

    That one hands each name up through all the levels above it, which a thousand layers feel.
    """
    found: dict[str, nn.Module] = {}
    seen: set[int] = set()
    waiting: list[tuple[str, nn.Module]] = [("", module)]
    while waiting:
        path, part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        found[path] = part
        inner = f"{path}." if path else ""
        waiting.extend((inner + name, child) for name, child in reversed(part._modules.items()) if child is not None)
    return found


def state_of(parts: Mapping[str, nn.Module]) -> dict[str, torch.Tensor]:
    """Parameters, then buffers, of these modules, by name; each once."""
    found: dict[int, tuple[str, torch.Tensor]] = {}
    for held in ("_parameters", "_buffers"):
        for path, part in parts.items():
            for name, tensor in getattr(part, held).items():
                if tensor is not None:
                    found.setdefault(id(tensor), (f"{path}.{name}" if path else name, tensor))
    return dict(found.values())


def own_state(
    module: nn.Module, parts: Mapping[str, nn.Module], *, like: Like | None, training: bool, precision: Precision
) -> tuple[dict[str, torch.Tensor], Callable[..., Any]]:
    """The tensors that the module will run on, and how to run it on them.

    Args:
        module: it keeps its own tensors, which training neither changes nor gives gradients.
        parts: all its modules by their paths.
        like: None to run on real numbers.
        training: whether a backward pass follows.
        precision: bfloat16 turns floating numbers into it.

    Raises:
        UsageError: it has no shapes yet, or no numbers for a real run, or it is scripted.
    """
    own = state_of(parts)
    ready = like is meta_like and all(tensor.is_meta for tensor in own.values())
    _must_be_ready(own, needs_numbers=like is None)
    if ready and not training and precision != "bfloat16":
        return own, module
    if any(isinstance(part, torch.jit.ScriptModule) for part in parts.values()):
        if like is None and not training:
            return own, module
        raise UsageError(
            "a scripted module runs on its own weights alone: trace the one that it was made from, or run='real'"
        )
    make = like or torch.clone
    made = {name: make(in_precision(tensor.detach(), precision)) for name, tensor in own.items()}
    state = {
        name: nn.Parameter(tensor, requires_grad=own[name].requires_grad)
        if isinstance(own[name], nn.Parameter)
        else tensor
        for name, tensor in made.items()
    }
    return state, lambda *inputs: functional_call(module, state, inputs)


def _must_be_ready(state: Mapping[str, torch.Tensor], *, needs_numbers: bool) -> None:
    for name, tensor in state.items():
        if is_lazy(tensor):
            raise UsageError(f"{name} has no shape yet: run the module once, which gives it one")
        if needs_numbers and tensor.is_meta:
            raise UsageError(f"{name} is without numbers, on the meta device: run='meta' needs none")


@contextmanager
def likeness(run: Run) -> Iterator[Like | None]:
    """How tensors to run on are made while the block runs; None where real ones will do."""
    if run == "fake":
        # The imports that follow take two seconds, so they come only when asked for.
        from torch._subclasses import FakeTensorMode

        with FakeTensorMode(allow_non_fake_inputs=True):
            yield lambda tensor: _empty_like(tensor, torch.device("cpu") if tensor.is_meta else tensor.device)
    else:
        yield meta_like if run == "meta" else None


def meta_like(tensor: torch.Tensor) -> torch.Tensor:
    """The same without numbers."""
    return _empty_like(tensor, _META)


def _empty_like(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=device)


def in_precision(tensor: torch.Tensor, precision: Precision) -> torch.Tensor:
    """The tensor in bfloat16 if everything shall be and it holds floating numbers; else itself."""
    return tensor.bfloat16() if precision == "bfloat16" and tensor.is_floating_point() else tensor


def _keeps_nothing(part: nn.Module) -> bool:
    """Whether its forward changes no attribute: neither torch's own layers nor ours do."""
    return type(part).__module__.startswith(("torch.nn.modules.", "classicnets."))


def _attributes(part: nn.Module) -> list[Any]:
    """The dictionary of a module's attributes, and the dictionaries and lists among them: some keep what they made."""
    own = vars(part)
    return [own, *[value for name, value in own.items() if type(value) in _HOLDERS and name not in _HOOKS]]


def _restore(held: Any, before: Any) -> None:
    if not held and not before:
        return
    if isinstance(held, list):
        held[:] = before
        return
    if len(held) == len(before) and all(map(is_, held.values(), before.values())):
        return
    for name in held.keys() - before.keys():
        del held[name]
    for name, value in before.items():
        if held.get(name) is not value:
            held[name] = value
