"""`features` and `probe`: what leaves the rows of a network, and what it is worth."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from classicnets.cli.loading import load, trained_on
from classicnets.cli.options import NO_VALUE, AsJson, DataDir, HtmlFile, Weights
from classicnets.cli.output import as_json, console, messages, progress_bar, say, table
from classicnets.errors import UsageError, check_choice
from classicnets.files import write_text

if TYPE_CHECKING:
    from classicnets.data.images import DataSet
    from classicnets.evaluation.features.dense import Combine
    from classicnets.evaluation.features.probe import Probe
    from classicnets.weights.bundle import Bundle

Data = Annotated[str | None, typer.Option(metavar="DATA", help="A data set, as `train` takes it.")]
At = Annotated[
    list[str] | None,
    typer.Option("--at", metavar="ROW", help="A row such as fc7 or conv4_x, or all; may be repeated."),
]
Batch = Annotated[int, typer.Option("--batch", metavar="N", min=1, help="Images at a time.")]
UnitLength = Annotated[
    bool, typer.Option("--unit-length", metavar=NO_VALUE, help="Divide the features of an image by their length.")
]
Scales = Annotated[
    list[int] | None,
    typer.Option(
        "--scale",
        metavar="Q",
        min=1,
        help="Whole images, the shorter side Q pixels, averaged over all places and with their mirror images, as VGG's"
        " paper does; may be repeated.",
    ),
]
CombineScales = Annotated[
    str, typer.Option("--combine", metavar="HOW", help="What several --scale become: average or stack.")
]


def features(
    bundle: Weights,
    images: Annotated[
        list[str] | None, typer.Argument(metavar="[IMAGE]", help="Image files, or folders of them.")
    ] = None,
    at: At = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where they go: FILE.safetensors or FILE.npz.")
    ] = None,
    data: Data = None,
    part: Annotated[str, typer.Option(metavar="PART", help="Of the data: train, test or both.")] = "both",
    pool: Annotated[
        str, typer.Option(metavar="HOW", help="What becomes of the places of a map: none, average or max.")
    ] = "none",
    unit_length: UnitLength = False,
    scale: Scales = None,
    combine: CombineScales = "average",
    batch: Batch = 64,
    data_dir: DataDir = None,
    json: AsJson = False,
) -> None:
    """Write what leaves rows of a network, for images or a data set, with labels and paths.

    Example: classicnets features runs/first/bundle --data digits --at F6 --at S4 --out digits.safetensors
    """
    if out is None:
        raise UsageError("features needs --out FILE.safetensors or FILE.npz")
    with messages().status("starting"):
        from classicnets.evaluation.features.extracting import Dense, Part, pictures_at, pictures_of, write_features
        from classicnets.evaluation.features.files import check_file
        from classicnets.evaluation.features.rows import Wanted
        from classicnets.evaluation.predict import find_images
    check_file(out)
    check_choice("--part", part, get_args(Part))
    wanted = Wanted(at=tuple(at or ()), pool=pool, unit_length=unit_length)  # type: ignore[arg-type]  # checks itself
    if bool(images) == (data is not None):
        raise UsageError("features needs either images or --data")
    loaded = load(bundle)
    rows = wanted.rows(loaded)
    if data is None:
        pictures = pictures_at(_no_standard_input(find_images(images or ())))
    else:
        pictures = pictures_of(_open(data, loaded, data_dir), part)  # type: ignore[arg-type]  # checked above
    dense = Dense(tuple(scale), _combine(combine)) if scale else None
    with progress_bar("looking") as bar:
        bar.begin(pictures.total)
        written = write_features(out, loaded, pictures, wanted, dense=dense, batch_size=batch, progress=bar.add)
    if json:
        as_json({"out": str(out), "images": pictures.total, "rows": {row: written[row][1:] for row in rows}})
        return
    for row in rows:
        say(f"{row}  {' x '.join(map(str, written[row][1:]))}")
    say(f"{pictures.total:,} images  {out}")


def probe(
    bundle: Weights,
    data: Annotated[
        str | None, typer.Option(metavar="DATA", help="Default: the data that the bundle was trained on.")
    ] = None,
    at: Annotated[
        list[str] | None,
        typer.Option(metavar="ROW", help="A row, or all; may be repeated. Default: the one before the head."),
    ] = None,
    classifier: Annotated[
        str, typer.Option(metavar="NAME", help="logistic (regression), svm (linear), or both.")
    ] = "logistic",
    pool: Annotated[
        str, typer.Option(metavar="HOW", help="What becomes of the places of a map: average, max or none.")
    ] = "average",
    learn_from: Annotated[
        int | None, typer.Option(metavar="N", min=2, help="Learn from that many images, chosen at random.")
    ] = None,
    unit_length: UnitLength = False,
    scale: Scales = None,
    combine: CombineScales = "average",
    batch: Batch = 64,
    seed: Annotated[int, typer.Option(metavar="N", min=0, max=2**32 - 1, help="Of the folds.")] = 0,
    data_dir: DataDir = None,
    html: HtmlFile = None,
    json: AsJson = False,
) -> None:
    """Learn a linear classifier on what leaves rows of a network, and count its errors on the test images.

    The network stays as it is. The classifier's one setting is chosen by cross-validation on the training images.

    Example: classicnets probe runs/first/bundle --data digits --at S4 --at F6
    """
    with messages().status("starting"):
        from classicnets.evaluation.features.extracting import Dense, features_of, pictures_of
        from classicnets.evaluation.features.probe import Classifier, guessing_errors
        from classicnets.evaluation.features.probe import probe as probe_rows
        from classicnets.evaluation.features.rows import Wanted
    classifiers = get_args(Classifier)
    check_choice("--classifier", classifier, (*classifiers, "both"))
    loaded = load(bundle)
    named = tuple(at or (loaded.network.rows[-2],))
    wanted = Wanted(at=named, pool=pool, unit_length=unit_length)  # type: ignore[arg-type]  # checks itself
    wanted.rows(loaded)
    data = data or trained_on(loaded, bundle)
    opened = _open(data, loaded, data_dir)
    if learn_from is not None:
        from classicnets.data.statistics import some

        opened = replace(opened, train=some(opened.train, learn_from))
    pictures = pictures_of(opened)
    dense = Dense(tuple(scale), _combine(combine)) if scale else None
    with progress_bar("looking") as bar:
        bar.begin(pictures.total)
        found = features_of(loaded, pictures, wanted, dense=dense, batch_size=batch, progress=bar.add)
    with progress_bar("learning", unit="probes") as bar:
        probes = probe_rows(
            found,
            classifiers=classifiers if classifier == "both" else (classifier,),
            standardise=not unit_length,
            seed=seed,
            begin=bar.begin,
            progress=bar.add,
        )
    wrong, images = guessing_errors(found)
    guessing = 100 * wrong / images
    if html:
        from classicnets.evaluation.features.page import probes_page

        page = probes_page(probes, network=loaded.network.name, bundle=bundle, data=data, guessing=guessing)
        write_text(html, page)
        messages().print(f"page  {html}", markup=False, highlight=False, soft_wrap=True)
    if json:
        as_json(_as_json(probes, bundle=bundle, data=data, guessing=guessing))
    else:
        _print(probes, bundle=bundle, data=data, guessing=guessing)


def _open(data: str, bundle: "Bundle", data_dir: Path | None) -> "DataSet":
    from classicnets.data.sets import open_data
    from classicnets.evaluation.evaluate import seed_of

    return open_data(data, data_dir=data_dir, seed=seed_of(bundle))


def _combine(given: str) -> "Combine":
    from classicnets.evaluation.features.dense import Combine

    check_choice("--combine", given, get_args(Combine))
    return given  # type: ignore[return-value]  # checked


def _no_standard_input(found: list[str]) -> list[str]:
    if "-" in found:
        raise UsageError("features takes files and folders, and no image from standard input")
    return found


def _as_json(probes: Sequence["Probe"], *, bundle: str, data: str, guessing: float) -> dict[str, object]:
    first = probes[0]
    return {
        "bundle": bundle,
        "data": data,
        "train_images": first.train_images,
        "images": first.images,
        "guessing_error": guessing,
        "probes": [
            {
                "row": probe.row,
                "features": probe.features,
                "classifier": probe.classifier,
                "c": probe.c,
                "cv_error": probe.cv_error,
                "train_error": 100 * probe.train_errors / probe.train_images,
                "error": probe.error,
                "errors": probe.errors,
                "interval": list(probe.interval),
            }
            for probe in probes
        ],
    }


def _print(probes: Sequence["Probe"], *, bundle: str, data: str, guessing: float) -> None:
    from classicnets.evaluation.features.page import NAMES

    first = probes[0]
    say(
        f"{bundle} on {data}: {first.train_images:,} images to learn from, {first.images:,} to test on;"
        f" guessing {guessing:.2f}% wrong\n"
    )
    numbers = ("features", "C", "error", "95% interval", "training error")
    made = table("row", "classifier", *numbers, numbers=numbers)
    for probe in probes:
        low, high = probe.interval
        made.add_row(
            probe.row,
            NAMES[probe.classifier],
            f"{probe.features:,}",
            f"{probe.c:g}",
            f"{probe.error:.2f}%",
            f"{low:.2f} - {high:.2f}%",
            f"{100 * probe.train_errors / probe.train_images:.2f}%",
        )
    console().print(made)
