"""Images into features: what leaves chosen rows of a bundle's network."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from classicnets.data.images import Images
from classicnets.data.pipeline import batches
from classicnets.errors import UsageError, check_choice
from classicnets.evaluation.counting import must_be_numbers
from classicnets.networks.features import features
from classicnets.weights.bundle import Bundle

Pool = Literal["none", "average", "max"]
"""What is done with the places of a map: kept, averaged, or the largest value of each channel taken."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which features are wanted.

    A row that ends with a ReLU gives what leaves that ReLU: fc6 and fc7 of AlexNet and VGG do.

    Attributes:
        at: rows of the network; ``conv3_x`` stands for the last row of that stage, ``all`` for every row but the head.
        pool: what is done with rows of maps; rows of vectors stay as they are.
        unit_length: divide each image's features of a row by their Euclidean length.
    """

    at: tuple[str, ...]
    pool: Pool = "none"
    unit_length: bool = False

    def __post_init__(self) -> None:
        check_choice("pool", self.pool, get_args(Pool))

    def rows(self, bundle: Bundle) -> tuple[str, ...]:
        """The names under which the features of this bundle come.

        Raises:
            UsageError: the network has no such row, or none is asked for.
        """
        named = [name for at in self.at for name in (bundle.network.rows[:-1] if at == "all" else (at,))]
        if not named:
            raise UsageError(f"at: name the rows whose features are wanted; the last is {bundle.network.rows[-1]}")
        for name in named:
            bundle.network.find_row(name)
        return tuple(dict.fromkeys(named))


class Chunk(NamedTuple):
    """Features of some images, which follow one another in their data set.

    Attributes:
        rows: under each name float32, (images, ...): channels, height and width of a map, the length of a vector.
        images: how many they are.
    """

    rows: dict[str, Floats]
    images: int


def row_features(
    bundle: Bundle, images: Images, wanted: Wanted, *, batch_size: int = 64, workers: int | None = None
) -> Iterator[Chunk]:
    """The features of images, batch by batch in their order, prepared as the bundle says and in float32.

    Args:
        bundle: the network; it is left in evaluation mode.
        images: in memory or in files.
        wanted: which features.
        batch_size: images at a time, which bounds the memory; the features do not depend on it but for rounding.
        workers: processes that read image files.

    Raises:
        UsageError: no such row, an image cannot be read, or the network's output is not a number.
    """
    device = next(bundle.network.parameters()).device
    extract: nn.Module = features(bundle.network, wanted.rows(bundle)).eval()
    for batch in batches(images, bundle.preprocessing, batch_size=batch_size, workers=workers):
        with torch.inference_mode(), torch.autocast(device.type, enabled=False):
            found = extract(batch.images.to(device))
        yield Chunk({name: finish(values, wanted) for name, values in found.items()}, len(batch.labels))


def finish(values: torch.Tensor, wanted: Wanted) -> Floats:
    """What left a row, (images, ...), pooled and scaled as wanted."""
    values = pooled(values, wanted.pool).float()
    must_be_numbers(values)
    if wanted.unit_length:
        values = values / values.flatten(1).norm(dim=1).clamp_min(1e-12).view(-1, *(1,) * (values.dim() - 1))
    return values.cpu().contiguous().numpy()


def pooled(values: torch.Tensor, pool: Pool) -> torch.Tensor:
    """Maps, (images, channels, height, width), as (images, channels) where they are to be pooled."""
    if values.dim() != 4 or pool == "none":
        return values
    return values.mean(dim=(2, 3)) if pool == "average" else values.amax(dim=(2, 3))


def gathered(chunks: Sequence[Chunk]) -> dict[str, Floats]:
    """Chunks that follow one another, as one array for each row."""
    return {name: np.concatenate([chunk.rows[name] for chunk in chunks]) for name in chunks[0].rows}
