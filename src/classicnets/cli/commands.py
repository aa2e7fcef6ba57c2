"""All commands. Each imports what it needs when it runs, so that help and `list` come at once."""

import typer

from classicnets.cli import compare, data, draw, explain, features, networks, plan, recipes, report, split, train, use

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""The classic convolutional image classifiers, each exactly as its paper prints it.

    Begin with: classicnets train lenet5 --data digits
    """,
)
app.command("list")(networks.list_)
app.command("show")(networks.show)
app.command("compare")(compare.compare)
app.command("draw")(draw.draw)
app.command("explain")(explain.explain)
app.command("recipes")(recipes.recipes)
app.command("plan")(plan.plan)
app.command("train")(train.train)
app.command("report")(report.report)
app.command("evaluate")(use.evaluate)
app.command("predict")(use.predict)
app.command("features")(features.features)
app.command("probe")(features.probe)
app.command("split")(split.split)
app.add_typer(data.app, name="data")
