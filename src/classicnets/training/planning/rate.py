"""How many images a second a device learns from, and a core decodes: measured here, or from what a machine can do."""

import io
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from classicnets.data.decode import decode_bytes
from classicnets.data.pixels import augment
from classicnets.data.transforms import Preprocessing, draw
from classicnets.errors import UsageError
from classicnets.inspection.cost.machine import Machine
from classicnets.inspection.cost.roofline import roofline
from classicnets.inspection.tracing.trace import Trace
from classicnets.layers.storage import allocate
from classicnets.networks.chain import Chain
from classicnets.training.processor import keep_freed_memory
from classicnets.training.recipe.recipe import Recipe
from classicnets.training.recompute import precision_of
from classicnets.training.steps import losses_of, optimizer_of

UTILISATION = 0.5
"""Of the roofline's speed, where no other share is given: kernels seldom reach a machine's peaks."""

PHOTO = (375, 500)
"""Height and width of a usual image of ImageNet."""

_WARM_UP = 2  # steps that are not counted
_FEWEST = 3  # steps that are


class Rate(NamedTuple):
    """How fast images pass.

    Attributes:
        images_per_second: of one device, or one core.
        source: where that is from, in words.
        batch: images at once, None where nobody said.
        recomputes: whether what the recipe recomputes was recomputed.
    """

    images_per_second: float
    source: str
    batch: int | None = None
    recomputes: bool = False


def given_rate(images_per_second: float) -> Rate:
    """A rate that the user knows."""
    return Rate(images_per_second, "given", recomputes=True)


def machine_rate(trace: Trace, machine: Machine, utilisation: float) -> Rate:
    """What a machine reaches at a share of its roofline."""
    seconds = roofline(trace, machine).seconds / utilisation
    source = f"{utilisation:.0%} of the roofline of {machine.name} ({machine.certainty}; {machine.source})"
    return Rate(trace.batch / seconds, source, batch=trace.batch)


def measured_rate(
    network: Chain, recipe: Recipe, images: tuple[int, int, int, int], *, seconds: float, tell: Callable[[str], None]
) -> Rate:
    """Take training steps on this machine, of random images that are already there.

    Args:
        network: without weights; it gets some.
        recipe: decides loss, optimizer and precision; its weights are not trained to any use.
        images: their number, channels, height and width.
        seconds: to spend at least.
        tell: is told what is done.

    Raises:
        UsageError: the optimizer looks at the data, which is not there.
    """
    if recipe.optimizer.name == "levenberg_marquardt":
        raise UsageError("levenberg_marquardt looks at the data before it steps: give --rate in place of --measure")
    place = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    tell(f"taking training steps of {images[0]} images on this machine's {place.type}")
    allocate(network, torch.device("cpu"))
    network.reset()
    keep_freed_memory()
    network.to(place, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimizer = optimizer_of(recipe.optimizer, network)
    batch = torch.rand(images, device=place).to(memory_format=torch.channels_last)
    labels = torch.arange(images[0], device=place) % network.num_classes

    def step() -> float:
        begun = time.perf_counter()
        with torch.autocast(place.type, torch.bfloat16, enabled=precision_of(recipe) == "mixed"):
            loss = losses_of(recipe.loss, network, batch, labels).learned
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        if place.type != "cpu":
            torch.accelerator.synchronize(place)
        return time.perf_counter() - begun

    for _ in range(_WARM_UP):
        step()
    taken: list[float] = []
    while len(taken) < _FEWEST or sum(taken) < seconds:
        taken.append(step())
    source = f"measured, {len(taken)} training steps on this machine's {place.type}"
    if place.type == "cpu":
        source += f", {torch.get_num_threads()} threads"
    return Rate(images[0] / statistics.median(taken), source, batch=images[0], recomputes=bool(network.segments))


def decode_rate(recipe: Recipe, side: tuple[int, int], channels: int, *, seconds: float = 0.5) -> Rate:
    """Decode and augment JPEGs the size of ImageNet's on one core of this machine, as training does."""
    preprocessing = recipe.preprocessing or Preprocessing(
        channels=1 if channels == 1 else 3, size=side, mean=(0.5,) * channels, std=(0.25,) * channels
    )
    jpeg = _photo()
    chosen = draw(recipe.augmentation, recipe.seed, 0, np.arange(1))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        taken: list[float] = []
        while len(taken) < _FEWEST or sum(taken) < seconds:
            begun = time.perf_counter()
            pixels = decode_bytes(jpeg, name="made up", channels=preprocessing.channels)
            augment(pixels, preprocessing, recipe.augmentation, chosen.choice(0))
            taken.append(time.perf_counter() - begun)
    finally:
        torch.set_num_threads(threads)
    height, width = PHOTO
    source = f"measured on this machine, JPEGs of {width}x{height} pixels and {len(jpeg) / 1000:.0f} kB"
    return Rate(1 / statistics.median(taken), source)


def _photo() -> bytes:
    """A JPEG with about as much to decode as a photograph: clouds of colour, with noise."""
    drawn = np.random.default_rng(0)
    height, width = PHOTO
    clouds = Image.fromarray(drawn.integers(0, 256, (24, 32, 3), dtype=np.uint8)).resize((width, height))
    noise = drawn.normal(0, 12, (height, width, 3))
    file = io.BytesIO()
    Image.fromarray((np.asarray(clouds) + noise).clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=90)
    return file.getvalue()
