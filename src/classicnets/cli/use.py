"""`evaluate` and `predict`: what a bundle is good for."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from classicnets.cli.options import NO_VALUE, AsJson, DataDir, Weights
from classicnets.cli.output import as_json, console, messages, progress_bar, result, say, table
from classicnets.errors import UsageError

if TYPE_CHECKING:
    from classicnets.evaluation.counting import Evaluation
    from classicnets.evaluation.predict import Prediction
    from classicnets.weights.bundle import Bundle


def evaluate(
    bundle: Weights,
    data: Annotated[
        str | None, typer.Option(metavar="DATA", help="Default: the data that the bundle was trained on.")
    ] = None,
    per_class: Annotated[bool, typer.Option("--per-class", metavar=NO_VALUE, help="Show every class.")] = False,
    data_dir: DataDir = None,
    json: AsJson = False,
) -> None:
    """Count a bundle's errors on the test images of a data set.

    Example: classicnets evaluate runs/first/bundle --data digits --per-class
    """
    with messages().status("loading"):
        from classicnets.evaluation.evaluate import evaluate as evaluate_bundle

    loaded = _load(bundle)
    data = data or _trained_on(loaded, bundle)
    with progress_bar("testing") as bar:
        evaluation = evaluate_bundle(
            loaded, data, data_dir=data_dir, seed=_seed(loaded), begin=bar.begin, progress=bar.add
        )
    if json:
        report = Path(bundle).parent / "report.html"
        from_run = Path(bundle).is_dir() and report.is_file()
        content = result(evaluation, bundle=bundle, report=report if from_run else None) | {
            "data": data,
            "top1_errors": evaluation.top1_errors,
            "top5_errors": evaluation.top5_errors,
            "per_class": evaluation.per_class(),
        }
        as_json(content, indent=None)
    else:
        say(f"{bundle} on {data}: {evaluation.images:,} test images\n")
        _print(evaluation, per_class=per_class)


def predict(
    bundle: Weights,
    images: Annotated[
        list[str], typer.Argument(metavar="IMAGE", help="Image files, folders of them, or - for standard input.")
    ],
    top: Annotated[int, typer.Option(metavar="N", min=1, help="How many classes to show.")] = 5,
    json: Annotated[
        bool, typer.Option("--json", metavar=NO_VALUE, help="Print a line of JSON for each image.")
    ] = False,
) -> None:
    """Say what is on images: the likeliest classes, each with its probability.

    An image that cannot be read does not stop the others.

    Example: classicnets predict runs/first/bundle photo.jpg more-photos/ --top 3
    """
    with messages().status("loading"):
        from classicnets.evaluation.predict import find_images
        from classicnets.evaluation.predict import predict as predict_images

    loaded = _load(bundle)
    found = find_images(images)
    width = max(len(path) for path in found)
    unreadable = 0
    # On a terminal the lines themselves show how far it has come, and a bar would run into them.
    with progress_bar("looking", wanted=not sys.stdout.isatty()) as bar:
        bar.begin(len(found))
        for prediction in predict_images(loaded, found, top=top):
            unreadable += prediction.error is not None
            if json:
                as_json(_as_line(prediction), indent=None)
            else:
                _print_prediction(prediction, width)
            bar.add(1)
    if unreadable:
        raise UsageError(f"{unreadable} of {len(found)} images could not be read")


def _load(reference: str) -> "Bundle":
    with messages().status("loading") as status:
        from classicnets.weights.loading import load_bundle

        return load_bundle(
            reference, progress=lambda received: status.update(f"fetching: {received / 1e6:,.0f} MB are here")
        )


def _trained_on(bundle: "Bundle", reference: str) -> str:
    data = bundle.training.get("data")
    if not isinstance(data, str):
        raise UsageError(f"{reference} does not say what it was trained on; give --data")
    return data


def _seed(bundle: "Bundle") -> int:
    """The seed that held images of a folder out when the bundle was trained."""
    seed = bundle.training.get("seed", 0)
    if not isinstance(seed, int):
        raise UsageError(f"the bundle says that it was trained with seed {seed!r}, which is no whole number")
    return seed


def _print(evaluation: "Evaluation", *, per_class: bool) -> None:
    heads = ("error", "95% interval", "wrong", "images")
    low, high = evaluation.interval
    images = f"{evaluation.images:,}"
    made = table("", *heads, numbers=heads)
    made.add_row(
        "top-1", f"{evaluation.top1_error:.2f}%", f"{low:.2f} - {high:.2f}%", f"{evaluation.top1_errors:,}", images
    )
    made.add_row("top-5", f"{evaluation.top5_error:.2f}%", "", f"{evaluation.top5_errors:,}", images)
    console().print(made)
    if not per_class:
        return
    from rich.markup import escape

    made = table("class", *heads, numbers=heads)
    for row in evaluation.per_class():
        low, high = row["interval"]
        made.add_row(
            escape(row["class"]),
            f"{row['top1_error']:.2f}%",
            f"{low:.2f} - {high:.2f}%",
            f"{row['errors']:,}",
            f"{row['images']:,}",
        )
    say("")
    console().print(made)


def _as_line(prediction: "Prediction") -> dict[str, object]:
    if prediction.error is not None:
        return {"path": prediction.path, "error": prediction.error}
    guesses = [
        {"class": guess.name, "index": guess.index, "probability": guess.probability} for guess in prediction.guesses
    ]
    return {"path": prediction.path, "predictions": guesses}


def _print_prediction(prediction: "Prediction", width: int) -> None:
    if prediction.error is not None:
        print(f"error: {prediction.error}", file=sys.stderr)
        return
    guesses = "  ".join(f"{guess.name} {100 * guess.probability:5.1f}%" for guess in prediction.guesses)
    console().print(
        f"{prediction.path:<{width}}  {guesses}", highlight=False, markup=False, soft_wrap=True, emoji=False
    )
