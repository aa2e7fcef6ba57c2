"""Getting sets over real HTTP connections, good and bad ones, and verifying what lies in the data folder."""

import dataclasses
import socket
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest

from classicnets.data.descriptions import SetDescription
from classicnets.data.download import check, check_files, get, get_set
from classicnets.data.local import read
from classicnets.errors import UsageError
from tests.data.home import Home, Ranges
from tests.data.small_sets import CIFAR_CONTENTS, COLOUR, GREY, IDX_CONTENTS, LABELS, TRAIN, cifar_set, idx_set, sha256

ARCHIVE = "colour.tar.gz"


@pytest.fixture
def colour(home: Home) -> SetDescription:
    """A set of one tar archive, which ``home`` holds."""
    description, archives = cifar_set(home.url)
    home.files.update(archives)
    return description


@pytest.fixture
def grey(home: Home) -> SetDescription:
    """A set of four gz archives, which ``home`` holds."""
    description, archives = idx_set(home.url)
    home.files.update(archives)
    return description


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def failure(description: SetDescription, data_dir: Path, *, timeout: float = 30) -> str:
    """The line that getting the set ends with."""
    with pytest.raises(UsageError) as caught:
        get_set(description, data_dir=data_dir, timeout=timeout)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_set_of_gz_archives_is_fetched_unpacked_and_verified(
    home: Home, grey: SetDescription, tmp_path: Path
) -> None:
    folder = get_set(grey, data_dir=tmp_path)
    assert folder == tmp_path / "grey"
    assert {**files_in(folder), "SHA256SUMS": b""} == {**IDX_CONTENTS, "SHA256SUMS": b""}
    train, test = read(grey, data_dir=tmp_path)
    assert np.array_equal(np.concatenate([train.pixels, test.pixels]), GREY)
    assert [*train.labels, *test.labels] == LABELS.tolist()
    checked = check_files(grey, data_dir=tmp_path)
    assert (checked.train_count, checked.test_count, checked.files) == (12, 4, tuple(IDX_CONTENTS))


def test_a_set_of_one_tar_archive_is_fetched_unpacked_and_verified(
    home: Home, colour: SetDescription, tmp_path: Path
) -> None:
    folder = get_set(colour, data_dir=tmp_path)
    assert {**files_in(folder), "SHA256SUMS": b""} == {**CIFAR_CONTENTS, "SHA256SUMS": b""}
    train, _ = read(colour, data_dir=tmp_path)
    assert np.array_equal(train.pixels, COLOUR[:TRAIN])
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, check=True, capture_output=True)


