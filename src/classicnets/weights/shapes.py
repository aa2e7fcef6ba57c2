"""Whether tensors are those that a network needs, said so that a user can find the one that is not."""

from collections.abc import Iterable, Mapping

import torch

from classicnets.errors import UsageError
from classicnets.networks.chain import Chain


def parts_without_tensors(network: Chain, names: Iterable[str]) -> tuple[str, ...]:
    """Which of the head and the auxiliary heads (``fc``, ``aux.inception_4a``) none of the tensors belongs to."""
    given = tuple(names)
    parts = (network.rows[-1], *(f"aux.{row}" for row in network.aux))
    return tuple(part for part in parts if not any(is_in(name, [part]) for name in given))


def is_in(name: str, parts: Iterable[str]) -> bool:
    """Whether a tensor belongs to one of these rows or heads."""
    return name.startswith(tuple(f"{part}." for part in parts))


def must_fit(
    where: str, expected: Mapping[str, torch.Tensor], found: Mapping[str, torch.Tensor], *, network: str
) -> None:
    """Make sure that the tensors found are those expected.

    Args:
        where: the tensors come from, for messages.
        expected: on the meta device is enough.
        found: under the same names.
        network: which one expects them, for messages.

    Raises:
        UsageError: a tensor is missing, unknown, of another shape or not of floating-point numbers where it should
            be; one line names it, what was expected and what was found.
    """
    for name in (*expected, *found):
        told = f"{where}: tensor {name!r}:"
        if name not in found:
            raise UsageError(f"{told} {network} expects shape {tuple(expected[name].shape)}, found none")
        if name not in expected:
            raise UsageError(f"{told} {network} expects none, found shape {tuple(found[name].shape)}")
        wanted, given = expected[name], found[name]
        if given.shape != wanted.shape:
            raise UsageError(f"{told} {network} expects shape {tuple(wanted.shape)}, found {tuple(given.shape)}")
        if given.is_floating_point() != wanted.is_floating_point():
            raise UsageError(f"{told} {network} expects {wanted.dtype}, found {given.dtype}")
