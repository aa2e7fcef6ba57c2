"""What a person asks of a training run, before it is a recipe."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from classicnets.errors import UsageError
from classicnets.training.recipe.reading import merge, override
from classicnets.training.recipe.shipped import RecipeFile, read_recipe, shipped_recipe, with_default

_EXAMPLE = "for example: classicnets train lenet5 --data digits"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The options of `classicnets train` that say what a run is; None where one was not given.

    Attributes:
        network: its name in the catalog.
        data: a data set's name.
        recipe: a name of one of the package's, or a file.
        epochs: passes through the training images.
        recompute: which rows are run again.
        weights: to begin with.
        freeze_upto: the last row that stays as it is.
        assignments: single fields, as ``optimizer.lr=0.05``.
    """

    network: str | None = None
    data: str | None = None
    recipe: str | None = None
    epochs: int | None = None
    recompute: str | None = None
    weights: str | None = None
    freeze_upto: str | None = None
    assignments: tuple[str, ...] = ()

    def wanted(self) -> dict[str, Any]:
        """The fields that were asked for, and no others.

        Raises:
            UsageError: no such recipe or field, or a value that cannot be read.
        """
        fields = dict(self._chosen.fields) if self._chosen else {}
        if self.epochs is not None and fields.get("steps") is not None:
            fields["steps"] = None  # a recipe in steps is shortened, too
        given = {"network": self.network, "data": self.data, "epochs": self.epochs, "recompute": self.recompute}
        fields |= _given(given)
        for assignment in self.assignments:
            override(fields, assignment)
        transfer = _given({"weights": self.weights, "freeze_upto": self.freeze_upto})
        return merge(fields, {"transfer": transfer} if transfer else {})

    def fields(self) -> dict[str, Any]:
        """All fields of a new run: those that were asked for, over those of the package's own recipe.

        Raises:
            UsageError: as `wanted`; or nothing says which network, or which data.
        """
        wanted = self.wanted()
        transfer = wanted.get("transfer")
        if self.freeze_upto is not None and "weights" not in wanted["transfer"]:
            raise UsageError("--freeze-upto needs --from, the weights that stay as they are")
        if transfer is None and wanted.get("network") is None:
            raise UsageError(f"train needs a network, {_EXAMPLE}")
        if wanted.get("data") is None:
            raise UsageError(f"train needs --data, {_EXAMPLE}")
        if transfer is not None and (self._chosen is None or not self._chosen.alone):
            return merge(shipped_recipe("transfer"), wanted)
        return with_default(self._chosen, wanted)

    @cached_property
    def _chosen(self) -> RecipeFile | None:
        return read_recipe(self.recipe, self.network) if self.recipe else None


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
