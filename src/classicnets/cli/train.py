"""`train`: from a recipe to a bundle."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from classicnets.cli.options import NO_VALUE, AsJson, DataDir
from classicnets.cli.output import EXIT_INTERRUPTED, as_json, console, messages, result, say
from classicnets.errors import UsageError, require

if TYPE_CHECKING:
    from classicnets.training.run import Run


def train(
    network: Annotated[str | None, typer.Argument(metavar="NETWORK", help="A name from `classicnets list`.")] = None,
    data: Annotated[
        str | None, typer.Option(metavar="DATA", help="digits, mnist, fashion-mnist, cifar10, cifar100, folder:PATH.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(metavar="N", help="Passes through the training images.")] = None,
    recipe: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A recipe in YAML; what it leaves open, the package's own recipe says."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="A field of the recipe, such as seed=3; may be repeated."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The run's folder; default: a new one under runs/.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", metavar=NO_VALUE, help="Go on with the run in --out where it stopped.")
    ] = False,
    data_dir: DataDir = None,
    json: AsJson = False,
) -> None:
    """Train a network, test it, and leave a run folder with the bundle and a report.

    Example: classicnets train lenet5 --data digits --set optimizer.lr=0.002 --out runs/first
    """
    if resume and out is None:
        raise UsageError("--resume needs --out, the folder of the run to go on with")
    with messages().status("starting"):
        from classicnets.training.recipe import default_recipe, merge, override, read_fields

        try:
            from classicnets.training.keeper import Interrupted
            from classicnets.training.run import resume as resume_run
            from classicnets.training.run import train as start_run
        except ModuleNotFoundError as error:
            raise require("train", error) from error

    wanted: dict[str, Any] = read_fields(recipe) if recipe else {}
    given = {"network": network, "data": data, "epochs": epochs}
    wanted |= {field: value for field, value in given.items() if value is not None}
    for assignment in set_ or []:
        override(wanted, assignment)
    if not resume and (wanted.get("network") is None or wanted.get("data") is None):
        missing = "a network" if wanted.get("network") is None else "--data"
        raise UsageError(f"train needs {missing}, for example: classicnets train lenet5 --data digits")
    try:
        if resume and out is not None:
            run = resume_run(out, wanted=wanted, data_dir=data_dir, console=messages())
        else:
            fields = merge(default_recipe(str(wanted["network"]), str(wanted["data"])), wanted)
            run = start_run(fields, out=out, data_dir=data_dir, console=messages())
    except Interrupted as interruption:
        messages().print(str(interruption), highlight=False, soft_wrap=True, markup=False)
        raise typer.Exit(EXIT_INTERRUPTED) from interruption
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
