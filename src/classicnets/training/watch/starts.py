"""When and with what a run was started and gone on with: starts.json."""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from classicnets.errors import UsageError
from classicnets.files import write_text
from classicnets.training.watch.names import STARTS


@dataclass(frozen=True, kw_only=True)
class Start:
    """A time at which training began, or went on.

    Attributes:
        time: in UTC, "2012-09-30T12:00:00Z".
        done: steps that had been taken.
        steps: of the whole run.
        steps_an_epoch: in each of its epochs.
        environment: what it was made with from then on.
    """

    time: str
    done: int
    steps: int
    steps_an_epoch: int
    environment: dict[str, str]


def add_start(folder: Path, start: Start) -> None:
    """Record a start of the run in ``folder``. What was recorded of steps that are done again is left out.

    Raises:
        UsageError: the file could not be written, or what is there cannot be read.
    """
    starts = [*(before for before in read_starts(folder) if before.done < start.done), start]
    write_text(folder / STARTS, json.dumps([asdict(each) for each in starts], indent=1) + "\n")


def now() -> str:
    """The time as `Start` has it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def read_starts(folder: Path) -> list[Start]:
    """All starts of the run, the first first; none where the file is not there.

    Raises:
        UsageError: the file cannot be read.
    """
    path = folder / STARTS
    try:
        return [Start(**start) for start in json.loads(path.read_text(encoding="utf-8"))]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    except (TypeError, ValueError) as error:
        raise UsageError(f"{path} does not tell of the starts of a run ({error})") from error
