"""A network that begins with the weights of another, and which of its parts then learn how fast."""

from classicnets.errors import UsageError
from classicnets.networks import build
from classicnets.networks.chain import Chain
from classicnets.training.recipe.recipe import Recipe
from classicnets.training.recipe.transfer import Transfer
from classicnets.training.transfer.source import Source
from classicnets.weights.adapting import take_weights
from classicnets.weights.imagenet import class_folders, class_names
from classicnets.weights.loading import tell


def begin_from(source: Source, recipe: Recipe, classes: tuple[str, ...]) -> Chain:
    """The recipe's network with the weights of ``source``, its heads for ``classes``.

    Fresh heads take their numbers from torch's random generator.

    Args:
        source: weights of that network.
        recipe: with what the weights decide, see `classicnets.training.transfer.source.with_source`.
        classes: of the data.

    Raises:
        UsageError: the weights do not fit a network of these options, or the head cannot be kept.
    """
    assert recipe.transfer is not None, "there is a source because of it"
    given = source.bundle.network
    network = build(recipe.network, num_classes=given.num_classes, in_channels=recipe.in_channels, **recipe.options)
    remarks = take_weights(network, given, source=source.reference)
    network.float()  # whatever the weights are stored as, training adds small numbers to large ones
    if not _keeps_head(recipe.transfer, source, classes):
        network.replace_head(len(classes))
        heads = ", ".join((network.rows[-1], *(f"aux.{row}" for row in network.aux)))
        remarks += (f"weights of {source.reference}; fresh ones in {heads} for {len(classes)} classes",)
    tell(remarks)
    return network


def settle(network: Chain, transfer: Transfer) -> Chain:
    """Freeze what the recipe wants frozen.

    Raises:
        UsageError: there is no such row, or nothing would be left to learn.
    """
    if transfer.freeze_upto is not None:
        network.freeze(upto=transfer.freeze_upto)
        if not any(parameter.requires_grad for parameter in network.parameters()):
            raise UsageError(
                f"freeze_upto: with all rows up to {transfer.freeze_upto} frozen {network.name} has nothing left to"
                f" learn; name a row before {network.rows[-1]}"
            )
    return network.hold_statistics(transfer.batch_norm == "frozen")


def rates(network: Chain, transfer: Transfer | None) -> dict[str, float]:
    """For each parameter by its name, how many times the recipe's learning rate it takes; empty for once each.

    A head, auxiliary or not, takes ``head_rate``. The last row before it takes ``row_rate``, the one before that its
    square, and so on; rows without parameters do not count.
    """
    if transfer is None:
        return {}
    *body, head = network.rows
    learned = [row for row in body if any(True for _ in network.get_submodule(row).parameters())]
    of_row = {row: transfer.row_rate**steps for steps, row in enumerate(reversed(learned), start=1)}
    of_row |= {head: transfer.head_rate, "aux": transfer.head_rate}
    return {name: of_row[name.partition(".")[0]] for name, _ in network.named_parameters()}


def _keeps_head(transfer: Transfer, source: Source, classes: tuple[str, ...]) -> bool:
    known = source.bundle.classes
    if transfer.head == "keep" and len(known) != len(classes):
        raise UsageError(
            f"transfer.head: keep: {source.reference} tells {len(known)} classes apart, the data has {len(classes)};"
            " leave it out for a fresh head"
        )
    # ImageNet's folders are called by numbers, which stand for the names of the classes.
    same = known == classes or (known, classes) == (class_names(), class_folders())
    return transfer.head == "keep" or (transfer.head == "auto" and same)
