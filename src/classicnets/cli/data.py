"""`data`: which data sets there are, and having them here."""

from pathlib import Path
from typing import Annotated

import typer

from classicnets.cli.options import AsJson, DataDir, InputSize, read_input
from classicnets.cli.output import as_json, console, messages, progress_bar, say, table
from classicnets.errors import require

app = typer.Typer(no_args_is_help=True, help="List, fetch, check and pack data sets.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="A name from `classicnets data list`.")]


@app.command("list")
def list_(json: AsJson = False) -> None:
    """List the built-in data sets.

    Example: classicnets data list
    """
    from classicnets.data.descriptions import SETS

    if json:
        as_json(
            [
                {
                    "name": kind.name,
                    "title": kind.title,
                    "shape": kind.shape,
                    "classes": len(kind.classes),
                    "train": kind.train_count,
                    "test": kind.test_count,
                    "mean": kind.mean,
                    "std": kind.std,
                    "licence": kind.licence,
                    "source": kind.source,
                }
                for kind in SETS.values()
            ]
        )
        return
    numbers = ("train", "test", "classes")
    made = table("name", *numbers, "size", "what", numbers=numbers)
    for kind in SETS.values():
        counts = (f"{kind.train_count:,}", f"{kind.test_count:,}", str(len(kind.classes)))
        made.add_row(kind.name, *counts, "x".join(map(str, kind.shape)), kind.title)
    console().print(made)
    say("\nYour own images: folder:PATH, with a subfolder for each class; shards:PATTERN; imagenet:PATH.", style="dim")


@app.command()
def get(name: Name, data_dir: DataDir = None) -> None:
    """Fetch a data set from its home, and check it; a broken download goes on where it broke off.

    Example: classicnets data get mnist
    """
    from classicnets.data.download import get as get_set

    with progress_bar(name, unit="bytes") as bar:
        folder = get_set(name, data_dir=data_dir, progress=bar.reached)
    messages().print(f"{name} is in {folder}", highlight=False, markup=False, soft_wrap=True)


@app.command()
def check(name: Name, data_dir: DataDir = None) -> None:
    """Verify a fetched data set, file by file.

    Example: classicnets data check mnist
    """
    from classicnets.data.download import check as check_set

    checked = check_set(name, data_dir=data_dir)
    say(
        f"{name}: {len(checked.files)} files in {checked.folder} are as they should be,"
        f" {checked.train_count:,} + {checked.test_count:,} images"
    )


@app.command()
def show(
    data: Annotated[str, typer.Argument(metavar="DATA", help="A name from `classicnets data list`, or folder:PATH.")],
    html: Annotated[Path, typer.Option(metavar="FILE", help="The page to write.")],
    augment: Annotated[
        str,
        typer.Option(
            metavar="R",
            help='A recipe file, a recipe\'s name, or a list: "flip, pad: 4, lighting, colour: {hue: 0.1}".',
        ),
    ] = "",
    images: Annotated[int, typer.Option(metavar="N", min=1, max=200, help="Rows, an image each.")] = 8,
    versions: Annotated[int, typer.Option(metavar="N", min=1, max=50, help="Changed ones in a row.")] = 6,
    seed: Annotated[int, typer.Option(metavar="N", min=0, max=2**32 - 1, help="Of the run.")] = 0,
    input_size: InputSize = None,
    data_dir: DataDir = None,
) -> None:
    """Show training images beside what an augmentation makes of them, on a page of its own.

    Example: classicnets data show digits --augment "affine, elastic: {alpha: 8}" --html sheet.html
    """
    with messages().status("starting"):
        from classicnets.data.sets import open_data
        from classicnets.training.recipe.augmentations import read_augmentation

        try:
            from classicnets.data.sheet import Sheet, default_input, write_sheet
        except ModuleNotFoundError as error:
            raise require("train", error) from error
    given = read_augmentation(augment)
    size = read_input(input_size)
    images_of = open_data(data, data_dir=data_dir, seed=seed)
    own = given.preprocessing if size is None else None
    sheet = Sheet(
        data=images_of,
        preprocessing=own or default_input(images_of, size),
        augmentation=given.augmentation,
        description=given.text,
        images=images,
        versions=versions,
        seed=seed,
    )
    write_sheet(html, sheet)
    say(f"sheet  {html}")


@app.command()
def shard(
    data: Annotated[
        str,
        typer.Argument(metavar="DATA", help="A name from `classicnets data list`, folder:PATH or imagenet:PATH."),
    ],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the shards go: a new or an empty folder.")],
    images_per_shard: Annotated[
        int, typer.Option(metavar="N", min=1, help="Images in each tar archive but the last.")
    ] = 1000,
    seed: Annotated[int, typer.Option(metavar="N", min=0, max=2**32 - 1, help="Of the mixing and the split.")] = 0,
    data_dir: DataDir = None,
    json: AsJson = False,
) -> None:
    """Write a data set as tar archives (webdataset's layout), to be read as shards:FOLDER from a disk or a server.

    Example: classicnets data shard digits --out digits-shards --images-per-shard 500
    """
    from classicnets.data.sets import open_data
    from classicnets.data.shard_writer import write_shards

    opened = open_data(data, data_dir=data_dir, seed=seed)
    with progress_bar(data) as bar:
        written = write_shards(
            opened, out, images_per_shard=images_per_shard, seed=seed, begin=bar.begin, progress=bar.add
        )
    if json:
        as_json({"out": str(out), "classes": len(opened.classes), "parts": written})
        return
    for part, found in written.items():
        shards = f"{len(found.shards):,} shard{'s' if len(found.shards) != 1 else ''}"
        say(f"{part:<5}  {found.images:,} images in {shards}, {found.bytes / 1e6:,.1f} MB")
    say(f"use    shards:{out}")
