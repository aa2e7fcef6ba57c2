"""Images in archives are prepared as the same images in files."""

from pathlib import Path

import numpy as np
import pytest
import torch

from classicnets.data.images import ImageFiles
from classicnets.data.sets import open_data
from classicnets.evaluation.protocols.named import PROTOCOLS
from classicnets.evaluation.protocols.plan import Plan
from classicnets.evaluation.protocols.preparing import prepared
from tests.data.packs import photograph, shard
from tests.evaluation.protocols.conftest import bundle_of, small

IMAGES = 6


@pytest.mark.parametrize("workers", [0, 2])
def test_shards(tmp_path: Path, workers: int) -> None:
    shard(tmp_path / "0.tar", range(4))
    shard(tmp_path / "1.tar", range(4, IMAGES))
    packed = open_data(f"shards:{tmp_path}/{{0..1}}.tar", hold_out=False).test
    paths = [tmp_path / f"{number}.jpg" for number in range(IMAGES)]
    for number, path in enumerate(paths):
        path.write_bytes(photograph(number))
    files = ImageFiles(paths=paths, labels=np.arange(IMAGES, dtype=np.int64) % 3)
    plan = Plan(protocol=PROTOCOLS["crops-144"], preprocessing=bundle_of(small()).preprocessing)
    pairs = list(zip(prepared(packed, plan, workers=workers), prepared(files, plan, workers=0), strict=True))
    assert [one.indices.tolist() for one, _ in pairs] == [[number] for number in range(IMAGES)]
    for one, other in pairs:
        for side, scaled in one.scaled.items():
            assert torch.equal(scaled.pixels, other.scaled[side].pixels)
            assert len(scaled.resized) == 3
            assert all(torch.equal(found, other.scaled[side].resized[at]) for at, found in scaled.resized.items())
