"""Checkpoints: whole or not at all, two of them, and nothing in them runs."""

import pickle
import resource
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from classicnets.errors import UsageError
from classicnets.training.checkpoints import WholeCheckpoints, checkpoint_path, checkpoints, read_checkpoint
from classicnets.training.folder import newest_checkpoint
from tests.training.small_runs import equal, go_on, run, weights

CONTENT = {"global_step": 3, "state_dict": {"weight": torch.arange(12.0).reshape(3, 4)}, "note": ["text", 0.1, None]}


class Malicious:
    """When unpickled it makes a folder."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.mkdir, (self.trace,)


def save(folder: Path, *steps: int) -> None:
    for step in steps:
        WholeCheckpoints().save_checkpoint({"global_step": step}, checkpoint_path(folder, step))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def limited() -> Iterator[None]:
    """No file may grow beyond 64 KiB: what a full disk does to a writer."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of two epochs of 23 steps."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    run(folder, epochs=2)
    return folder


def test_what_was_saved_is_read(tmp_path: Path) -> None:
    path = checkpoint_path(tmp_path, 3)
    WholeCheckpoints().save_checkpoint(CONTENT, path)
    assert_content(WholeCheckpoints().load_checkpoint(path))


def test_the_newest_two_stay(tmp_path: Path) -> None:
    save(tmp_path, 5, 10, 100_000, 999, 1000)
    assert names(tmp_path) == ["step-000000999.ckpt", "step-000001000.ckpt"]


def test_of_a_run_resumed_before_damaged_ones_those_go(tmp_path: Path) -> None:
    save(tmp_path, 5, 10)
    checkpoint_path(tmp_path, 40).write_bytes(b"damaged")
    save(tmp_path, 15)
    assert names(tmp_path) == ["step-000000010.ckpt", "step-000000015.ckpt"]


def test_other_files_are_no_checkpoints_and_stay(tmp_path: Path) -> None:
    for name in ("notes.txt", "step-5.ckpt.bak", ".step-000000005.ckpt.abc.part", "step-x.ckpt"):
        (tmp_path / name).write_text("mine")
    save(tmp_path, 1, 2, 3)
    assert [path.name for path in checkpoints(tmp_path)] == ["step-000000002.ckpt", "step-000000003.ckpt"]
    assert len(names(tmp_path)) == 6


@pytest.mark.usefixtures("limited")
def test_one_that_does_not_fit_leaves_the_others(tmp_path: Path) -> None:
    save(tmp_path, 1, 2)
    too_large = {"weight": torch.zeros(1 << 16)}
    with pytest.raises(UsageError, match=r"cannot write .*step-000000003\.ckpt: File too large$"):
        WholeCheckpoints().save_checkpoint(too_large, checkpoint_path(tmp_path, 3))
    assert names(tmp_path) == ["step-000000001.ckpt", "step-000000002.ckpt"]
    with pytest.raises(UsageError, match="the former file is intact"):
        WholeCheckpoints().save_checkpoint(too_large, checkpoint_path(tmp_path, 2))
    assert read_checkpoint(checkpoint_path(tmp_path, 2)) == {"global_step": 2}


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_changed_bit_is_found_or_changes_nothing(data: st.DataObject, tmp_path: Path) -> None:
    path = tmp_path / "step-000000003.ckpt"
    WholeCheckpoints().save_checkpoint(CONTENT, path)
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    refusal = ""
    try:
        assert_content(read_checkpoint(path))
    except UsageError as error:
        refusal = str(error)
    assert not refusal or str(path) in refusal
    assert "\n" not in refusal


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_cut_one_is_refused(share: float, tmp_path: Path) -> None:
    path = checkpoint_path(tmp_path, 3)
    WholeCheckpoints().save_checkpoint(CONTENT, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UsageError, match="is damaged or not one"):
        read_checkpoint(path)


@pytest.mark.parametrize("how", ["bare pickle", "torch.save", "torch.save of old", "content of a zip"])
def test_code_in_a_checkpoint_is_refused_and_does_not_run(how: str, tmp_path: Path) -> None:
    path, trace = checkpoint_path(tmp_path, 3), tmp_path / "trace"
    content = {"global_step": 3, "state_dict": Malicious(trace)}
    if how == "bare pickle":
        path.write_bytes(pickle.dumps(content))
    elif how == "content of a zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", pickle.dumps(content, protocol=2))
            archive.writestr("archive/version", "3\n")
    else:
        torch.save(content, path, _use_new_zipfile_serialization=how == "torch.save")
    with pytest.raises(UsageError, match="damaged or not one") as caught:
        read_checkpoint(path)
    assert "\n" not in str(caught.value)
    assert not trace.exists()


def test_what_is_no_mapping_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.ckpt"
    torch.save([1, 2], path)
    with pytest.raises(UsageError, match="holds no checkpoint"):
        read_checkpoint(path)


def test_one_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read the checkpoint .*: No such file"):
        read_checkpoint(tmp_path / "none.ckpt")


class TestOfARun:
    """What a real run wrote, and what another goes on from."""

    @pytest.fixture
    def folder(self, finished: Path, tmp_path: Path) -> Path:
        return Path(shutil.copytree(finished, tmp_path / "run"))

    def test_each_epoch_leaves_one(self, finished: Path) -> None:
        assert names(finished / "checkpoints") == ["step-000000023.ckpt", "step-000000046.ckpt"]

    def test_a_damaged_newest_one_falls_back_to_the_one_before(self, finished: Path, folder: Path) -> None:
        newest = folder / "checkpoints" / "step-000000046.ckpt"
        content = bytearray(newest.read_bytes())
        content[len(content) // 2] ^= 1
        newest.write_bytes(content)
        found = newest_checkpoint(folder)
        assert found is not None
        assert found[0].name == "step-000000023.ckpt"
        shutil.rmtree(folder / "bundle")
        go_on(folder)
        assert equal(weights(folder), weights(finished))
        assert read_checkpoint(newest)["global_step"] == 46

    def test_when_none_can_be_read_the_run_does_not_begin_anew(self, folder: Path) -> None:
        for path in checkpoints(folder / "checkpoints"):
            path.write_bytes(b"damaged")
        with pytest.raises(UsageError, match=r"step-000000046\.ckpt is damaged"):
            go_on(folder)

    def test_of_another_recipe_is_refused(self, folder: Path) -> None:
        recipe = folder / "recipe.yaml"
        recipe.write_text(recipe.read_text().replace("network: lenet5", "network: lenet5_dense"))
        with pytest.raises(
            UsageError, match=r"step-000000046\.ckpt was written when recipe\.yaml said otherwise of netw"
        ):
            go_on(folder)

    def test_of_nobody_knows_what_is_refused(self, folder: Path) -> None:
        torch.save({"global_step": 60}, folder / "checkpoints" / "step-000000060.ckpt")
        with pytest.raises(UsageError, match="is no checkpoint of a run"):
            go_on(folder)


def assert_content(found: dict[str, Any]) -> None:
    assert found.keys() == CONTENT.keys()
    assert found["note"] == CONTENT["note"]
    assert found["global_step"] == 3
    assert torch.equal(found["state_dict"]["weight"], torch.arange(12.0).reshape(3, 4))
