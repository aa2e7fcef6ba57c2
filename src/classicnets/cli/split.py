"""`split`: what a network over several devices costs."""

from typing import TYPE_CHECKING, Annotated

import typer

from classicnets.cli.options import NO_VALUE, AsJson, NetworkOptions
from classicnets.cli.output import as_json, assignments, console, messages, say
from classicnets.errors import UsageError

if TYPE_CHECKING:
    from classicnets.training.devices.cuts import Balance
    from classicnets.training.devices.figures import TwoDevices
    from classicnets.training.devices.stages import Staged


def split(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help="A name from `classicnets list`.")],
    towers: Annotated[
        bool, typer.Option("--towers", metavar=NO_VALUE, help="AlexNet on two devices, as it was trained in 2012.")
    ] = False,
    stages: Annotated[int, typer.Option(metavar="N", min=1, help="Devices of a pipeline.")] = 2,
    cut: Annotated[
        list[str] | None,
        typer.Option(metavar="ROW", help="End a stage with this row; may be repeated. Without it the best rows."),
    ] = None,
    balance: Annotated[
        str, typer.Option(metavar="WHAT", help="What the stages shall have alike: macs, or memory in training.")
    ] = "macs",
    batch: Annotated[int, typer.Option(metavar="N", min=1, help="Images a step.")] = 128,
    micro_batches: Annotated[int, typer.Option(metavar="N", min=1, help="Parts of a batch in a pipeline.")] = 8,
    set_: NetworkOptions = None,
    json: AsJson = False,
) -> None:
    """What crosses between devices in a training step, and what each of them holds and computes.

    Example: classicnets split alexnet --towers --batch 128
    """
    if towers and cut:
        raise UsageError("--towers is one way to split a network, --cut another; give one of them")
    with messages().status("tracing"):
        from classicnets.networks import build

        figures: TwoDevices | Staged
        found = build(network, **assignments(set_ or []))
        if towers:
            from classicnets.training.devices.figures import two_devices

            figures = two_devices(found, batch=batch)
        else:
            from classicnets.training.devices.stages import staged

            wanted: Balance = balance  # type: ignore[assignment]  # checked where it is used
            figures = staged(found, stages, cuts=cut, balance=wanted, batch=batch, microbatches=micro_batches)
    if json:
        as_json(figures.to_dict())
        return
    console().print(figures)
    say("")
    for line in figures.remarks():
        say(line)
