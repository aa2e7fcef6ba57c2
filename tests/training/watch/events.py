"""TensorBoard's event files, read back record by record as TensorBoard reads them."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def scalars(folder: Path, tag: str) -> list[tuple[int, float]]:
    """The steps and values of a tag that TensorBoard would show, over all files in their order."""
    shown: list[tuple[int, float]] = []
    for event in _events(folder):
        if event.HasField("session_log"):  # a start: what was said of this step and later ones is withdrawn
            shown = [(step, value) for step, value in shown if step < event.step]
        shown += [(event.step, value.simple_value) for value in event.summary.value if value.tag == tag]
    return shown


def texts(folder: Path) -> list[str]:
    """All texts."""
    values = [value for event in _events(folder) for value in event.summary.value]
    return [value.tensor.string_val[0].decode() for value in values if value.HasField("tensor")]


def _events(folder: Path) -> Iterator[Any]:
    from tensorboardX.proto.event_pb2 import Event

    for file in sorted(folder.iterdir(), key=lambda path: (path.name.split(".")[3], int(path.suffix[1:]))):
        content = file.read_bytes()
        while len(content) >= 12:  # a length of 8 bytes and its sum of 4, then the event and its sum of 4
            (length,) = struct.unpack("<Q", content[:8])
            if len(content) < 16 + length:
                break  # killed while it wrote
            yield Event.FromString(content[12 : 12 + length])
            content = content[16 + length :]
