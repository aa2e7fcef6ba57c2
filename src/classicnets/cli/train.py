"""`train`: from a recipe to a bundle."""

from pathlib import Path
from typing import Annotated, Any

import typer

from classicnets.cli.networks import AsJson
from classicnets.cli.output import EXIT_INTERRUPTED, as_json, console, messages
from classicnets.errors import UsageError

DataDir = Annotated[Path | None, typer.Option(help="Where data sets lie; default: the user's cache folder.")]


def train(
    network: Annotated[str | None, typer.Argument(help="A name from `classicnets list`.")] = None,
    data: Annotated[
        str | None, typer.Option(help="digits, mnist, fashion-mnist, cifar10, cifar100 or folder:PATH.")
    ] = None,
    recipe: Annotated[Path | None, typer.Option(help="A recipe file; its fields go before the package's own.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes through the training images.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="A field of the recipe; may be repeated.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder; default: a new one under runs/.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    data_dir: DataDir = None,
    json: AsJson = False,
) -> None:
    """Train a network, test it, and leave a run folder with the bundle and a report.

    Example: classicnets train lenet5 --data digits --set optimizer.lr=0.002 --out runs/first
    """
    from classicnets.training.recipe import default_recipe, merge, override, read_fields

    wanted: dict[str, Any] = read_fields(recipe) if recipe else {}
    wanted |= {
        name: value for name, value in (("network", network), ("data", data), ("epochs", epochs)) if value is not None
    }
    for assignment in set_ or []:
        override(wanted, assignment)
    fields = wanted
    if not resume:
        if "network" not in wanted or "data" not in wanted:
            missing = "a network" if "network" not in wanted else "--data"
            raise UsageError(f"train needs {missing}, for example: classicnets train lenet5 --data digits")
        fields = merge(default_recipe(str(wanted["network"]), str(wanted["data"])), wanted)

    with messages().status("starting"):
        from classicnets.training.keeper import Interrupted
        from classicnets.training.run import train as run_recipe
    try:
        run = run_recipe(fields, wanted=wanted, out=out, resume=resume, data_dir=data_dir, console=messages())
    except Interrupted as interruption:
        messages().print(str(interruption), highlight=False, soft_wrap=True)
        raise typer.Exit(EXIT_INTERRUPTED) from interruption
    evaluation = run.evaluation
    if json:
        as_json(
            {
                "bundle": str(run.bundle),
                "report": str(run.report),
                "images": evaluation.images,
                "top1_error": evaluation.top1_error,
                "top5_error": evaluation.top5_error,
                "interval": list(evaluation.interval),
            },
            indent=None,
        )
        return
    low, high = evaluation.interval
    console().print(
        f"test error [bold]{evaluation.top1_error:.2f}%[/bold] ({evaluation.top1_errors} of {evaluation.images:,} images,"
        f" 95% interval {low:.2f}% to {high:.2f}%)\nbundle {run.bundle}\nreport {run.report}",
        highlight=False,
        soft_wrap=True,
    )
