"""How a trace is taken: a dispatch mode sees the operations, hooks the modules, weak references the memory."""

import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Literal, get_args

import torch
from torch import nn
from torch.func import functional_call
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode

from classicnets.errors import UsageError, check_choice
from classicnets.inspection.shapes import SHAPED
from classicnets.inspection.trace import Argument, Call, Held, Operation, Storage, Trace, Value

Run = Literal["meta", "fake", "real"]
"""What tensors a trace runs on: ones without memory, ones that also pretend to be on a device, or real ones."""


def trace(module: nn.Module, *inputs: torch.Tensor, training: bool = False, run: Run = "meta") -> Trace:
    """Run a module once and record it.

    The module comes back as it was: its mode, weights, statistics and gradients.

    Args:
        module: any; its weights may be anywhere, or on the meta device.
        inputs: what its forward takes; on the meta device, unless ``run`` is real.
        training: in training mode with the backward pass of the sum of all outputs; else in evaluation without one.
        run: "meta" needs neither memory nor time; "fake" also satisfies a forward that asks for devices; "real" runs
            the real weights on ``inputs``.

    Raises:
        UsageError: the forward cannot run so; the message names the module and what stopped it.
    """
    check_choice("run", run, get_args(Run))
    recorder = _Recorder(module, on_meta=run == "meta")
    with ExitStack() as stack:
        stack.enter_context(_mode_of(module, training=training))
        if run == "fake":
            from torch._subclasses import FakeTensorMode

            fake = stack.enter_context(FakeTensorMode(allow_non_fake_inputs=True))
            like: Callable[[torch.Tensor], torch.Tensor] = fake.from_tensor
        else:
            like = _meta_like
        state, call = _own_state(module, run=run, like=like, training=training)
        given = tuple(inputs if run == "real" else (like(tensor) for tensor in inputs))
        stack.enter_context(torch.set_grad_enabled(training))
        stack.enter_context(recorder.watching(given, state))
        try:
            returned = call(*given)
            outputs = recorder.values(returned)
            if training:
                recorder.backward(_sum(returned))
        except RuntimeError as error:
            raise UsageError(_what_stopped(recorder.path, error, run)) from error
        del returned
        recorder.mark_gradients(state)
    return recorder.trace(outputs, training=training)


