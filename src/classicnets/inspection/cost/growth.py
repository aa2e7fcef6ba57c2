"""How the size of each tensor of a trace grows with the sides of the image and with the width of the network."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from classicnets.errors import UsageError
from classicnets.inspection.counting.macs import macs, macs_by_shape
from classicnets.inspection.tracing.trace import Operation, Trace, Value


class Degree(NamedTuple):
    """The exponents of a monomial.

    Attributes:
        side: of the factor by which height and width of the image are multiplied.
        width: of the factor by which numbers of channels are multiplied.
    """

    side: int = 0
    width: int = 0

    def times(self, other: "Degree") -> "Degree":
        """That of the product."""
        return Degree(self.side + other.side, self.width + other.width)


@dataclass(frozen=True)
class Growth:
    """A sum of monomials: coefficient x side^i x width^j, 1 and 1 standing for the network as it is.

    Attributes:
        terms: the coefficient of each, the fastest growing first.
    """

    terms: tuple[tuple[Degree, int], ...]

    def at(self, *, side: float | Fraction = 1, width: float | Fraction = 1) -> float:
        """What becomes of it where image sides and channels are multiplied; exact where the result is whole.

        A factor such as 320 / 224 is taken for the fraction next to it.
        """
        sides, widths = (Fraction(factor).limit_denominator(10_000) for factor in (side, width))
        total = sum((count * sides**degree.side * widths**degree.width for degree, count in self.terms), Fraction(0))
        return total.numerator if total.denominator == 1 else float(total)

    def __str__(self) -> str:
        """Such as "1,811,939,328 s^2 w^2 + 512,000 w", s and w being the factors."""
        return " + ".join(
            f"{count:,}{_power('s', degree.side)}{_power('w', degree.width)}" for degree, count in self.terms
        )


def growth(parts: Iterable[tuple[Degree, int]]) -> Growth:
    """The sum of the parts."""
    total = Counter[Degree]()
    for degree, count in parts:
        total[degree] += count
    return Growth(tuple(sorted(((degree, count) for degree, count in total.items() if count), reverse=True)))


Axes = tuple[Degree, ...]


class Degrees:
    """The degree of each value, weight and operation of a forward pass.

    Attributes:
        macs: for each operation that multiplies and accumulates its degree and its count.
        weights: by storage, of parameters.
        storages: by storage, of everything that operations made.
        uneven: paths of modules whose output does not grow exactly as the image does: windows do not fill the map.
    """

    def __init__(self, trace: Trace, fixed: Callable[[str], bool]) -> None:
        """Follow a forward pass.

        Args:
            trace: of an image, or of several.
            fixed: whether the outputs of the module of that path keep their number.

        Raises:
            UsageError: an operator multiplies in a way that is not followed, such as attention in one piece.
        """
        self.macs: list[tuple[Degree, int]] = []
        self.weights: dict[int, Degree] = {}
        self.storages: dict[int, Degree] = {}
        self.uneven: set[str] = set()
        self._trace = trace
        self._fixed = fixed
        self._values = {value.number: _of_image(value) for value in trace.inputs}
        weighted = [operation for operation in trace.forward if macs_by_shape(operation)]
        self._classifier = weighted[-1] if weighted else None
        for operation in trace.forward:
            self._follow(operation)

    def of(self, value: Value) -> Degree:
        """The degree of a value's size."""
        return _product(self._axes(value))

    def _axes(self, value: Value) -> Axes:
        return self._values.get(value.number, (Degree(),) * len(value.shape))

    def _follow(self, operation: Operation) -> None:
        rule = _RULES.get(operation.name)
        if rule is None and macs_by_shape(operation):
            raise UsageError(f"no law is known for the operator {operation.name} in {operation.path or 'the module'}")
        axes = rule(self, operation) if rule is not None else self._like_inputs(operation)
        for value in operation.outputs:
            self._values[value.number] = axes if len(axes) == len(value.shape) else (Degree(),) * len(value.shape)
            self.storages.setdefault(value.storage, self.of(value))

    def _like_inputs(self, operation: Operation) -> Axes:
        """Element by element, pooled, joined, cut or padded: as the fastest growing input of as many axes."""
        if not operation.outputs:
            return ()
        count = len(operation.outputs[0].shape)
        alike = [self._axes(value) for value in operation.inputs if len(value.shape) == count]
        if operation.name in _POOLING:
            kernel, stride = (*operation.arguments[1:3], ())[:2]
            self._check_windows(operation, stride or kernel)
        return tuple(max(degrees) for degrees in zip(*alike, strict=True)) or (Degree(),) * count

    def _convolution(self, operation: Operation) -> Axes:
        inputs, weight, bias, stride = operation.arguments[:4]
        groups = operation.arguments[8]
        batch, channels, *sides = self._axes(inputs)
        # As many groups as channels remain so: a kernel for each.
        reads = Degree() if groups == inputs.shape[1] > 1 else channels
        leaves = self._width(operation)
        self._keep(weight, leaves.times(reads), bias, leaves)
        self._check_windows(operation, stride)
        axes = (batch, leaves, *sides)
        self._count(operation, _product(axes).times(reads))
        return axes

    def _linear(self, operation: Operation) -> Axes:
        bias, inputs, weight = operation.arguments[:3]
        leaves = self._width(operation)
        batch, reads = self._axes(inputs)
        self._keep(weight, leaves.times(reads), bias, leaves)
        self._count(operation, batch.times(leaves).times(reads))
        return (batch, leaves)

    def _matrices(self, operation: Operation) -> Axes:
        left, right = operation.arguments[:2]
        if self._trace.storages[right.storage].held == "parameter":
            leaves = self._width(operation)
            self._keep(right, leaves.times(self._axes(left)[-1]), None, leaves)
        else:
            leaves = self._axes(right)[-1]
        axes = (*self._axes(left)[:-1], leaves)
        self._count(operation, _product(axes).times(self._axes(left)[-1]))
        return axes

    def _batch_norm(self, operation: Operation) -> Axes:
        inputs, scale, shift = operation.arguments[:3]
        axes = self._axes(inputs)
        for value in (scale, shift):
            if value is not None:
                self.weights[value.storage] = axes[1]
        return axes

    def _reduced(self, operation: Operation) -> Axes:
        (inputs, gone, keep) = (*operation.arguments, None, False)[:3]
        axes = self._axes(inputs)
        places = {place % len(axes) for place in gone} if gone else set(range(len(axes)))
        kept = [Degree() if place in places else degree for place, degree in enumerate(axes)]
        return tuple(degree for place, degree in enumerate(kept) if keep or place not in places)

    def _adaptive(self, operation: Operation) -> Axes:
        batch, channels, *sides = self._axes(operation.arguments[0])
        return (batch, channels, *(Degree() for _ in sides))

    def _view(self, operation: Operation) -> Axes:
        inputs, outputs = operation.inputs[0], operation.outputs[0]
        return _regrouped(inputs.shape, self._axes(inputs), outputs.shape)

    def _unsqueezed(self, operation: Operation) -> Axes:
        inputs, place = operation.arguments
        axes = list(self._axes(inputs))
        axes.insert(place % (len(axes) + 1), Degree())
        return tuple(axes)

    def _width(self, operation: Operation) -> Degree:
        """Of the number of outputs: classes stay as many, and so do the maps of a row that is fixed."""
        return Degree() if operation is self._classifier or self._fixed(operation.path) else Degree(width=1)

    def _count(self, operation: Operation, degree: Degree) -> None:
        self.macs.append((degree, macs(operation, self._trace.module)))

    def _keep(self, weight: Value, degree: Degree, bias: Value | None, leaves: Degree) -> None:
        self.weights[weight.storage] = degree
        if bias is not None:
            self.weights[bias.storage] = leaves

    def _check_windows(self, operation: Operation, stride: Collection[int]) -> None:
        inputs, outputs = operation.inputs[0], operation.outputs[0]
        grows = [degree.side > 0 for degree in self._axes(inputs)[2:]]
        steps = tuple(stride) * (len(grows) if len(stride) == 1 else 1)
        sides = zip(grows, inputs.shape[2:], outputs.shape[2:], steps, strict=True)
        if any(grow and before != after * step for grow, before, after, step in sides):
            self.uneven.add(operation.path)


