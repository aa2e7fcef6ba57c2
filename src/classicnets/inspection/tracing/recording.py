"""How a trace is taken: a dispatch mode sees the operations, hooks the modules, weak references the memory."""

import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import is_dataclass
from typing import Any, get_args

import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode

from classicnets.errors import UsageError, check_choice
from classicnets.inspection.modes import Precision, Run
from classicnets.inspection.tracing.isolation import (
    in_precision,
    likeness,
    meta_like,
    modules,
    own_state,
    single_values_allowed,
    undisturbed,
)
from classicnets.inspection.tracing.shapes import FILLED, SHAPED
from classicnets.inspection.tracing.trace import Call, Held, Operation, Storage, Trace, Value

_META = torch.device("meta")
_COPY = torch.ops.aten._to_copy.default
_DRAW = torch.ops.aten.rand.default
_QUESTION = torch.ops.prim.device.default
_PLAIN = frozenset({int, float, bool, type(None), torch.dtype, torch.device, torch.layout})


def trace(
    module: nn.Module,
    *inputs: torch.Tensor,
    training: bool = False,
    run: Run = "meta",
    precision: Precision = "float32",
) -> Trace:
    """Run a module once and record it.

    The module comes back as it was: its mode, weights, statistics, gradients and whatever else it keeps; so do torch's
    random numbers. On meta tensors a number drawn from 0 to 1 is 0, so that stochastic depth keeps every block: what
    training costs at most.

    Args:
        module: any; its weights may be anywhere, or on the meta device.
        inputs: what its forward takes; on the meta device, unless ``run`` is real.
        training: in training mode with the backward pass of the sum of all outputs; else in evaluation without one.
        run: "meta" needs neither memory nor time; "fake" also satisfies a forward that asks for devices; "real" runs
            the real weights on ``inputs``.
        precision: "float32" takes weights and inputs as they are; "bfloat16" turns both into it; "mixed" runs the
            forward under torch's autocast to bfloat16, which knows no meta device: "meta" becomes "fake" there.

    Raises:
        UsageError: the forward cannot run so; the message names the module and what stopped it.
    """
    check_choice("run", run, get_args(Run))
    check_choice("precision", precision, get_args(Precision))
    if run == "meta" and precision == "mixed":
        run = "fake"
    parts = modules(module)
    with undisturbed(module, parts.values(), training=training), torch.inference_mode(False), likeness(run) as like:
        recorder = _Recorder(module, parts, on_meta=run == "meta")
        state, call = own_state(module, parts, like=like, training=training, precision=precision)
        given = tuple(
            (like or torch.clone)(in_precision(tensor.detach(), precision)).requires_grad_(tensor.requires_grad)
            for tensor in inputs
        )
        with torch.set_grad_enabled(training), recorder.watching(given, state):
            try:
                with _autocast(given, precision), single_values_allowed() if run != "real" else nullcontext():
                    returned = call(*given)
                outputs = recorder.values(returned)
                if training:
                    recorder.backward(_sum(returned))
            except (RuntimeError, TypeError) as error:
                if isinstance(error, TypeError) and "meta device" not in str(error):
                    raise  # the forward's own; of torch's only the one about numpy is
                raise UsageError(_what_stopped(recorder.path, error, run)) from error
            del returned
            recorder.mark_gradients(state)
        return recorder.trace(outputs, training=training)


