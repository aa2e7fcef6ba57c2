"""Files written whole or not at all, whatever happens on the way."""

import os
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from classicnets.errors import UsageError
from classicnets.files import write_text, write_whole


def in_a_process(code: str, path: Path) -> subprocess.CompletedProcess[str]:
    prelude = """
        import os, resource, signal, sys
        from pathlib import Path
        from classicnets.errors import UsageError
        from classicnets.files import write_text, write_whole
        path = Path(sys.argv[1])
    """
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(prelude) + textwrap.dedent(code), str(path)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_it_writes_utf_8_and_makes_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "text"
    write_text(path, "Ähre × 2\n")
    assert path.read_bytes() == "Ähre × 2\n".encode()
    write_text(path, "")
    assert path.read_bytes() == b""
    assert names(path.parent) == ["text"]


def test_an_error_on_the_way_leaves_the_former_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("former")

    def fail(beside: Path) -> None:
        beside.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(path, fail)
    assert path.read_text() == "former"
    assert names(tmp_path) == ["file"]


def test_the_former_file_is_there_until_the_new_one_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("former")

    def write(beside: Path) -> None:
        assert beside.parent == path.parent, "a rename is one step only within a file system"
        beside.write_text("new")
        assert path.read_text() == "former"

    write_whole(path, write)
    assert path.read_text() == "new"


@pytest.mark.parametrize("former", [None, "former"])
def test_a_full_disk_costs_the_new_content_only(tmp_path: Path, former: str | None) -> None:
    path = tmp_path / "file"
    if former is not None:
        path.write_text(former)
    ended = in_a_process(
        """
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            write_text(path, "x" * 100_000)
        except UsageError as error:
            print(error)
        """,
        path,
    )
    kept = "" if former is None else "; the former file is intact"
    assert ended.stdout == f"cannot write {path}: File too large{kept}\n"
    assert names(tmp_path) == ([] if former is None else ["file"])
    assert former is None or path.read_text() == former


def test_a_process_killed_half_way_leaves_the_former_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("former")
    ended = in_a_process(
        """
        def write(beside):
            beside.write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)

        write_whole(path, write)
        """,
        path,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert path.read_text() == "former"
    write_text(path, "new")
    assert path.read_text() == "new"


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_permissions_are_what_the_user_set_for_new_files(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        write_text(tmp_path / "file", "text")
        assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~mask
        assert os.umask(mask) == mask, "the user's mask was changed"
    finally:
        os.umask(before)


@pytest.mark.parametrize("place", ["/proc/file", "/dev/null/file"])
def test_a_folder_that_takes_no_files_is_named(place: str) -> None:
    with pytest.raises(UsageError, match=f"^cannot write {place}: ") as caught:
        write_text(Path(place), "text")
    assert "intact" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_in_the_place_of_the_file_stays(tmp_path: Path) -> None:
    (tmp_path / "taken" / "inside").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"cannot write .*taken: Is a directory"):
        write_text(tmp_path / "taken", "text")
    assert names(tmp_path) == ["taken"]
    assert names(tmp_path / "taken") == ["inside"]
