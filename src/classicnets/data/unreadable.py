"""Images that cannot be read: counted and listed, where they are not to stop the work."""

import json
from pathlib import Path

import numpy as np

from classicnets.data.decode import UnreadableImage
from classicnets.data.images import ImageArray, Images
from classicnets.errors import UsageError

_SHOWN = 3  # in a sentence


class Skipped:
    """The images that were passed over, each once.

    Args:
        file: where they are listed from the moment they are met, a line of JSON an image: ``{"path", "reason"}``. What
            it lists already counts. Of several processes each may list an image. None keeps no list.

    Attributes:
        reasons: what is wrong with each, by its name, in the order in which they were met.
    """

    def __init__(self, file: Path | None = None) -> None:
        self.file = file
        self.reasons: dict[str, str] = {}
        self._torn = False
        if file is not None:
            self._read(file)

    def __len__(self) -> int:
        return len(self.reasons)

    def add(self, image: UnreadableImage) -> None:
        """Say that an image was passed over, which in every epoch it is.

        Raises:
            UsageError: the list cannot be written.
        """
        if image.name in self.reasons:
            return
        self.reasons[image.name] = image.reason
        if self.file is None:
            return
        line = json.dumps({"path": image.name, "reason": image.reason}) + "\n"
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            # Several processes may add to it, so it grows by whole lines and is never written anew.
            with self.file.open("a", encoding="utf-8") as file:
                file.write(f"\n{line}" if self._torn else line)
        except OSError as error:
            raise UsageError(f"cannot write {self.file}: {error.strerror or error}") from error
        self._torn = False

    def __str__(self) -> str:
        """One line: how many, and the first of them; empty where there are none."""
        if not self.reasons:
            return ""
        first = "; ".join(f"{name} ({reason})" for name, reason in list(self.reasons.items())[:_SHOWN])
        more = len(self) - _SHOWN
        rest = f"; and {more:,} more" if more > 0 else ""
        listed = "" if self.file is None else f"; listed in {self.file}"
        return f"{len(self):,} unreadable image{'s' if len(self) > 1 else ''} skipped: {first}{rest}{listed}"

    def _read(self, file: Path) -> None:
        try:
            text = file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot read {file}: {error}") from error
        self._torn = not text.endswith("\n")  # half a line, of a process that was killed
        for line in text.split("\n"):
            try:
                entry = json.loads(line)
                self.reasons[entry["path"]] = entry["reason"]
            except (ValueError, KeyError, TypeError):
                continue


def readable(images: Images, skipped: Skipped) -> Images:
    """The images without those that were skipped."""
    if not len(skipped) or isinstance(images, ImageArray):
        return images
    kept = [at for at in range(len(images)) if images.place(at).name not in skipped.reasons]
    return images.taken(np.array(kept, dtype=np.int64))
