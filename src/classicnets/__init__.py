"""The classic convolutional image classifiers, each exactly as its paper prints it.

Everything here is imported on first use, so that importing the package costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from classicnets.catalog import list_networks as list_networks
    from classicnets.catalog import paper as paper
    from classicnets.errors import UsageError as UsageError
    from classicnets.networks import create as create
    from classicnets.networks.features import features as features
    from classicnets.weights.bundle import load_network as load

_HOMES = {
    "UsageError": "classicnets.errors:UsageError",
    "create": "classicnets.networks:create",
    "features": "classicnets.networks.features:features",
    "list_networks": "classicnets.catalog:list_networks",
    "load": "classicnets.weights.bundle:load_network",
    "paper": "classicnets.catalog:paper",
}
__all__ = ["UsageError", "create", "features", "list_networks", "load", "paper"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOMES[name].split(":")
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
