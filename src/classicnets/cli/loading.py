"""Bundles and other weights as commands take them."""

from typing import TYPE_CHECKING

from classicnets.cli.output import messages
from classicnets.errors import UsageError

if TYPE_CHECKING:
    from classicnets.weights.bundle import Bundle


def load(reference: str) -> "Bundle":
    """What a reference names, see `classicnets.load`, while standard error tells how much of it is here."""
    with messages().status("loading") as status:
        from classicnets.weights.loading import load_bundle

        return load_bundle(
            reference, progress=lambda received: status.update(f"fetching: {received / 1e6:,.0f} MB are here")
        )


def trained_on(bundle: "Bundle", reference: str) -> str:
    """The data that a bundle was trained on, for a command that was given none.

    Raises:
        UsageError: the bundle does not say.
    """
    data = bundle.training.get("data")
    if not isinstance(data, str):
        raise UsageError(f"{reference} does not say what it was trained on; give --data")
    return data
