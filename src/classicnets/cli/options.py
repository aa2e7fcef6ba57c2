"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

NO_VALUE = ""
"""The metavar of an option that is only there or not."""

AsJson = Annotated[bool, typer.Option("--json", metavar=NO_VALUE, help="Print JSON on standard output.")]
Weights = Annotated[
    str,
    typer.Argument(
        metavar="BUNDLE",
        help="The bundle folder of a run, or other weights: torchvision:resnet50, keras:FILE, FILE.pth.",
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Where data sets lie; else $CLASSICNETS_DATA, else the user's cache folder."),
]
NetworkName = Annotated[str, typer.Argument(metavar="NETWORK", help="A name from `classicnets list`.")]
