"""`plan`: what training would take, before it is begun."""

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from classicnets.cli.options import NO_VALUE, AsJson, InputSize, NetworkName, NetworkOptions, read_input
from classicnets.cli.output import as_json, assignments, console, messages, say, table
from classicnets.cli.train import Strategy
from classicnets.errors import UsageError, near, require
from classicnets.inspection.units import count, short, size

if TYPE_CHECKING:
    from classicnets.training.planning.plan import Job, Plan, Step
    from classicnets.training.planning.rate import Rate
    from classicnets.training.recipe.recipe import Recipe
    from classicnets.training.scale.strategy import StrategyName


def plan(
    network: NetworkName,
    data_size: Annotated[int, typer.Option(metavar="N", min=1, help="Images in the training set.")],
    devices: Annotated[int, typer.Option(metavar="K", min=1, help="Devices that train together.")] = 1,
    recipe: Annotated[
        str | None, typer.Option(metavar="RECIPE", help="A recipe, as `train` takes it; else the package's own.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(metavar="N", min=1, help="Passes through the training images.")] = None,
    batch: Annotated[int | None, typer.Option(metavar="N", min=1, help="Images a step, of all devices.")] = None,
    accumulate: Annotated[int | None, typer.Option(metavar="N", min=1, help="Pieces that a batch is taken in.")] = None,
    precision: Annotated[
        str | None, typer.Option(metavar="NAME", help="fp32 or bf16; auto is what `train` takes here, fp32 elsewhere.")
    ] = None,
    optimizer: Annotated[str | None, typer.Option(metavar="NAME", help="sgd, adamw or rmsprop.")] = None,
    recompute: Annotated[
        str | None, typer.Option(metavar="HOW", help="Rows run again to hold less memory, as `train` takes it.")
    ] = None,
    strategy: Annotated[Strategy, typer.Option(help="How devices share the network.")] = Strategy.DDP,
    input_size: InputSize = None,
    set_: NetworkOptions = None,
    link: Annotated[
        str, typer.Option(metavar="RATE", help="What each device sends and receives while all do: 10GB/s, 300MB/s.")
    ] = "10GB/s",
    rate: Annotated[
        float | None, typer.Option(metavar="IMAGES", min=1e-9, help="Images a second that one device learns from.")
    ] = None,
    machine: Annotated[
        str | None, typer.Option(metavar="NAME", help="A device with published figures: a100, h100, h200, t4, ...")
    ] = None,
    utilisation: Annotated[
        float, typer.Option(metavar="SHARE", min=0.01, max=1, help="With --machine: the share of its roofline.")
    ] = 0.5,
    measure: Annotated[
        bool, typer.Option("--measure", metavar=NO_VALUE, help="Take some training steps here; the default.")
    ] = False,
    decode: Annotated[
        float | None, typer.Option(metavar="IMAGES", min=1e-9, help="Images a second that a core decodes.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Tell what training would take: hours, memory, exchange between devices, images to read; by which assumptions.

    Example: classicnets plan resnet50 --data-size 1281167 --devices 8 --recipe paper --machine a100 --decode 300
    """
    sources = [given for given in (rate is not None, machine is not None, measure) if given]
    if len(sources) > 1:
        raise UsageError("--rate, --machine and --measure exclude one another: give one of them")
    with messages().status("tracing"):
        try:
            from classicnets.training.planning.plan import IN_MEMORY, assumptions, traced
            from classicnets.training.planning.plan import plan as plan_job
            from classicnets.training.planning.rate import Rate, decode_rate
        except ModuleNotFoundError as error:
            raise require("train", error) from error

        given = {
            "epochs": epochs,
            "batch_size": batch,
            "accumulate": accumulate,
            "precision": precision,
            "recompute": recompute,
            "optimizer": None if optimizer is None else {"name": optimizer},
        }
        wanted = {name: value for name, value in given.items() if value is not None}
        chosen = _recipe(network, recipe, wanted, set_)
        if chosen.precision == "auto" and (rate is not None or machine is not None):
            chosen = chosen.model_copy(update={"precision": "fp32"})  # what is fast here is not what is fast there
        shared: StrategyName = "fsdp" if strategy is Strategy.FSDP else "ddp"
        job = _job(network, chosen, read_input(input_size), data_size, devices, shared, link)
        step = traced(job)
    speed = _rate(job, step, rate, machine, utilisation)
    with messages().status("planning"):
        found = plan_job(job, step, speed)
        decoded = None
        if max(job.side) > IN_MEMORY:
            decoded = Rate(decode, "given") if decode else decode_rate(job.recipe, job.side, job.images[1])
    assumed = list(assumptions(job, speed, decoded))
    if json:
        as_json(_as_dict(job, found, speed, decoded, assumed))
        return
    _print(job, found, decoded)
    for line in assumed:
        say(f"- {line}", style="dim")


def _recipe(network: str, given: str | None, wanted: dict[str, Any], options: list[str] | None) -> "Recipe":
    from classicnets.training.recipe.reading import complete, merge
    from classicnets.training.recipe.shipped import read_recipe, with_default

    chosen = read_recipe(given, network) if given else None
    fields = dict(chosen.fields) if chosen else {}
    if "epochs" in wanted:
        fields.pop("steps", None)
    # Which images they are matters to nothing but the recipe that is taken for them.
    fields = merge(fields, {**wanted, "network": network, "data": fields.get("data", "folder:images")})
    fields = merge(fields, {"options": assignments(options or [])})
    return complete(with_default(chosen, fields))


def _job(
    network: str,
    recipe: "Recipe",
    given: tuple[int, ...] | None,
    data_size: int,
    devices: int,
    strategy: "StrategyName",
    link: str,
) -> "Job":
    from classicnets.networks import build
    from classicnets.training.planning.plan import Job
    from classicnets.training.recompute import read_size

    per_second = read_size(link.removesuffix("/s"))
    if not per_second or not link.endswith("/s"):
        raise UsageError(f"--link {link}: write 10GB/s or 300MB/s")
    side = given[-2:] if given else recipe.preprocessing.size if recipe.preprocessing else None
    channels = given[0] if given and len(given) == 3 else recipe.in_channels
    made = build(
        network,
        num_classes=recipe.num_classes,
        in_channels=channels,
        input_size=(side[0], side[1]) if side else None,
        **recipe.options,
    )
    height, width = made.input_shape[1:]
    return Job(made, recipe, (height, width), data_size, devices, strategy, float(per_second))


def _rate(job: "Job", step: "Step", rate: float | None, machine: str | None, utilisation: float) -> "Rate":
    from classicnets.training.planning.plan import measured
    from classicnets.training.planning.rate import given_rate, machine_rate

    if rate is not None:
        return given_rate(rate)
    if machine is not None:
        from classicnets.inspection.cost.machine import MACHINES

        if machine not in MACHINES:
            raise UsageError(f"no machine {machine!r}{near(machine, MACHINES)}; --measure takes the one at hand")
        return machine_rate(step.trace, MACHINES[machine], utilisation)
    return measured(job, step, seconds=3, tell=lambda text: messages().print(text, style="dim", highlight=False))


def _print(job: "Job", found: "Plan", decoded: "Rate | None") -> None:
    from classicnets.training.recompute import precision_of

    recipe, memory, exchange = job.recipe, found.memory, found.exchange
    shape = " x ".join(map(str, job.images[1:]))
    together = f"{job.devices} devices ({job.strategy})" if job.devices > 1 else "1 device"
    numbers = "bf16" if precision_of(recipe) == "mixed" else "fp32"
    say(f"{job.network.name}  input {shape}, {count(job.data_size)} images, {together}, {numbers}", style="bold")
    made = table("", "", "")
    made.show_header = False
    pieces = f" in {recipe.accumulate} pieces" if recipe.accumulate > 1 else ""
    batch = f"{count(recipe.batch_size)} images, {count(found.batch)} on a device at once{pieces}"
    made.add_row("steps", count(found.steps), f"of {batch}; {count(found.images)} images in all")
    made.add_row("hours", _range(found.hours), f"{_range(found.step_seconds, 3)} s a step")
    again = f", {found.recomputed:.1%} of them run again" if found.recomputed else ""
    made.add_row("a device's step", f"{short(found.macs)} MACs", f"forward and backward{again}")
    parts = {
        "weights": memory.weights,
        "their average": memory.average,
        "images": memory.images,
        f"state of {recipe.optimizer.name}": memory.optimizer_state,
        "activations and gradients": memory.step,
    }
    held = ", ".join(f"{name} {size(part)}" for name, part in parts.items() if part)
    made.add_row("memory a device", size(memory.total), held)
    if job.devices > 1:
        sent = f"{size(exchange.sent)} sent by a device in {1000 * exchange.seconds:.1f} ms at {size(job.link)}/s"
        made.add_row("exchange a step", size(exchange.gradients), f"of gradients: {sent}")
        made.add_row(
            "efficiency", _range(tuple(100 * share for share in found.efficiency), 1) + "%", "of exchange-free"
        )
    rate = f"{count(round(found.images_per_second))} images/s"
    if decoded is not None:
        from classicnets.training.planning.plan import IMAGE_BYTES

        cores = _cores(found, decoded)
        by = f"{cores} core{'s' if cores > 1 else ''}"
        made.add_row("reading", rate, f"{size(found.images_per_second * IMAGE_BYTES)}/s, decoded by {by}")
    else:
        made.add_row("reading", rate, "from memory")
    console().print(made)
    say("")


def _cores(found: "Plan", decoded: "Rate") -> int:
    return math.ceil(found.images_per_second / decoded.images_per_second)


def _range(ends: tuple[float, ...], decimals: int = 2) -> str:
    least, most = (f"{end:.{decimals}f}" for end in sorted(ends))
    return least if least == most else f"{least} to {most}"


def _as_dict(job: "Job", found: "Plan", rate: "Rate", decoded: "Rate | None", assumed: list[str]) -> dict[str, Any]:
    recipe = job.recipe
    content: dict[str, Any] = {
        "network": job.network.name,
        "input": list(job.images[1:]),
        "data_size": job.data_size,
        "devices": job.devices,
        "strategy": job.strategy,
        "recipe": recipe.model_dump(
            mode="json", include={"epochs", "steps", "batch_size", "accumulate", "precision", "recompute"}
        )
        | {"optimizer": recipe.optimizer.name},
        **asdict(found),
        "rate": {"images_per_second": rate.images_per_second, "source": rate.source},
        "decoding": None,
        "assumptions": assumed,
    }
    if decoded is not None:
        content["decoding"] = {
            "images_per_second": decoded.images_per_second,
            "source": decoded.source,
            "cores": _cores(found, decoded),
        }
    return content
