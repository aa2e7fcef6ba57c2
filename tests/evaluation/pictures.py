"""Folders of small pictures."""

from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("blue", "green", "red")


def picture(path: Path, *, seed: int) -> Path:
    """Write a picture of coloured noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (40, 48, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


def folder(path: Path, *, images: int) -> Path:
    """Write a folder with so many pictures to test on, and one to learn from, of each class."""
    for number, name in enumerate(CLASSES):
        picture(path / "train" / name / "only.png", seed=99)
        for image in range(images):
            picture(path / "val" / name / f"{image:02}.png", seed=number * 100 + image)
    return path
