"""What the tests of networks share."""

from collections.abc import Iterator

import pytest
import torch

from classicnets.training.processor import keep_freed_memory


@pytest.fixture(autouse=True, scope="session")
def _memory_is_kept() -> None:
    """Every test copies a network: pages that go back to the system and come again would be half of the time."""
    keep_freed_memory()


@pytest.fixture(autouse=True, scope="package")
def _one_thread() -> Iterator[None]:
    """One image of 32x32 pixels is too little work to share: threads would only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
