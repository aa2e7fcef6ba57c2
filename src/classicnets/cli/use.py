"""`evaluate` and `predict`: what a bundle is good for."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from classicnets.cli.networks import AsJson
from classicnets.cli.output import as_json, console, messages, progress_bar
from classicnets.cli.train import DataDir
from classicnets.errors import UsageError

if TYPE_CHECKING:
    from classicnets.evaluation.counting import Evaluation
    from classicnets.evaluation.predict import Prediction

BundleFolder = Annotated[Path, typer.Argument(help="A bundle: the folder that train wrote.")]


def evaluate(
    bundle: BundleFolder,
    data: Annotated[str | None, typer.Option(help="Default: the data that the bundle was trained on.")] = None,
    per_class: Annotated[bool, typer.Option("--per-class", help="Show every class.")] = False,
    data_dir: DataDir = None,
    json: AsJson = False,
) -> None:
    """Count a bundle's errors on the test images of a data set.

    Example: classicnets evaluate runs/first/bundle --data digits --per-class
    """
    with messages().status("loading"):
        from classicnets.evaluation.evaluate import evaluate as evaluate_bundle
        from classicnets.weights.bundle import load

        loaded = load(bundle)
    data = data or loaded.training.get("data")
    if data is None:
        raise UsageError(f"{bundle} does not say what it was trained on; give --data")
    with progress_bar("testing") as bar:
        evaluation = evaluate_bundle(
            loaded,
            data,
            data_dir=data_dir,
            seed=int(loaded.training.get("seed", 0)),
            begin=bar.begin,
            progress=bar.add,
        )
    if json:
        report = bundle.parent / "report.html"
        as_json(
            {
                "bundle": str(bundle),
                "report": str(report) if report.is_file() else None,
                "data": data,
                "images": evaluation.images,
                "top1_errors": evaluation.top1_errors,
                "top5_errors": evaluation.top5_errors,
                "top1_error": evaluation.top1_error,
                "top5_error": evaluation.top5_error,
                "interval": list(evaluation.interval),
                "per_class": evaluation.per_class(),
            },
            indent=None,
        )
        return
    _print(evaluation, data, per_class=per_class)


def predict(
    bundle: BundleFolder,
    images: Annotated[list[str], typer.Argument(help="Image files, folders of them, or - for standard input.")],
    top: Annotated[int, typer.Option(min=1, help="How many classes to show.")] = 5,
    json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each image.")] = False,
) -> None:
    """Say what is on images.

    Example: classicnets predict runs/first/bundle photo.jpg more-photos/ --top 3
    """
    from classicnets.evaluation.predict import find_images
    from classicnets.evaluation.predict import predict as predict_images
    from classicnets.weights.bundle import load

    loaded = load(bundle)
    found = find_images(images)
    unreadable = 0
    with progress_bar("looking") as bar:
        bar.begin(len(found))
        for prediction in predict_images(loaded, found, top=top):
            unreadable += prediction.error is not None
            _print_prediction(prediction, as_line=json)
            bar.add(1)
    if unreadable:
        raise UsageError(f"{unreadable} of {len(found)} images could not be read")


def _print(evaluation: "Evaluation", data: str, *, per_class: bool) -> None:
    from rich.table import Table

    low, high = evaluation.interval
    table = Table("", "error", "wrong", "images", "95% interval", box=None, header_style="bold", title=data)
    for column in table.columns[1:]:
        column.justify = "right"
    images = f"{evaluation.images:,}"
    table.add_row(
        "top-1", f"{evaluation.top1_error:.2f}%", f"{evaluation.top1_errors:,}", images, f"{low:.2f} - {high:.2f}%"
    )
    table.add_row("top-5", f"{evaluation.top5_error:.2f}%", f"{evaluation.top5_errors:,}", images, "")
    if per_class:
        table.add_section()
        for row in evaluation.per_class():
            low, high = row["interval"]
            table.add_row(
                row["class"],
                f"{row['top1_error']:.2f}%",
                f"{row['errors']:,}",
                f"{row['images']:,}",
                f"{low:.2f} - {high:.2f}%",
            )
    console().print(table)


def _print_prediction(prediction: "Prediction", *, as_line: bool) -> None:
    if as_line:
        content: dict[str, object] = {"path": prediction.path}
        if prediction.error is not None:
            content["error"] = prediction.error
        else:
            content["predictions"] = [
                {"class": guess.name, "index": guess.index, "probability": guess.probability}
                for guess in prediction.guesses
            ]
        as_json(content, indent=None)
    elif prediction.error is not None:
        print(prediction.error, file=sys.stderr)
    else:
        guesses = "  ".join(f"{guess.name} {100 * guess.probability:.1f}%" for guess in prediction.guesses)
        console().print(f"[bold]{prediction.path}[/bold]  {guesses}", highlight=False, soft_wrap=True)
