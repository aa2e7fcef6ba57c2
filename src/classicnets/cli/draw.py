"""`draw`: a network as a picture, or as a graph for other programs to show."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from classicnets.cli.networks import network_options
from classicnets.cli.options import InputSize, NetworkOptions, read_input
from classicnets.cli.output import messages, say
from classicnets.errors import UsageError
from classicnets.files import write_text

if TYPE_CHECKING:
    from classicnets.inspection.inspection import Inspection

_ENDINGS = ".svg, .json, .macs.json, .parameters.json, .bytes.json or .onnx; see classicnets draw --help"


def draw(
    network: Annotated[
        str, typer.Argument(metavar="NETWORK", help="A name from `classicnets list`, a bundle, or other weights.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where to, NETWORK.svg by default. A picture: .svg. For Google's Model Explorer: .json, and figures to"
            " colour it by: .macs.json, .parameters.json, .bytes.json. For Netron: .onnx, without the weights' values.",
        ),
    ] = None,
    set_: NetworkOptions = None,
    input_size: InputSize = None,
) -> None:
    """Draw a network row by row: boxes to scale, the ways of Inception modules, shortcuts, auxiliary heads.

    Example: classicnets draw googlenet --out googlenet.svg
    """
    if out is not None:
        _must_be_known(out)
    with messages().status("drawing"):
        from classicnets.inspection.inspection import inspect

        found = inspect(network, read_input(input_size), **network_options(set_))
        file = Path(f"{found.name}.svg") if out is None else out
        _write(found, file)
    say(str(file))


def _must_be_known(file: Path) -> None:
    if file.suffix not in (".svg", ".json", ".onnx"):
        raise UsageError(f"--out {file}: the file must end in {_ENDINGS}")


def _write(found: "Inspection", file: Path) -> None:
    if file.suffix == ".svg":
        from classicnets.inspection.drawing.svg import draw as as_svg

        write_text(file, as_svg(found))
    elif file.suffix == ".json":
        write_text(file, _for_model_explorer(found, file))
    else:
        from classicnets.inspection.drawing.netron import to_onnx

        to_onnx(found.module, found.input, file)


def _for_model_explorer(found: "Inspection", file: Path) -> str:
    from classicnets.inspection.drawing.model_explorer import Figure, to_model_explorer, to_node_data

    asked = next((figure for figure in get_args(Figure) if file.name.endswith(f".{figure}.json")), None)
    content = to_model_explorer(found) if asked is None else to_node_data(found, asked)
    return json.dumps(content, indent=1) + "\n"
