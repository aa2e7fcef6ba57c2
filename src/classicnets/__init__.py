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
    from classicnets.inspection.comparison import compare as compare
    from classicnets.inspection.inspection import inspect as inspect
    from classicnets.networks.features import features as features
    from classicnets.networks.fully_convolutional import fully_convolutional as fully_convolutional
    from classicnets.weights.creating import create as create
    from classicnets.weights.exporting import save_as as save_as
    from classicnets.weights.loading import load as load

_HOMES = {
    "UsageError": "classicnets.errors:UsageError",
    "compare": "classicnets.inspection.comparison:compare",
    "create": "classicnets.weights.creating:create",
    "features": "classicnets.networks.features:features",
    "fully_convolutional": "classicnets.networks.fully_convolutional:fully_convolutional",
    "inspect": "classicnets.inspection.inspection:inspect",
    "list_networks": "classicnets.catalog:list_networks",
    "load": "classicnets.weights.loading:load",
    "paper": "classicnets.catalog:paper",
    "save_as": "classicnets.weights.exporting:save_as",
}
__all__ = [
    "UsageError",
    "compare",
    "create",
    "features",
    "fully_convolutional",
    "inspect",
    "list_networks",
    "load",
    "paper",
    "save_as",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOMES[name].split(":")
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
