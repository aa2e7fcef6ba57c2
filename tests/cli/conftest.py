"""What the tests of the command line share: the command itself, and one short run."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from classicnets.training.recipe.shipped import default_recipe
from classicnets.training.run import Run, train
from tests.cli.command import Command


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`classicnets`, run in this process; a line is as long as it needs to be, whatever ran the tests says."""
    monkeypatch.delenv("COLUMNS", raising=False)
    return Command(monkeypatch, capsys)


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """LeNet-5 after an epoch on the embedded digits; not to be changed."""
    fields = default_recipe("lenet5", "digits") | {"network": "lenet5", "data": "digits", "epochs": 1}
    return train(fields, out=tmp_path_factory.mktemp("runs") / "first", console=Console(stderr=True, quiet=True))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of two good images, one that is text, one that is cut off, and a file that is no image."""
    folder = tmp_path / "photos"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (40, 48, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "a.png")
    Image.fromarray(noise).save(folder / "d.jpg")
    (folder / "b.jpg").write_text("hello")
    (folder / "c.jpg").write_bytes((folder / "d.jpg").read_bytes()[:900])
    (folder / "notes.txt").write_text("no image")
    return folder
