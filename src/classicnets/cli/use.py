"""`evaluate` and `predict`: what a bundle is good for."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from classicnets.cli.loading import load, trained_on
from classicnets.cli.options import NO_VALUE, AsJson, DataDir, Weights
from classicnets.cli.output import as_json, console, messages, progress_bar, result, say
from classicnets.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from classicnets.evaluation.predict import Prediction
    from classicnets.evaluation.protocols.protocol import Protocol
    from classicnets.evaluation.protocols.testing import Member, Tested


def evaluate(
    bundle: Weights,
    data: Annotated[
        str | None, typer.Option(metavar="DATA", help="Default: the data that the bundle was trained on.")
    ] = None,
    protocol: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PROTOCOL",
            help="How to look at an image: center (the default), ten-crop, crops-144, vgg-dense, vgg-multicrop,"
            " vgg-both, resnet-dense, multi-scale:256,384 (sizes in pixels; then perhaps :crops=grid, :mirror=no,"
            " :average=scores), or all that have a name. May be repeated: the protocols are compared in a table.",
        ),
    ] = None,
    ensemble: Annotated[
        list[str] | None,
        typer.Option(
            metavar="BUNDLE",
            help="Another bundle, whose probabilities are averaged with those of the first; may be repeated.",
        ),
    ] = None,
    reestimate_batch_norm: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=2,
            help="First measure the means and variances of batch normalisation on N of the images to learn from; the"
            " bundle stays as it is.",
        ),
    ] = None,
    per_class: Annotated[bool, typer.Option("--per-class", metavar=NO_VALUE, help="Show every class.")] = False,
    data_dir: DataDir = None,
    json: AsJson = False,
) -> None:
    """Count the errors of a bundle, or of several as one, on the test images of a data set.

    Example: classicnets evaluate runs/first/bundle --data digits --protocol center --protocol ten-crop
    """
    with messages().status("loading"):
        from classicnets.evaluation.batch_norm import reestimated
        from classicnets.evaluation.evaluate import open_to_test
        from classicnets.evaluation.protocols.named import read_protocols
        from classicnets.evaluation.protocols.testing import Member, run

    given = protocol or ["center"]
    protocols = read_protocols(given)
    others = ensemble or []
    bundles = [load(reference) for reference in (bundle, *others)]
    data = data or trained_on(bundles[0], bundle)
    opened = open_to_test(bundles, data, data_dir=data_dir)
    if reestimate_batch_norm is not None:
        with messages().status("measuring batch normalisation"):
            bundles = [reestimated(one, opened, reestimate_batch_norm) for one in bundles]
    members = [Member(one) for one in bundles]
    possible = _possible(protocols, members, given)
    with progress_bar("testing") as bar:
        bar.begin(len(opened.test) * len(members) * len(possible))
        tested = [run(members, opened.test, one, progress=bar.add) for one in possible]
    if json:
        told = [_as_result(one, bundle=bundle, others=others, data=data) for one in tested]
        as_json(told if len(protocols) > 1 else told[0], indent=None)
    else:
        _print(tested, of=" and ".join((bundle, *others)), data=data, per_class=per_class)


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

    loaded = load(bundle)
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


def _possible(protocols: "Iterable[Protocol]", members: "Iterable[Member]", given: list[str]) -> "list[Protocol]":
    """The protocols that the networks can be tested by. One that cannot be is a mistake, unless `all` brought it."""
    possible = []
    for protocol in protocols:
        try:
            for member in members:
                member.check(protocol)
        except UsageError as error:
            if protocol.name in given:
                raise
            print(f"{protocol.name} is left out: {error}", file=sys.stderr)
        else:
            possible.append(protocol)
    return possible


def _as_result(tested: "Tested", *, bundle: str, others: list[str], data: str) -> dict[str, object]:
    report = Path(bundle).parent / "report.html"
    from_run = Path(bundle).is_dir() and report.is_file()
    evaluation = tested.evaluation
    return result(evaluation, bundle=bundle, report=report if from_run else None) | {
        "ensemble": others,
        "data": data,
        "protocol": tested.protocol,
        "views": tested.views,
        "macs": tested.macs,
        "images_per_second": tested.images_per_second,
        "top1_errors": evaluation.top1_errors,
        "top5_errors": evaluation.top5_errors,
        "per_class": evaluation.per_class(),
    }


def _print(tested: "list[Tested]", *, of: str, data: str, per_class: bool) -> None:
    from classicnets.cli.evaluations import class_table, error_table, protocol_table

    alone = tested[0] if len(tested) == 1 else None
    by = f" by {alone.protocol}, {alone.views} views an image" if alone and alone.protocol != "center" else ""
    say(f"{of} on {data}: {tested[0].evaluation.images:,} test images{by}\n")
    console().print(error_table(alone.evaluation) if alone else protocol_table(tested))
    for one in tested if per_class else ():
        say("" if alone else f"\n{one.protocol}")
        console().print(class_table(one.evaluation))


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
