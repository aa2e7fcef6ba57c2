"""What must be so before the other libraries are imported."""

import os

import pytest
import torch

# PyPI's build of torchvision declares these operators only beside the CUDA build of torch, and without them its import
# fails. No network here uses them.
for name in ("nms", "qnms"):
    torch.library.define(f"torchvision::{name}", "(Tensor boxes, Tensor scores, float threshold) -> Tensor")

os.environ["KERAS_BACKEND"] = "torch"

# An image at a time is too little work to share: threads would only wait for each other.
torch.set_num_threads(1)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Nothing here may be skipped: this environment is made for these tests alone."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