class _Recorder(TorchDispatchMode):
    """Keeps numbers and shapes only: a reference to a tensor would prolong the life that it measures."""

    def __init__(self, module: nn.Module, *, on_meta: bool) -> None:
        super().__init__()
        self.module = module
        self.on_meta = on_meta
        self.operations: list[Operation] = []
        self.storages: list[Storage] = []
        self.calls: list[Call] = []
        self.tensors: dict[str, Value] = {}
        self.inputs: tuple[Value, ...] = ()
        self._paths = {id(part): path for path, part in module.named_modules()}
        self._open: list[tuple[str, int, int, tuple[Value, ...]]] = []
        self._numbers: dict[int, tuple[weakref.ref[Any], int]] = {}
        self._values: dict[int, Value] = {}
        self._value_count = 0
        self._backward = False
        self._homes: dict[int, str] = {}

    @property
    def path(self) -> str:
        """Of the module that runs."""
        return self._open[-1][0] if self._open else ""

    @contextmanager
    def watching(self, inputs: Iterable[torch.Tensor], state: Mapping[str, torch.Tensor]) -> Iterator[None]:
        """Record what runs in the block."""
        for name, tensor in state.items():
            held: Held = "parameter" if isinstance(tensor, nn.Parameter) else "buffer"
            self.tensors[name] = self._value(tensor, held)
        self.inputs = tuple(self._value(tensor, "input") for tensor in inputs)
        before = register_module_forward_pre_hook(self._enter)
        after = register_module_forward_hook(self._leave, always_call=True)
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
            if tensor.grad is not None:
                self.storages[self._value(tensor.grad, "constant").storage].held = "gradient"

    def values(self, given: object) -> tuple[Value, ...]:
        """The tensors among what a module was given or returned."""
        return tuple(self._value(tensor, "constant") for tensor in _tensors(given))

    def trace(self, outputs: tuple[Value, ...], *, training: bool) -> Trace:
        """All that was seen."""
        self._numbers.clear()
        self._values.clear()
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
        arguments = self._recorded(args)
        keywords = {name: self._recorded(value) for name, value in kwargs.items()}
        path = self._home()
        place = len(self.operations)
        # Its own place is taken before it runs: what it makes is born there, whatever its function calls in turn.
        result = self._run(func, args, kwargs)
        outputs = tuple(self._output(tensor, place) for tensor in _tensors(result))
        self.operations.append(Operation(func, path, arguments, keywords, outputs, self._backward))
        return result

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Otherwise the first operation imports torch's compiler, for two seconds and a hundred megabytes.
        return False

    def _run(self, func: torch._ops.OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not self.on_meta:
            return func(*args, **kwargs)
        shaped = SHAPED.get(func) if not kwargs else None
        result = shaped(*args) if shaped is not None else None
        if result is not None:
            return result
        where = {tensor.device.type for tensor in _tensors((args, kwargs))}
        if len(where) < 2:
            return func(*args, **kwargs)
        # What the forward makes or keeps by itself is on the processor; torch.Size and slices need its values there.
        result = func(*_on_meta(args), **_on_meta(kwargs))
        return args[0] if func._schema.is_mutable else result

    def _home(self) -> str:
        if not self._backward:
            path = self.path
            if torch.is_grad_enabled():
                self._homes[torch.autograd._get_sequence_nr() - 1] = path
            return path
        node = torch._C._current_autograd_node()
        return self._homes.get(node._sequence_nr(), "") if node is not None else ""

    def _enter(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        path = self._paths.get(id(module), self.path)
        self._open.append((path, len(self.operations), len(self.calls), self.values(args)))
        self.calls.append(Call(path, 0, 0, (), ()))

    def _leave(self, module: nn.Module, args: tuple[Any, ...], returned: object) -> None:
        path, first, place, inputs = self._open.pop()
        self.calls[place] = Call(path, first, len(self.operations), inputs, self.values(returned))

    def _recorded(self, given: Any) -> Any:
        if isinstance(given, torch.Tensor):
            return self._value(given, "constant")
        if isinstance(given, (tuple, list)):
            return tuple(map(self._recorded, given))
        return given

    def _value(self, tensor: torch.Tensor, held: Held) -> Value:
        """The value that the tensor has now; ``held`` says what its storage is for if nothing has made it here."""
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
        operations, numbers = self.operations, self._numbers

        def die(_: object) -> None:
            storage.died = len(operations) - 1
            numbers.pop(key, None)

        self._numbers[key] = (weakref.ref(memory, die), number)
        return number


def _on_meta(given: Any) -> Any:
    if isinstance(given, torch.Tensor):
        return given if given.is_meta else _meta_like(given)
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


def _sum(returned: object) -> torch.Tensor:
    parts = [tensor.sum() for tensor in _tensors(returned) if tensor.requires_grad]
    if not parts:
        raise UsageError("nothing that the forward returns depends on a parameter: there is no backward pass")
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


@contextmanager
def _mode_of(module: nn.Module, *, training: bool) -> Iterator[None]:
    """Put the module in that mode while the block runs."""
    modes = [(part, part.training) for part in module.modules()]
    module.train(training)
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


def _own_state(
    module: nn.Module, *, run: Run, like: Callable[[torch.Tensor], torch.Tensor], training: bool
) -> tuple[dict[str, torch.Tensor], Callable[..., Any]]:
    """The tensors that the module will run on, and how to run it on them."""
    own = dict(module.named_parameters()) | dict(module.named_buffers())
    if not training and (run == "real" or all(tensor.device.type == "meta" for tensor in own.values())):
        return own, module
    if run == "real":
        made = {name: tensor.detach().clone() for name, tensor in own.items()}
    else:
        made = {name: like(tensor.detach()) for name, tensor in own.items()}
    state = {
        name: nn.Parameter(tensor, requires_grad=own[name].requires_grad)
        if isinstance(own[name], nn.Parameter)
        else tensor
        for name, tensor in made.items()
    }
    return state, lambda *inputs: functional_call(module, state, inputs)


def _meta_like(tensor: torch.Tensor) -> torch.Tensor:
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")


def _what_stopped(path: str, error: RuntimeError, run: Run) -> str:
    where = f"in {path}: " if path else ""
    said = " ".join(str(error).split("\n\n")[0].split())
    others = {"meta": "; run='fake' or run='real' may get further", "fake": "; run='real' may get further", "real": ""}
    return f"the forward cannot run on {run} tensors: {where}{said}{others[run]}"
