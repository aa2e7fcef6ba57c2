"""Where else the figures of a run go: TensorBoard's event files, and whatever Lightning can write to."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from classicnets.errors import require
from classicnets.training.watch.history import Epoch
from classicnets.training.watch.lines import StepLine
from classicnets.training.watch.names import EVENTS


class EventFiles(Logger):
    """TensorBoard's event files.

    Args:
        folder: where they are written.
        done: steps of the run that were taken before; what an earlier file says of later ones is withdrawn.

    Raises:
        UsageError: tensorboardX, which writes them, is not installed.
    """

    def __init__(self, folder: Path, done: int) -> None:
        super().__init__()
        try:
            from tensorboardX import SummaryWriter
        except ModuleNotFoundError as missing:
            raise require("tensorboard", missing) from missing
        self._open = SummaryWriter
        self.folder = folder
        self.done = done

    @cached_property
    def experiment(self) -> Any:
        """What writes; the file is begun on first use, so by one process only."""
        # With the step in its name, for a file of the same second would be written over.
        return self._open(str(self.folder), purge_step=self.done + 1, filename_suffix=f".{self.done}")

    @property
    def name(self) -> str:
        """Of the logger, as Lightning asks for it."""
        return "tensorboard"

    @property
    def version(self) -> str:
        """The same folder is written on whenever the run goes on."""
        return ""

    @rank_zero_only
    def log_hyperparams(self, params: Mapping[str, Any], *_arguments: Any, **_named: Any) -> None:  # type: ignore[override]
        """Write the recipe as text."""
        lines = yaml.safe_dump(dict(params), sort_keys=False).splitlines()
        self.experiment.add_text("recipe", "\n".join(f"    {line}" for line in lines), self.done)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Write a scalar for each."""
        for name, value in metrics.items():
            self.experiment.add_scalar(name, value, step)

    @rank_zero_only
    def save(self) -> None:
        """Have everything that was said on the disk."""
        self.experiment.flush()

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Close the file."""
        del status
        self.experiment.close()


def tell_step(loggers: Iterable[Logger], line: StepLine, rows: Mapping[str, float]) -> None:
    """Tell loggers what some steps came to, and how large the gradients of the rows are."""
    figures = {
        "train/loss": line.loss,
        "train/error": line.error,
        "learning_rate": line.learning_rate,
        "gradient_norm": line.gradient_norm,
        "images_per_second": line.images_per_second,
        "waiting_percent": line.waiting,
        "memory_bytes": float(line.memory),
        **{f"gradient_norm_of/{row}": norm for row, norm in rows.items()},
    }
    for logger in loggers:
        logger.log_metrics(figures, line.step)


def tell_epoch(loggers: Iterable[Logger], epoch: Epoch) -> None:
    """Tell loggers what the tests after an epoch came to."""
    figures = {
        name.replace("_", "/", 1): float(value) for name, value in asdict(epoch).items() if name.startswith("test_")
    }
    del figures["test/images"]
    for logger in loggers:
        logger.log_metrics({**figures, "epoch": float(epoch.epoch)}, epoch.step)


def loggers_of(asked: Collection[str], folder: Path, done: int, others: Iterable[Logger]) -> list[Logger]:
    """All loggers of a run: those that its user brings, and those that are asked for by name.

    Args:
        asked: some of `ON_REQUEST`.
        folder: of the run.
        done: steps that were taken before.
        others: that the user brings.

    Raises:
        UsageError: a package is missing.
    """
    return [*others, *([EventFiles(folder / EVENTS, done)] if "tensorboard" in asked else [])]
