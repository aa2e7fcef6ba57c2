"""`compare`: networks side by side."""

import sys
from typing import Annotated

import typer

from classicnets.cli.options import AsJson, AsMarkdown, HtmlFile, InputSize, read_input
from classicnets.cli.output import as_json, console, messages, progress_bar, say
from classicnets.files import write_text


def compare(
    networks: Annotated[
        list[str],
        typer.Argument(metavar="NETWORK", help="Names from `classicnets list`, bundles, or other weights."),
    ],
    input_size: InputSize = None,
    batch: Annotated[int, typer.Option(metavar="N", help="Images at once, for the memory alive.")] = 1,
    html: HtmlFile = None,
    markdown: AsMarkdown = False,
    json: AsJson = False,
) -> None:
    """Put networks side by side: size, cost, memory, sight, and the errors that their papers report.

    Of several reported errors it takes those that can be compared best, and tells where they cannot.

    Example: classicnets compare alexnet vgg16 googlenet resnet50
    """
    size = read_input(input_size)
    with progress_bar("looking", unit="networks") as bar:
        from classicnets.inspection.comparison import compare as compare_networks

        compared = compare_networks(networks, size, batch=batch, progress=bar.reached)
    if html:
        write_text(html, compared.to_html())
        messages().print(f"page  {html}", markup=False, highlight=False)
    if json:
        as_json(compared.to_dict())
    elif markdown:
        sys.stdout.write(compared.to_markdown())
    elif html is None:
        from classicnets.inspection.formats import CONVENTIONS

        console().print(compared)
        say("")
        for line in CONVENTIONS:
            say(line, style="dim")