def _of_image(value: Value) -> Axes:
    sides = len(value.shape) - 2
    return (Degree(), Degree(), *(Degree(side=1),) * sides) if sides > 0 else (Degree(),) * len(value.shape)


def _product(axes: Iterable[Degree]) -> Degree:
    total = Degree()
    for degree in axes:
        total = total.times(degree)
    return total


def _regrouped(before: tuple[int, ...], axes: Axes, after: tuple[int, ...]) -> Axes:
    """The axes of the same numbers in another shape; of an axis that is split the first part has it all."""
    left = list(zip(before, axes, strict=True))[::-1]
    found = []
    for side in after:
        product, degree = 1, Degree()
        while product < side and left:
            length, more = left.pop()
            product *= length
            degree = degree.times(more)
        if product > side:
            left.append((product // side, Degree()))
        found.append(degree)
    if found:
        found[-1] = _product([found[-1], *(degree for _, degree in left)])
    return tuple(found)


def _power(letter: str, exponent: int) -> str:
    return "" if not exponent else f" {letter}" if exponent == 1 else f" {letter}^{exponent}"


_POOLING = frozenset({"max_pool2d_with_indices", "avg_pool2d"})

_RULES: dict[str, Callable[[Degrees, Operation], Axes]] = {
    "convolution": Degrees._convolution,
    "addmm": Degrees._linear,
    "mm": Degrees._matrices,
    "bmm": Degrees._matrices,
    "native_batch_norm": Degrees._batch_norm,
    "mean": Degrees._reduced,
    "sum": Degrees._reduced,
    "_adaptive_avg_pool2d": Degrees._adaptive,
    "view": Degrees._view,
    "_unsafe_view": Degrees._view,
    "unsqueeze": Degrees._unsqueezed,
}
