"""What the tests of several devices share."""

from collections.abc import Iterator

import pytest

from tests.training.devices.processes import Processes


@pytest.fixture(scope="package")
def pair() -> Iterator[Processes]:
    """Two processes, joined."""
    processes = Processes(2)
    yield processes
    processes.end()