def test_progress_grows_to_the_size_of_all_archives(grey: SetDescription, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    get_set(grey, data_dir=tmp_path, progress=lambda done, total: seen.append((done, total)))
    total = sum(archive.size for archive in grey.archives)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (total, total)
    assert len({done for done, _ in seen}) == len(grey.archives)


def test_what_is_complete_is_not_fetched_again(home: Home, grey: SetDescription, tmp_path: Path) -> None:
    folder = get_set(grey, data_dir=tmp_path)
    home.requests.clear()
    get_set(grey, data_dir=tmp_path)
    assert home.requests == []
    (folder / "t10k-labels-idx1-ubyte").unlink()
    get_set(grey, data_dir=tmp_path)
    assert home.requests == [("t10k-labels-idx1-ubyte.gz", None)]


def test_a_connection_that_is_cut_is_taken_up_where_it_broke_off(
    home: Home, colour: SetDescription, tmp_path: Path
) -> None:
    home.cuts = [100, 50]
    get_set(colour, data_dir=tmp_path)
    assert [wanted for _, wanted in home.requests] == [None, "bytes=100-", "bytes=150-"]
    check_files(colour, data_dir=tmp_path)


def test_the_next_call_goes_on_from_what_the_last_left(home: Home, colour: SetDescription, tmp_path: Path) -> None:
    home.cuts = [20] * 5
    assert "broke off 5 times; run this again to go on" in failure(colour, tmp_path)
    part = tmp_path / "colour" / f"{ARCHIVE}.part"
    assert part.read_bytes() == home.files[ARCHIVE][:100]
    home.requests.clear()
    get_set(colour, data_dir=tmp_path)
    assert home.requests == [(ARCHIVE, "bytes=100-")]
    assert not part.exists()


@pytest.mark.parametrize(
    ("ranges", "asked"),
    [("ignored", ["bytes=100-"]), ("shifted", ["bytes=100-", None])],
)
def test_a_server_that_cannot_go_on_begins_anew(
    home: Home, colour: SetDescription, tmp_path: Path, ranges: Ranges, asked: list[str | None]
) -> None:
    home.ranges = ranges
    leave_part(tmp_path, home.files[ARCHIVE][:100])
    get_set(colour, data_dir=tmp_path)
    assert [wanted for _, wanted in home.requests] == asked
    check_files(colour, data_dir=tmp_path)


def test_a_part_longer_than_the_file_is_begun_anew(home: Home, colour: SetDescription, tmp_path: Path) -> None:
    leave_part(tmp_path, home.files[ARCHIVE] + b"more")
    get_set(colour, data_dir=tmp_path)
    check_files(colour, data_dir=tmp_path)


def test_a_part_that_is_whole_is_not_fetched(home: Home, colour: SetDescription, tmp_path: Path) -> None:
    leave_part(tmp_path, home.files[ARCHIVE])
    get_set(colour, data_dir=tmp_path)
    assert home.requests == []
    check_files(colour, data_dir=tmp_path)


def test_a_wrong_sum_is_said_and_the_part_deleted(home: Home, colour: SetDescription, tmp_path: Path) -> None:
    home.files[ARCHIVE] = page = b"<html>Please log in to this network</html>"
    message = failure(colour, tmp_path)
    sums = f"SHA-256 should be {colour.archives[0].sha256}, is {sha256(page)}; what came is deleted"
    assert f"{home.url}{ARCHIVE}: {sums}" in message
    assert list((tmp_path / "colour").iterdir()) == []


def test_a_damaged_part_costs_one_call(home: Home, colour: SetDescription, tmp_path: Path) -> None:
    leave_part(tmp_path, b"\0" * 100)
    assert "what came is deleted" in failure(colour, tmp_path)
    get_set(colour, data_dir=tmp_path)
    check_files(colour, data_dir=tmp_path)


def test_homes_are_tried_in_turn(home: Home, colour: SetDescription, tmp_path: Path) -> None:
    description = dataclasses.replace(colour, homes=(f"{home.url}moved/", home.url))
    get_set(description, data_dir=tmp_path)
    assert [name for name, _ in home.requests] == [f"moved/{ARCHIVE}", ARCHIVE]


def test_all_homes_that_failed_are_named(home: Home, colour: SetDescription, tmp_path: Path) -> None:
    closed = f"http://127.0.0.1:{unused_port()}/"
    message = failure(dataclasses.replace(colour, homes=(f"{home.url}moved/", closed)), tmp_path)
    assert message.startswith(f"cannot get colour: {home.url}moved/{ARCHIVE}: HTTP 404 Not Found; {closed}{ARCHIVE}: ")
    assert "Connection refused" in message
    assert message.endswith(f"or first place {ARCHIVE} in {tmp_path / 'colour'} by hand")


def test_a_silent_home_is_given_up(colour: SetDescription, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        message = failure(dataclasses.replace(colour, homes=(address,)), tmp_path, timeout=0.1)
    assert "timed out" in message


def test_an_archive_placed_by_hand_is_unpacked_and_left(home: Home, colour: SetDescription, tmp_path: Path) -> None:
    placed = tmp_path / "colour" / ARCHIVE
    placed.parent.mkdir()
    placed.write_bytes(home.files.pop(ARCHIVE))
    get_set(colour, data_dir=tmp_path)
    check_files(colour, data_dir=tmp_path)
    assert placed.exists()
    assert home.requests == []


def test_a_wrong_archive_placed_by_hand_is_refused(colour: SetDescription, tmp_path: Path) -> None:
    placed = tmp_path / "colour" / ARCHIVE
    placed.parent.mkdir()
    placed.write_bytes(b"another")
    assert f"{placed}: SHA-256 should be {colour.archives[0].sha256}, is " in failure(colour, tmp_path)
    assert files_in(placed.parent) == {ARCHIVE: b"another"}


def test_members_of_a_tar_cannot_lead_elsewhere(home: Home, tmp_path: Path) -> None:
    wanted = {f"colour-bin/{name}": content for name, content in CIFAR_CONTENTS.items()}
    description, archives = cifar_set(
        home.url, archive={"../evil": b"", "colour-bin/../../evil": b"", f"{tmp_path}/evil": b"", **wanted}
    )
    home.files.update(archives)
    data_dir = tmp_path / "deep" / "data"
    get_set(description, data_dir=data_dir)
    assert {path.name for path in tmp_path.rglob("*")} == {"deep", "data", "colour", "SHA256SUMS", *CIFAR_CONTENTS}


def test_a_link_in_a_tar_is_not_taken_for_a_file(home: Home, tmp_path: Path) -> None:
    link = tarfile.TarInfo()
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
    members = {f"colour-bin/{name}": content for name, content in CIFAR_CONTENTS.items()}
    description, archives = cifar_set(home.url, archive={**members, "colour-bin/test_batch.bin": link})
    home.files.update(archives)
    assert failure(description, tmp_path).endswith("holds no colour-bin/test_batch.bin")
    assert not (tmp_path / "colour" / "test_batch.bin").exists()


def test_a_file_in_a_tar_with_another_content_is_not_written(home: Home, tmp_path: Path) -> None:
    members = {f"colour-bin/{name}": content for name, content in CIFAR_CONTENTS.items()}
    description, archives = cifar_set(home.url, archive={**members, "colour-bin/test_batch.bin": b"another"})
    home.files.update(archives)
    assert "test_batch.bin is not written: SHA-256 should be " in failure(description, tmp_path)
    assert not (tmp_path / "colour" / "test_batch.bin").exists()


def test_check_finds_an_altered_file_and_get_repairs_it(home: Home, grey: SetDescription, tmp_path: Path) -> None:
    path = get_set(grey, data_dir=tmp_path) / "train-images-idx3-ubyte"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(UsageError, match=f"{path}: altered: .*: classicnets data get grey --data-dir {tmp_path}$"):
        check_files(grey, data_dir=tmp_path)
    home.requests.clear()
    get_set(grey, data_dir=tmp_path)
    assert [name for name, _ in home.requests] == ["train-images-idx3-ubyte.gz"]
    check_files(grey, data_dir=tmp_path)


def test_check_finds_a_short_and_a_missing_file(grey: SetDescription, tmp_path: Path) -> None:
    path = get_set(grey, data_dir=tmp_path) / "t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UsageError, match=f"{path}: has 267 bytes, its header promises 268; get the set again with: "):
        check_files(grey, data_dir=tmp_path)
    path.unlink()
    with pytest.raises(UsageError, match=f"grey is not in {tmp_path}/grey .no {path.name}.; get it with: "):
        check_files(grey, data_dir=tmp_path)


def test_check_finds_an_altered_manifest(grey: SetDescription, tmp_path: Path) -> None:
    manifest = get_set(grey, data_dir=tmp_path) / "SHA256SUMS"
    manifest.write_text(manifest.read_text().replace("a", "b"))
    with pytest.raises(UsageError, match=f"{manifest}: altered"):
        check_files(grey, data_dir=tmp_path)
    get_set(grey, data_dir=tmp_path)
    check_files(grey, data_dir=tmp_path)


def test_a_data_folder_that_cannot_be_written_is_named(colour: SetDescription, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert f"cannot write {tmp_path}/file/colour/{ARCHIVE}.part: " in failure(colour, tmp_path / "file")


def test_digits_need_no_getting(tmp_path: Path) -> None:
    for action in (get, check):
        with pytest.raises(UsageError, match="digits comes with classicnets"):
            action("digits", data_dir=tmp_path)


def test_an_unknown_set_is_refused_with_near_names(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no data set 'fashion'; did you mean fashion-mnist"):
        get("fashion", data_dir=tmp_path)


def leave_part(data_dir: Path, content: bytes) -> None:
    """Leave what an earlier transfer might have."""
    (data_dir / "colour").mkdir()
    (data_dir / "colour" / f"{ARCHIVE}.part").write_bytes(content)


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port
