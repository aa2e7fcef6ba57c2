"""`recipes`: how networks are trained, by the papers and by today's means."""

from typing import Annotated

import typer

from classicnets.cli.options import AsJson
from classicnets.cli.output import as_json, console, messages, say, table


def recipes(
    name: Annotated[
        str | None, typer.Argument(metavar="RECIPE", help="One of them, such as resnet_cifar/paper: shown whole.")
    ] = None,
    network: Annotated[
        str | None, typer.Option(metavar="NETWORK", help="With --json: the fields as they are for this network.")
    ] = None,
    json: AsJson = False,
) -> None:
    """List the package's recipes, or show one: where each figure comes from, and what its paper leaves unsaid.

    A recipe that is shown is a file that `train --recipe` takes, to change as you like.

    Example: classicnets recipes resnet_cifar/paper > mine.yaml
    """
    with messages().status("reading"):
        from classicnets.training.recipe.shipped import (
            about_shipped,
            find_recipe,
            shipped_recipe,
            shipped_recipes,
            shipped_text,
        )

        if name is None:
            known = {each: about_shipped(each) for each in shipped_recipes()}
        else:
            name = find_recipe(name, network)
    if name is not None and json:
        about = about_shipped(name).model_dump(mode="json")
        as_json({"name": name, **about, "fields": shipped_recipe(name, network)})
    elif name is not None:
        say(shipped_text(name).rstrip())
    elif json:
        as_json([{"name": each, **about.model_dump(mode="json")} for each, about in known.items()])
    else:
        made = table("recipe", "what", "unsaid", numbers=("unsaid",))
        for each, head in known.items():
            made.add_row(each, head.what, str(len(head.unsaid) or ""))
        console().print(made)
