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


def seed_of(bundle: "Bundle") -> int:
    """The seed that held images of a folder out when the bundle was trained.

    Raises:
        UsageError: the bundle's summary says something that is none.
    """
    seed = bundle.training.get("seed", 0)
    if not isinstance(seed, int):
        raise UsageError(f"the bundle says that it was trained with seed {seed!r}, which is no whole number")
    return seed
