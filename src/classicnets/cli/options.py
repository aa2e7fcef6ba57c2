"""Arguments and options that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from classicnets.errors import UsageError

NO_VALUE = ""
"""The metavar of an option that is only there or not."""


class Also(StrEnum):
    """Tables that `show` has on request."""

    SHORTCUTS = "shortcuts"
    COUNTERS = "counters"
    ROOFLINE = "roofline"
    COST_LAW = "cost-law"


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
NetworkOptions = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="OPTION=VALUE", help="An option of the network; may be repeated."),
]
HtmlFile = Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page with plots to this file.")]
AsMarkdown = Annotated[bool, typer.Option("--markdown", metavar=NO_VALUE, help="Print the table as Markdown.")]
InputSize = Annotated[
    str | None, typer.Option("--input", metavar="CxHxW", help="Images of another size: 3x256x256, 256x256 or 256.")
]
NetworkName = Annotated[str, typer.Argument(metavar="NETWORK", help="A name from `classicnets list`.")]


def read_input(given: str | None) -> tuple[int, ...] | None:
    """Sides in pixels, the channels before them if they are given: "3x256x256", "256x256", "256".

    Raises:
        UsageError: it is written otherwise.
    """
    if given is None:
        return None
    sides = given.lower().split("x")
    if not 1 <= len(sides) <= 3 or not all(side.isdecimal() and int(side) > 0 for side in sides):
        raise UsageError(f"--input {given}: write 3x256x256, 256x256 or 256")
    return tuple(map(int, sides)) if len(sides) > 1 else (int(sides[0]), int(sides[0]))
