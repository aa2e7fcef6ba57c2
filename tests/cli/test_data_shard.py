"""`data shard`: a data set as tar archives, and these as a data set again."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from classicnets.data.sets import open_data
from classicnets.data.shard_writer import write_shards
from tests.cli.command import Command


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_shards_are_written_and_read(command: Command, tmp_path: Path) -> None:
    out = tmp_path / "out"
    outcome = command("data", "shard", "digits", "--out", out, "--images-per-shard", 600)
    assert outcome.code == 0, outcome.err
    lines = outcome.out.splitlines()
    assert lines[0].startswith("train  1,437 images in 3 shards, ")
    assert lines[1].startswith("val    360 images in 1 shard, ")
    assert lines[2] == f"use    shards:{out}"
    assert len(open_data(f"shards:{out}").train) == 1437


def test_json_names_the_shards(command: Command, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = command("data", "shard", "digits", "--out", out, "--images-per-shard", 1000, "--json")
    content = json.loads(said.out)
    assert content["classes"] == 10
    assert content["parts"]["train"]["shards"] == ["train-000000.tar", "train-000001.tar"]
    assert content["parts"]["val"]["images"] == 360
    assert content["parts"]["val"]["bytes"] == (out / "val-000000.tar").stat().st_size


def test_a_folder_with_files_is_refused(command: Command, tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    outcome = command("data", "shard", "digits", "--out", tmp_path)
    assert outcome.mistake() == f"error: {tmp_path} holds other files; name a new or an empty folder"


def test_a_network_is_trained_and_tested_on_shards(command: Command, tmp_path: Path) -> None:
    digits, few = open_data("digits"), np.arange(50)
    some = replace(digits, train=digits.train.taken(few), test=digits.test.taken(few[:20]))
    write_shards(some, tmp_path / "shards", images_per_shard=10)
    where = ("--data", f"shards:{tmp_path / 'shards'}")
    small = ("--set", "workers=0", "--set", "batch_size=25")
    trained = command("train", "lenet5", *where, "--epochs", 1, *small, "--out", tmp_path / "run", "--json")
    assert trained.code == 0, trained.err
    assert trained.json()["images"] == 20
    tested = command("evaluate", tmp_path / "run" / "bundle", *where, "--json")
    assert tested.code == 0, tested.err
    assert tested.json()["top1_error"] == trained.json()["top1_error"]
