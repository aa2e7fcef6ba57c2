"""Where the tests find MNIST, Fashion-MNIST and CIFAR-10."""

import functools
import os
from pathlib import Path

import pytest

from classicnets.data.download import check
from classicnets.errors import UsageError

REPOSITORY = Path(__file__).parents[2]


@functools.cache
def folder() -> Path:
    """The folder of the real sets, once each of them is verified; a test that needs it fails where it is not."""
    data_dir = Path(os.environ.get("CLASSICNETS_DATA") or REPOSITORY / ".data").absolute()
    try:
        for name in ("mnist", "fashion-mnist", "cifar10"):
            check(name, data_dir=data_dir)
    except UsageError as error:
        problem = str(error)
    else:
        return data_dir
    pytest.fail(f"{problem} (for tests: python tools/fetch_datasets.py --data-dir {data_dir})", pytrace=False)
