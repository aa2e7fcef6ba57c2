"""`train`: from a recipe to a bundle."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from classicnets.cli.options import NO_VALUE, AsJson, DataDir
from classicnets.cli.output import EXIT_INTERRUPTED, as_json, console, messages, result, say
from classicnets.cli.processes import start_together
from classicnets.errors import UsageError, require

if TYPE_CHECKING:
    from rich.console import Console

    from classicnets.training.run import Run
    from classicnets.training.scale.strategy import StrategyName


class Strategy(StrEnum):
    """How processes share the network."""

    DDP = "ddp"
    FSDP = "fsdp"
    TOWERS = "towers"


class _Around(TypedDict):
    """What decides nothing of a run's result."""

    data_dir: Path | None
    console: "Console"
    strategy: "StrategyName"
    record: tuple[str, ...]


def train(
    network: Annotated[str | None, typer.Argument(metavar="NETWORK", help="A name from `classicnets list`.")] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="digits, mnist, fashion-mnist, cifar10, cifar100, folder:PATH, shards:PATTERN, imagenet:PATH.",
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(metavar="N", help="Passes through the training images.")] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="RECIPE",
            help="A name from `classicnets recipes` (resnet_cifar/paper; paper and modern alone are the network's"
            " own), or a YAML file; what a file leaves open, the package's own recipe says.",
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="A field of the recipe, such as seed=3; may be repeated."),
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="WEIGHTS",
            help="Begin with these: a bundle, torchvision:resnet18, keras:FILE. They say which network and how images"
            " are prepared.",
        ),
    ] = None,
    freeze_upto: Annotated[
        str | None, typer.Option(metavar="ROW", help="With --from: keep the rows up to this one as they are.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The run's folder; default: a new one under runs/.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", metavar=NO_VALUE, help="Go on with the run in --out where it stopped.")
    ] = False,
    restartable: Annotated[
        bool,
        typer.Option(
            "--restartable", metavar=NO_VALUE, help="Start the run in --out, or go on with it where it has begun."
        ),
    ] = False,
    processes: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Train on N processes of this machine together.")
    ] = None,
    strategy: Annotated[
        Strategy,
        typer.Option(
            help="How processes share the network: a copy each (ddp), a part each (fsdp),"
            " or a tower of AlexNet each (towers)."
        ),
    ] = Strategy.DDP,
    record: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Record more: tensorboard (event files in the run's folder), gradients (the norm in each row);"
            " may be repeated.",
        ),
    ] = None,
    recompute: Annotated[
        str | None,
        typer.Option(
            metavar="HOW",
            help="Hold less memory by running rows again: auto, a size (4GB), or the rows that segments end with"
            " (conv2_x,conv3_x); none.",
        ),
    ] = None,
    data_dir: DataDir = None,
    json: AsJson = False,
) -> None:
    """Train a network, test it, and leave a run folder with the bundle and a report.

    Example: classicnets train lenet5 --data digits --set optimizer.lr=0.002 --out runs/first
    """
    if resume and out is None:
        raise UsageError("--resume needs --out, the folder of the run to go on with")
    if restartable and (resume or out is None):
        raise UsageError("--restartable needs --out, the folder of the run, and stands in the place of --resume")
    if strategy is Strategy.TOWERS and (resume or restartable or record):
        raise UsageError("--strategy towers keeps no checkpoints: leave out --resume, --restartable and --record")
    if strategy is Strategy.TOWERS and processes not in (None, 2):
        raise UsageError(f"--strategy towers needs --processes 2, not {processes}")
    if processes is not None:
        start_together(processes)
    with messages().status("starting"):
        from classicnets.training.recipe.asked import Asked

        try:
            from classicnets.training.keeper import Interrupted
            from classicnets.training.run import resume as resume_run
            from classicnets.training.run import train as start_run
            from classicnets.training.scale.world import whole_world
        except ModuleNotFoundError as error:
            raise require("train", error) from error

    asked = Asked(
        network=network,
        data=data,
        recipe=recipe,
        epochs=epochs,
        recompute=recompute,
        weights=from_,
        freeze_upto=freeze_upto,
        assignments=tuple(set_ or ()),
    )
    around = _Around(
        data_dir=data_dir,
        console=messages(),
        strategy="fsdp" if strategy is Strategy.FSDP else "ddp",
        record=tuple(record or ()),
    )
    try:
        if resume and out is not None:
            run = resume_run(out, wanted=asked.wanted(), **around)
        elif strategy is Strategy.TOWERS:
            from classicnets.training.devices.run import train_in_towers

            run = train_in_towers(asked.fields(), out=out, data_dir=data_dir, console=messages())
        else:
            run = start_run(asked.fields(), out=out, restartable=restartable, **around)
    except Interrupted as interruption:
        if whole_world().leads:
            messages().print(str(interruption), highlight=False, soft_wrap=True, markup=False)
        raise typer.Exit(EXIT_INTERRUPTED) from interruption
    if not whole_world().leads:
        return
    if json:
        as_json(result(run.evaluation, bundle=run.bundle, report=run.report), indent=None)
    else:
        _print(run)


def _print(run: "Run") -> None:
    evaluation = run.evaluation
    low, high = evaluation.interval
    console().print(
        f"test error [bold]{evaluation.top1_error:.2f}%[/bold]  ({evaluation.top1_errors:,} of"
        f" {evaluation.images:,} images wrong; 95% interval {low:.2f}% to {high:.2f}%)",
        highlight=False,
        soft_wrap=True,
    )
    say(f"bundle  {run.bundle}")
    say(f"report  {run.report}")
