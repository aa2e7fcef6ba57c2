"""Records as CSV: a heading, a line each, written whole or not at all."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from classicnets.errors import UsageError
from classicnets.files import write_text


def write_table(path: Path, heads: Sequence[str], lines: Iterable[Sequence[float]], *, digits: int = 6) -> None:
    """Write numbers, so many digits of each that is not whole."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows(
        [str(value) if isinstance(value, int) else f"{value:.{digits}g}" for value in line] for line in lines
    )
    write_text(path, text.getvalue())


def read_table(path: Path) -> list[dict[str, float]]:
    """What `write_table` wrote, a mapping a line; nothing where the file is not there.

    Raises:
        UsageError: it cannot be read, or holds something else.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [{name: float(value) for name, value in line.items()} for line in csv.DictReader(file)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    except (TypeError, ValueError, csv.Error) as error:  # too few or too many cells, no number, no CSV
        raise UsageError(f"{path} is no table of numbers ({error})") from error
