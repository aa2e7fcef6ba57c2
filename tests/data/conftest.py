"""What the tests of data share: the real sets, and a home on this machine that small sets are fetched from."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.data import real_sets
from tests.data.home import Home


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder that holds MNIST, Fashion-MNIST and CIFAR-10, each verified."""
    return real_sets.folder()


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """An HTTP server on this machine."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Home() as server:
        yield server