class _Recorder(TorchDispatchMode):
    """Keeps numbers and shapes only: a reference to a tensor would prolong the life that it measures."""

    def __init__(self, module: nn.Module, parts: Mapping[str, nn.Module], *, on_meta: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.module = module
        self.on_meta = on_meta
        self.operations: list[Operation] = []
        self.storages: list[Storage] = []
        self.calls: list[Call] = []
        self.tensors: dict[str, Value] = {}
        self.inputs: tuple[Value, ...] = ()
        self._paths = {id(part): path for path, part in parts.items()}
        self._open: list[tuple[str, int, int, tuple[Value, ...], nn.Module]] = []
        self._numbers: dict[int, tuple[weakref.ref[Any] | None, int]] = {}
        self._values: dict[int, Value] = {}
        self._unchanged: dict[int, Value] = {}  # the module's own tensors, until something is written over them
        self._value_count = 0
        self._backward = False
        self._homes: dict[int, str] = {}
        self._thread = threading.get_ident()

    @property
    def path(self) -> str:
        """Of the module that runs."""
        return self._open[-1][0] if self._open else ""

    @contextmanager
    def watching(self, inputs: Iterable[torch.Tensor], state: Mapping[str, torch.Tensor]) -> Iterator[None]:
        """Record what runs in the block."""
        for name, tensor in state.items():
            held: Held = "parameter" if isinstance(tensor, nn.Parameter) else "buffer"
            self.tensors[name] = self._unchanged[id(tensor)] = self._value(tensor, held)
        self.inputs = tuple(self._value(tensor, "input") for tensor in inputs)
        before = register_module_forward_pre_hook(self._enter)
        after = register_module_forward_hook(self._leave)
        try:
            with self:
                yield
        finally:
            before.remove()
            after.remove()

    def backward(self, total: torch.Tensor) -> None:
        """Run the backward pass as the next operations."""
        self._backward = True
        total.backward()  # type: ignore[no-untyped-call]

    def mark_gradients(self, state: Mapping[str, torch.Tensor]) -> None:
        """Tell the gradients of the weights from all else that is left."""
        for tensor in state.values():
            # A buffer that training made anew hangs on what it was made of.
            if tensor.is_leaf and tensor.grad is not None:
                self.storages[self._value(tensor.grad, "constant").storage].held = "gradient"

    def values(self, given: object) -> tuple[Value, ...]:
        """The tensors among what a module was given or returned."""
        if type(given) is tuple and len(given) == 1:
            (given,) = given
        if isinstance(given, torch.Tensor):
            return (self._value(given, "constant"),)
        return tuple([self._value(tensor, "constant") for tensor in _tensors(given)])

    def trace(self, outputs: tuple[Value, ...], *, training: bool) -> Trace:
        """All that was seen."""
        self._numbers.clear()
        self._values.clear()
        self._unchanged.clear()
        return Trace(
            module=self.module,
            inputs=self.inputs,
            outputs=outputs,
            operations=tuple(self.operations),
            storages=tuple(self.storages),
            calls=tuple(self.calls),
            tensors=self.tensors,
            training=training,
        )

    def __torch_dispatch__(
        self, func: torch._ops.OpOverload, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is _QUESTION:
            return func(*args, **kwargs)
        if self.on_meta and func is _COPY and _only_moves(args[0], kwargs):
            moved = func(*args, **kwargs)
            self._value(moved, "constant")
            return moved
        arguments = self._recorded(args)
        keywords = {name: self._recorded(value) for name, value in kwargs.items()}
        path = self._home()
        place = len(self.operations)
        # Its own place is taken before it runs: what it makes is born there, whatever its function calls in turn.
        result = self._run(func, args, kwargs)
        if isinstance(result, torch.Tensor):
            outputs: tuple[Value, ...] = (self._output(result, place),)
        else:
            outputs = tuple([self._output(tensor, place) for tensor in _tensors(result)])
        self.operations.append(Operation(func, path, arguments, keywords, outputs, self._backward))
        return result

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Otherwise the first operation imports torch's compiler, for two seconds and a hundred megabytes.
        return False

    def _run(self, func: torch._ops.OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not self.on_meta:
            return func(*args, **kwargs)
        shaped = SHAPED.get(func) if not kwargs or func in FILLED else None
        result = shaped(*args, **kwargs) if shaped is not None else None
        if result is not None:
            return result
        if all(tensor.is_meta for tensor in _tensors((args, kwargs))):
            result = func(*args, **kwargs)
            return result.zero_() if func is _DRAW else result
        return self._run_mixed(func, args, kwargs)

    def _run_mixed(self, func: torch._ops.OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run what not only meta tensors go into."""
        if not any(tensor.is_meta for tensor in _tensors((args, kwargs))):
            return func(*args, **kwargs)
        # What the forward makes or keeps by itself is on the processor; torch.Size and slices need its values there.
        result = func(*_on_meta(args), **_on_meta(kwargs))
        return args[0] if func._schema.is_mutable else result

    def _home(self) -> str:
        if not self._backward:
            path = self.path
            if torch.is_grad_enabled():
                self._homes[torch._C._autograd._get_sequence_nr() - 1] = path
            return path
        node = torch._C._current_autograd_node()
        return self._homes.get(node._sequence_nr(), "") if node is not None else ""

    def _enter(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        if threading.get_ident() != self._thread:  # the hooks hear of every module that runs anywhere
            return
        path = self._paths.get(id(module), self.path)
        place = len(self.operations)
        self._open.append((path, place, len(self.calls), self.values(args), module))
        self.calls.append(Call(path, place, place, (), ()))

    def _leave(self, module: nn.Module, args: tuple[Any, ...], returned: object) -> None:
        if threading.get_ident() != self._thread:
            return
        entered = None
        # A module that raised has not left; if nobody caught it, the innermost open one is where the forward stopped.
        while entered is not module:
            path, first, place, inputs, entered = self._open.pop()
        self.calls[place] = Call(path, first, len(self.operations), inputs, self.values(returned))

    def _recorded(self, given: Any) -> Any:
        if type(given) in _PLAIN:
            return given
        if isinstance(given, torch.Tensor):
            return self._value(given, "constant")
        if isinstance(given, (tuple, list)):
            return tuple([self._recorded(part) for part in given])
        return given

    def _value(self, tensor: torch.Tensor, held: Held) -> Value:
        """The value that the tensor has now; ``held`` says what its storage is for if nothing has made it here."""
        unchanged = self._unchanged.get(id(tensor))
        if unchanged is not None:
            return unchanged
        known = self._values.get(id(tensor))
        storage = self._storage(tensor, held, born=-1)
        shape = tuple(tensor.shape)
        if known is not None and known.storage == storage and known.shape == shape:
            return known
        return self._new(tensor, storage, shape)

    def _output(self, tensor: torch.Tensor, place: int) -> Value:
        return self._new(tensor, self._storage(tensor, "activation", born=place), tuple(tensor.shape))

    def _new(self, tensor: torch.Tensor, storage: int, shape: tuple[int, ...]) -> Value:
        made = Value(self._value_count, storage, shape, tensor.dtype)
        self._value_count += 1
        self._values[id(tensor)] = made
        self._unchanged.pop(id(tensor), None)
        return made

    def _storage(self, tensor: torch.Tensor, held: Held, *, born: int) -> int:
        memory = tensor.untyped_storage()
        key = memory._cdata
        known = self._numbers.get(key)
        if known is not None:
            return known[1]
        number = len(self.storages)
        storage = Storage(memory.nbytes(), held, born)
        self.storages.append(storage)
        if held in ("parameter", "buffer"):  # these outlive the pass
            self._numbers[key] = (None, number)
            return number
        operations, numbers = self.operations, self._numbers

        def die(_: object) -> None:
            storage.died = len(operations) - 1
            numbers.pop(key, None)

        self._numbers[key] = (weakref.ref(memory, die), number)
        return number


def _only_moves(tensor: torch.Tensor, wanted: dict[str, Any]) -> bool:
    """Whether a copy brings a constant to the weights, here on meta: with all on one device there is none."""
    return (
        not tensor.is_meta
        and wanted.get("device") == _META
        and wanted.get("dtype") in (None, tensor.dtype)
        and wanted.get("memory_format") in (None, torch.preserve_format)
    )


def _on_meta(given: Any) -> Any:
    if isinstance(given, torch.Tensor):
        return given if given.is_meta else meta_like(given)
    if isinstance(given, (tuple, list)):
        return type(given)(map(_on_meta, given))
    if isinstance(given, dict):
        return {name: _on_meta(value) for name, value in given.items()}
    return given


def _tensors(given: object) -> Iterator[torch.Tensor]:
    if isinstance(given, torch.Tensor):
        yield given
    elif isinstance(given, (tuple, list)):
        for part in given:
            yield from _tensors(part)
    elif isinstance(given, Mapping):
        for part in given.values():
            yield from _tensors(part)
    elif is_dataclass(given) and not isinstance(given, type):
        yield from _tensors(vars(given))


def _sum(returned: object) -> torch.Tensor:
    parts = [tensor.sum() for tensor in _tensors(returned) if tensor.requires_grad]
    if not parts:
        raise UsageError("nothing that the forward returns depends on a parameter: there is no backward pass")
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _autocast(given: tuple[torch.Tensor, ...], precision: Precision) -> AbstractContextManager[object]:
    if precision != "mixed":
        return nullcontext()
    return torch.autocast(given[0].device.type if given else "cpu", torch.bfloat16)


def _what_stopped(path: str, error: Exception, run: Run) -> str:
    where = f"in {path}: " if path else ""
    said = " ".join(str(error).split("\n\n")[0].split())
    if run == "real" or (run == "meta" and "meta" not in said.lower()):
        return f"the forward fails: {where}{said}"
    # What reads numbers is told by the operator alone.
    said = f"{said} needs the numbers in a tensor" if said.startswith("aten.") else said
    others = "run='fake' or run='real'" if run == "meta" else "run='real'"
    return f"the forward cannot run on {run} tensors: {where}{said}; {others} may get further"
