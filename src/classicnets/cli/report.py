"""`report`: what runs came to, or have come to so far."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from classicnets.cli.options import AsJson, DataDir
from classicnets.cli.output import as_json, console, messages, progress_bar, say, table
from classicnets.errors import require

if TYPE_CHECKING:
    from classicnets.training.report.records import Record


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="Folders of runs that train has made.")],
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the page to this file; of one run it is report.html in its folder."),
    ] = None,
    data_dir: DataDir = None,
    json: AsJson = False,
) -> None:
    """Write the report of a run, also of one that goes on or was killed; or put several runs beside each other.

    A run that has ended is tested again for its page; of one that has not, the page shows what is recorded so far.

    Example: classicnets report runs/first
    """
    with messages().status("reading"):
        try:
            from classicnets.training.report.comparison import compared, differences
            from classicnets.training.report.records import read_record

            records = [read_record(run) for run in runs]
            page = _page(records, html, data_dir, wanted=html is not None or (len(runs) == 1 and not json))
        except ModuleNotFoundError as error:
            raise require("train", error) from error
    if json:
        as_json({"runs": [compared(record) for record in records], "differences": differences(records)})
    else:
        _print(records)
        if page is not None:
            say(f"report  {page}")


def _page(records: "list[Record]", html: Path | None, data_dir: Path | None, *, wanted: bool) -> Path | None:
    """Write the page, where one is wanted."""
    if not wanted:
        return None
    if len(records) > 1 and html is not None:
        from classicnets.training.report.comparison_page import write_comparison

        write_comparison(html, records)
        return html
    (record,) = records
    if not record.finished:
        from classicnets.training.report.summary import write_progress

        return write_progress(record, page=html)
    from classicnets.training.report.again import write_again

    with progress_bar("testing") as bar:
        return write_again(record, page=html, data_dir=data_dir, progress=bar.add)


def _print(records: "list[Record]") -> None:
    from classicnets.training.report.comparison import HEADS, NUMBERS, compared, differences, names_of, said, table_row

    names = names_of(records)
    made = table(*HEADS, numbers=NUMBERS)
    for name, record in zip(names, records, strict=True):
        made.add_row(*map(escape, table_row(name, compared(record))))
    console().print(made)
    if unlike := differences(records):
        say("")
        made = table("the recipes differ in", *map(escape, names))
        for field, values in unlike.items():
            made.add_row(field, *(escape(said(value)) for value in values))
        console().print(made)
